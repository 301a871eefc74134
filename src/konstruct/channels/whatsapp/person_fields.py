"""Fields of their own that tell of people: another id, a wish, a call. Pure."""

from __future__ import annotations

from konstruct.channels.port import Ignored, Inbound
from konstruct.channels.port_events import Called, PreferenceChanged
from konstruct.channels.whatsapp import payload
from konstruct.channels.whatsapp.authors import Contacts
from konstruct.channels.whatsapp.envelope import Change
from konstruct.channels.whatsapp.payload import Payload
from konstruct.channels.whatsapp.system_messages import WISHES, readdressed

WISH, ID, CALL = "user_preferences", "user_id_update", "calls"


def preference(change: Change, contacts: Contacts, item: Payload, alone: bool) -> Inbound:
    """Return what a person told WhatsApp about messages that the business begins."""
    author = contacts.author(item, own="user_id", parent="parent_user_id", phone="wa_id", alone=alone)
    value = payload.text(item, "value", 20)
    wants = WISHES.get(value)
    if author is None or wants is None:
        return Ignored("a wish without work for us")
    at, category = payload.seconds(item, "timestamp") or change.at or 0, payload.word(item, "category") or "unknown"
    return PreferenceChanged(
        **change.names(f"preference:{author.id}:{category}:{value}:{at}"),
        person_id=author.id,
        wants=wants,
        category=category,
        at=float(at),
        aliases=author.aliases,
    )


def another_id(change: Change, contacts: Contacts, item: Payload, alone: bool) -> Inbound:
    """Return that a person is called otherwise now. The phone number that is told besides is the one of now."""
    own, parent = payload.mapping(item, "user_id"), payload.mapping(item, "parent_user_id")
    old = [payload.person(each, "previous") for each in (own, parent)]
    new = [payload.person(own, "current"), payload.person(item, "wa_id"), payload.person(parent, "current")]
    at = payload.seconds(item, "timestamp") or change.at or 0
    known = tuple(dict.fromkeys(each for each in new if each is not None))
    gone = tuple(each for each in old if each is not None)
    return readdressed(change, f"user_id:{gone[0] if gone else ''}:{known[0] if known else ''}:{at}", gone, known, at)


def call(change: Change, contacts: Contacts, item: Payload, alone: bool) -> Inbound:
    """Return the call that a person makes: when it begins, once."""
    author = contacts.author(item, own="from_user_id", parent="from_parent_user_id", phone="from", alone=alone)
    ours = payload.text(item, "direction", 40) == "BUSINESS_INITIATED" or (author is not None and change.display in author.ids)
    call_id, at = payload.identifier(item, "id"), payload.seconds(item, "timestamp") or change.at
    if author is None or ours or call_id is None or at is None or payload.text(item, "event", 40) != "connect":
        return Ignored("a call without work for us")
    return Called(**change.names(f"call:{call_id}"), person_id=author.id, at=float(at))
