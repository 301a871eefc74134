"""What a person changes about the phone itself: its number, what businesses may see of it, and whom it lets write."""

from __future__ import annotations

import secrets
from dataclasses import replace

from konstruct.local.sandbox.meta.meta import Meta
from konstruct.local.sandbox.meta.model import Number, Phone
from konstruct.local.sandbox.meta.persons import Person
from konstruct.local.sandbox.meta.phones import DAY_S as WINDOW_S
from konstruct.local.sandbox.meta.post import Happening
from konstruct.local.sandbox.meta.values import contact, frame, ids, message_value, stamp


def change_number(meta: Meta, phone: Phone) -> Phone:
    """Give a phone a new number: every business that it has written with hears the old ids and the new ones."""
    store, digits = meta.store, phone.digits
    while digits == phone.digits or store.phones.by_digits(digits) is not None:
        digits = f"{phone.digits[:-6]}{secrets.randbelow(10**6):06d}"
    store.phones.move(phone, digits)
    moved = replace(phone, digits=digits, moved=phone.moved + 1)
    for number in store.businesses.all_numbers():
        if store.notes.chat(phone.phone_id, number.phone_number_id, 1):
            _tell_moved(meta, number, phone, moved)
    return moved


def _tell_moved(meta: Meta, number: Number, old: Phone, new: Phone) -> None:
    store = meta.store
    account, portfolio = store.businesses.owner(number)
    business_id = portfolio.business_id
    body = f"User {old.name} changed from {old.digits} to {new.digits}"
    note = store.notes.add(old.phone_id, number.phone_number_id, old.digits, "system", {"body": "You changed your number"})
    system = {"type": "user_changed_number", "body": body, **ids(new, business_id, "wa_id", "user_id")}
    if not new.shows_number:
        system["body"] = f"User {old.name} changed their number"
    said = message_value(number, business_id, old, note, {"system": system})
    del said["contacts"]
    before, after = old.user_id(business_id), new.user_id(business_id)
    changed = {"detail": system["body"], "user_id": {"previous": before, "current": after}, "timestamp": stamp()}
    shown = {"wa_id": new.digits} if new.shows_number else {}
    update = {**frame(number), "contacts": [contact(new, business_id)], "user_id_update": [{**shown, **changed}]}
    places = (old.phone_id, number.phone_number_id)
    meta.post.tell(
        [
            Happening(account.waba_id, "messages", said, *places, note.wamid),
            Happening(account.waba_id, "user_id_update", update, *places),
        ]
    )


def block(person: Person, blocked: bool) -> None:
    """Block a business, or let it write again: the app hears nothing of it."""
    _mark(person, blocked=blocked)


def report(person: Person) -> None:
    """Report a business and block it: the quality of its number falls."""
    falls = {"GREEN": "YELLOW", "YELLOW": "RED", "UNKNOWN": "YELLOW"}
    number = person.meta.store.businesses.number(person.number.phone_number_id)
    if number is not None and number.quality in falls:
        person.meta.store.businesses.change(number, quality=falls[number.quality])
    block(person, True)


def stop_marketing(person: Person, stopped: bool) -> None:
    """Stop a business's promotions, or let them come again: the app hears of it."""
    _mark(person, marketing_stopped=stopped)
    preference = {
        **ids(person.phone, person.business_id, "wa_id", "user_id"),
        "detail": f"User requested to {'stop' if stopped else 'resume'} marketing messages",
        "category": "marketing_messages",
        "value": "stop" if stopped else "resume",
        "timestamp": int(stamp()),
    }
    seen = {"contacts": [contact(person.phone, person.business_id)]}
    person.tell("user_preferences", {**frame(person.number), **seen, "user_preferences": [preference]})


def call(person: Person) -> None:
    """Call the business: it opens the window as a message does."""
    phone, number, store = person.phone, person.number, person.meta.store
    note = store.notes.add(phone.phone_id, number.phone_number_id, phone.digits, "call", {"body": "Voice call"})
    store.phones.mark(phone.phone_id, number.phone_number_id, window_until=person.meta.now() + WINDOW_S)
    call_id = "wacid." + note.wamid.removeprefix("wamid.")
    ringing = {
        "id": call_id,
        **ids(phone, person.business_id, "from", "from_user_id"),
        "to": number.digits,
        "event": "connect",
        "timestamp": stamp(),
        "direction": "USER_INITIATED",
    }
    ended = {**ringing, "event": "terminate", "status": "FAILED"}
    for each in (ringing, ended):
        seen = {"contacts": [contact(phone, person.business_id)]}
        person.tell("calls", {**frame(number), **seen, "calls": [each]})


def _mark(person: Person, **values: bool) -> None:
    store = person.meta.store
    store.phones.mark(person.phone.phone_id, person.number.phone_number_id, **values)
    store.notes.touch(person.phone.phone_id, person.number.phone_number_id)
