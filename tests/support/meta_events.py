"""Signed deliveries of Meta's WhatsApp webhook, written after Meta's documentation and not after our parser."""

from __future__ import annotations

import base64
import hashlib
import hmac
import itertools
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Payload = dict[str, Any]
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Number:
    """One business number, as deliveries name it."""

    waba: str
    phone_number_id: str
    display: str
    """Digits."""
    token: str = "EAAG-canary"
    portfolio: str = "9000"


@dataclass(frozen=True)
class Person:
    """Somebody who writes. Of the ids at least one is known."""

    phone: str | None = "15557770001"
    user_id: str | None = "US.13491208655302741918"
    name: str = "Ann"
    parent_user_id: str | None = None
    username: str | None = None

    def contact(self) -> Payload:
        """Return the entry of `contacts`."""
        profile = {"name": self.name, **({"username": self.username} if self.username else {})}
        named = {"wa_id": self.phone, "user_id": self.user_id, "parent_user_id": self.parent_user_id}
        return {"profile": profile, **_known(named)}

    def sender(self) -> Payload:
        """Return how a message names its author."""
        return _known({"from": self.phone, "from_user_id": self.user_id, "from_parent_user_id": self.parent_user_id})

    def recipient(self) -> Payload:
        """Return how a status names who the message went to."""
        named = {"recipient_id": self.phone, "recipient_user_id": self.user_id}
        return _known(named | {"recipient_parent_user_id": self.parent_user_id})


ANN = Person()


def encode(payload: Payload) -> bytes:
    """Return the bytes that Meta sends, and signs: what is not ASCII is escaped, and slashes are as well."""
    return json.dumps(payload, separators=(",", ":")).replace("/", "\\/").encode()


def sign(body: bytes, secret: str) -> dict[str, str]:
    """Return the headers of a delivery of `body`."""
    digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return {"X-Hub-Signature-256": f"sha256={digest}", "Content-Type": "application/json"}


def challenge(token: str, word: str = "1158201444") -> dict[str, str]:
    """Return the query of the question whether the webhook is ours."""
    return {"hub.mode": "subscribe", "hub.verify_token": token, "hub.challenge": word}


def new_wamid() -> str:
    """Return a message's id that was never used before."""
    raw = f"{time.time_ns():x}.{next(_numbers)}".encode()
    return f"wamid.HBgL{base64.b64encode(raw).decode()}"


def envelope(*changes: Payload, waba: str = "0", at: int | None = None) -> Payload:
    """Return a delivery of these changes of one business account."""
    entry = {"id": waba, "time": int(time.time()) if at is None else at, "changes": list(changes)}
    return {"object": "whatsapp_business_account", "entry": [entry]}


def batch(*deliveries: Payload) -> Payload:
    """Return one delivery with the entries of all."""
    return {"object": "whatsapp_business_account", "entry": [entry for each in deliveries for entry in each["entry"]]}


def of_number(number: Number, field: str = "messages", **value: Any) -> Payload:
    """Return a delivery of a number; `value` is what the change holds besides the number."""
    metadata = {"display_phone_number": number.display, "phone_number_id": number.phone_number_id}
    whole = {"messaging_product": "whatsapp", "metadata": metadata, **value}
    return envelope({"field": field, "value": whole}, waba=number.waba)


def of_business(number: Number, field: str, /, at: int | None = None, **value: Any) -> Payload:
    """Return a delivery about a business account with all its numbers."""
    return envelope({"field": field, "value": value}, waba=number.waba, at=at)


def message(
    number: Number,
    kind: str,
    content: Any = None,
    person: Person = ANN,
    *,
    wamid: str | None = None,
    at: float | str | None = None,
    **more: Any,
) -> Payload:
    """Return the delivery of one message of `person`; `more` goes into the message."""
    return messages(number, raw_message(kind, content, person, wamid=wamid, at=at, **more), people=[person])


def raw_message(
    kind: str, content: Any = None, person: Person = ANN, *, wamid: str | None = None, at: float | str | None = None, **more: Any
) -> Payload:
    """Return one entry of `messages`."""
    stamp = at if isinstance(at, str) else str(int(time.time() if at is None else at))
    said = {} if content is None else {kind: content}
    return {**person.sender(), "id": wamid or new_wamid(), "timestamp": stamp, "type": kind, **said, **more}


def messages(number: Number, *found: Payload, people: Sequence[Person] = (ANN,)) -> Payload:
    """Return the delivery of several messages of a number."""
    return of_number(number, contacts=[person.contact() for person in people], messages=list(found))


def text(number: Number, body: str, person: Person = ANN, **more: Any) -> Payload:
    """Return the delivery of a text."""
    return message(number, "text", {"body": body}, person, **more)


def wamid_of(delivery: Payload) -> str:
    """Return the id of a delivery's first message or status."""
    value = delivery["entry"][0]["changes"][0]["value"]
    found: str = (value.get("messages") or value["statuses"])[0]["id"]
    return found


def status(
    number: Number,
    wamid: str,
    state: str,
    person: Person = ANN,
    *,
    delivery: str | None = None,
    pricing: Mapping[str, Any] | None = None,
    errors: Sequence[Mapping[str, Any]] = (),
    at: float | None = None,
) -> Payload:
    """Return the delivery of what became of a message of ours; `delivery` is what we sent along."""
    one = raw_status(wamid, state, person, delivery=delivery, pricing=pricing, errors=errors, at=at)
    return of_number(number, contacts=[person.contact()], statuses=[one])


def raw_status(
    wamid: str,
    state: str,
    person: Person = ANN,
    *,
    delivery: str | None = None,
    pricing: Mapping[str, Any] | None = None,
    errors: Sequence[Mapping[str, Any]] = (),
    at: float | None = None,
) -> Payload:
    """Return one entry of `statuses`."""
    stamp = str(int(time.time() if at is None else at))
    found: Payload = {"id": wamid, "status": state, "timestamp": stamp, **person.recipient()}
    if pricing is not None:
        found["pricing"] = {"pricing_model": "PMP", **pricing}
    if errors:
        found["errors"] = list(errors)
    return found if delivery is None else found | {"biz_opaque_callback_data": delivery}


def edit(number: Number, original: str, kind: str, content: Any, person: Person = ANN, **more: Any) -> Payload:
    """Return the delivery of an edit: the message `original` is of this kind and content now."""
    now = {"original_message_id": original, "message": {"type": kind, kind: content}}
    return message(number, "edit", now, person, **more)


def revoke(number: Number, original: str, person: Person = ANN, **more: Any) -> Payload:
    """Return the delivery of a message's deletion."""
    return message(number, "revoke", {"original_message_id": original}, person, **more)


def changed_number(number: Number, old: Person, new: Person, **more: Any) -> Payload:
    """Return the system message by which a person has another phone number, and with it another id. It has no contacts."""
    told = {
        "body": f"User {old.name} changed from {old.phone} to {new.phone}",
        "type": "user_changed_number",
        **_known({"wa_id": new.phone, "user_id": new.user_id, "parent_user_id": new.parent_user_id}),
        **_known({"previous_user_id": old.user_id, "previous_parent_user_id": old.parent_user_id}),
    }
    return of_number(number, messages=[raw_message("system", told, old, **more)])


def changed_user_id(number: Number, old: Person, new: Person, **more: Any) -> Payload:
    """Return the system message by which a person has another id, and no phone number is told."""
    told = {
        "body": "User changed user id",
        "type": "user_changed_user_id",
        **_known({"user_id": new.user_id, "parent_user_id": new.parent_user_id}),
        **_known({"previous_user_id": old.user_id, "previous_parent_user_id": old.parent_user_id}),
    }
    nameless = Person(None, None)
    return of_number(number, messages=[raw_message("system", told, nameless, **more)])


def user_id_update(number: Number, old: Person, new: Person, at: float | None = None) -> Payload:
    """Return the delivery of the field of that name."""
    ids = {"user_id": {"previous": old.user_id, "current": new.user_id}}
    if new.parent_user_id:
        ids["parent_user_id"] = {"previous": old.parent_user_id, "current": new.parent_user_id}
    told = {**_known({"wa_id": new.phone}), "detail": "User id changed", **ids, "timestamp": _stamp(at)}
    return of_number(number, "user_id_update", contacts=[new.contact()], user_id_update=[told])


def preference(number: Number, value: str, person: Person = ANN, at: float | None = None) -> Payload:
    """Return the delivery by which a person wants marketing messages no more ("stop"), or again ("resume")."""
    detail = "User requested to stop marketing messages" if value == "stop" else "User requested to resume marketing messages"
    told = {**_known({"wa_id": person.phone, "user_id": person.user_id}), "detail": detail, "category": "marketing_messages"}
    one = told | {"value": value, "timestamp": _stamp(at)}
    return of_number(number, "user_preferences", contacts=[person.contact()], user_preferences=[one])


def call(number: Number, person: Person = ANN, event: str = "connect", at: float | None = None, **more: Any) -> Payload:
    """Return the delivery of a call that a person makes."""
    one = {"id": f"wacid.{next(_numbers)}", "to": number.display, **person.sender(), "event": event, "timestamp": str(_stamp(at))}
    return of_number(number, "calls", contacts=[person.contact()], calls=[one | {"direction": "USER_INITIATED"} | more])


def _stamp(at: float | None) -> int:
    return int(time.time() if at is None else at)


def _known(values: Mapping[str, Any]) -> Payload:
    return {name: value for name, value in values.items() if value is not None}
