"""What WhatsApp itself says in a conversation: a person has another number, another id, another wish. Pure."""

from __future__ import annotations

from konstruct.channels.port import Ignored, Inbound
from konstruct.channels.port_events import PreferenceChanged, Readdressed
from konstruct.channels.whatsapp import payload
from konstruct.channels.whatsapp.authors import Author
from konstruct.channels.whatsapp.envelope import Change
from konstruct.channels.whatsapp.payload import Payload

TYPE = "system"
_CHANGES = frozenset(("user_changed_number", "customer_changed_number", "user_changed_user_id"))
"""customer_: what it was called before."""
WISHES = {"stop": False, "resume": True, "signup": True}
"""What a person may say of messages that the business begins, and whether they want them."""


def read(change: Change, author: Author | None, message: Payload) -> Inbound:
    """Return what a message of the type "system" says. Of a changed id it may not name the author at all."""
    system, wamid = payload.mapping(message, "system"), payload.identifier(message, "id")
    if wamid is None:
        return Ignored("a message without an id")
    kind = payload.text(system, "type", 60)
    at = payload.seconds(message, "timestamp") or change.at or 0
    if kind in _CHANGES:
        return _readdressed(change, author, system, wamid, at)
    wish = WISHES.get(payload.text(system, "marketing", 20))
    if kind == "user_preference_changed" and author is not None and wish is not None:
        names = change.names(wamid)
        return PreferenceChanged(
            **names, person_id=author.id, wants=wish, category="marketing_messages", at=float(at), aliases=author.aliases
        )
    return Ignored("a notice without work for us")


def _readdressed(change: Change, author: Author | None, system: Payload, wamid: str, at: int) -> Inbound:
    new = ids_of(system, "user_id", "wa_id", "new_wa_id", "parent_user_id")
    said = ids_of(system, "previous_user_id", "customer", "previous_parent_user_id")
    return readdressed(change, wamid, (*said, *(author.ids if author else ())), new, at)


def readdressed(change: Change, key: str, old: tuple[str, ...], new: tuple[str, ...], at: int) -> Inbound:
    """Return that a person is called otherwise now, if that says anything: ids that stay are none of the old ones."""
    gone = tuple(dict.fromkeys(each for each in old if each not in new))
    if not gone or not new:
        return Ignored("nobody is called otherwise")
    return Readdressed(**change.names(key), old_ids=gone, new_ids=new, at=float(at))


def ids_of(data: Payload, *names: str) -> tuple[str, ...]:
    """Return the ids of a person in these fields, in their order, each once."""
    found = (payload.person(data, name) for name in names)
    return tuple(dict.fromkeys(each for each in found if each is not None))
