"""A webhook body of Meta as what the house knows. One body may hold thousands of messages, of many numbers and people. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from konstruct.channels.port import Echo, Ignored, Inbound
from konstruct.channels.whatsapp import (
    account_fields,
    messages,
    payload,
    person_fields,
    statuses,
    system_messages,
    template_fields,
)
from konstruct.channels.whatsapp.authors import Author, Contacts
from konstruct.channels.whatsapp.envelope import Change, changes
from konstruct.channels.whatsapp.payload import Payload


@dataclass(frozen=True, slots=True)
class _Found:
    """Something that a body holds, and the piece of the body that it alone is."""

    inbound: Inbound
    piece: Callable[[], bytes] = field(repr=False)


_ByPerson = Callable[[Change, Contacts, Payload, bool], Inbound]
_BY_PERSON: Mapping[str, _ByPerson] = {
    person_fields.WISH: person_fields.preference,
    person_fields.ID: person_fields.another_id,
    person_fields.CALL: person_fields.call,
}
"""Fields whose value has a list of their own name, each item of which is about one person."""


def read(body: bytes) -> Sequence[Inbound]:
    """Return what a verified body holds. Raises ValueError, without content in its text, for any other form.

    What came with others bears the piece of the body that is its own: nothing of one person is kept with another's words.
    """
    found = [each for change in changes(payload.load(body)) for each in _read(change)]
    if len(found) == 1:
        return [found[0].inbound]
    return [_with_piece(each) for each in found]


def _with_piece(found: _Found) -> Inbound:
    inbound = found.inbound
    return inbound if isinstance(inbound, Ignored | Echo) else replace(inbound, piece=found.piece())


def _read(change: Change) -> Iterator[_Found]:
    if change.field == "messages" and change.number is not None:
        yield from _messages(change)
    elif change.field in _BY_PERSON and change.number is not None:
        contacts, listed = Contacts(change.value), payload.items(change.value, change.field)
        for item in listed:
            inbound = _BY_PERSON[change.field](change, contacts, item, len(listed) == 1)
            yield _Found(inbound, _alone(change, change.field, item, None))
    elif change.business is not None and (reader := _reader(change.field)) is not None:
        events = reader(change, change.business)
        yield from (_Found(event, change.whole) for event in events)
        if not events:
            yield _Found(Ignored("a field that says nothing"), change.whole)
    else:
        # Among them what somebody of the business wrote on the phone itself, and conversations of before.
        yield _Found(Ignored("a field without work for us"), change.whole)


def _reader(name: str) -> account_fields.Read | None:
    return template_fields.read if name in template_fields.FIELDS else account_fields.READERS.get(name)


def _messages(change: Change) -> Iterator[_Found]:
    contacts = Contacts(change.value)
    posted, told = payload.items(change.value, "messages"), payload.items(change.value, "statuses")
    for message in posted:
        author = contacts.author(message, own="from_user_id", parent="from_parent_user_id", phone="from", alone=len(posted) == 1)
        inbound: Inbound
        if payload.text(message, "type", 60) == system_messages.TYPE:
            inbound = system_messages.read(change, author, message)
        elif author is None:
            inbound = Ignored("a message of nobody")
        else:
            inbound = messages.read(change, author, message)
        yield _Found(inbound, _alone(change, "messages", message, author))
    for status in told:
        author = contacts.author(
            status,
            own="recipient_user_id",
            parent="recipient_parent_user_id",
            phone="recipient_id",
            alone=len(told) == 1 and not posted,
        )
        yield _Found(statuses.read(change, author, status), _alone(change, "statuses", status, author))


def _alone(change: Change, name: str, item: Payload, author: Author | None) -> Callable[[], bytes]:
    said = [author.contact] if author is not None and author.contact is not None else []
    return lambda: change.alone(name, item, said)
