"""Full-text search over a tenant's messages: every word asked for, the newest first, never stale."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from konstruct.conversations import search_repository as repository
from konstruct.conversations.search_repository import Found
from konstruct.conversations.search_terms import Piece, Search, parse, snippet, terms_of
from konstruct.db.session import TenantSession

PAGE = 20
NEWEST = UUID(int=(1 << 128) - 1)


@dataclass(frozen=True, slots=True)
class Hit:
    """A message that was found, with the words asked for marked."""

    message: Found
    snippet: tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class Results:
    """One page of hits."""

    asked: bool
    """False if there was no word to look for."""
    hits: tuple[Hit, ...]
    next: UUID | None
    """The cursor of the next page: older than this message. None on the last one."""


async def search(session: TenantSession, text: str, before: UUID | None = None, limit: int = PAGE) -> Results:
    """Return the messages that hold every word of `text`, the newest first; the last word may be the beginning of one.

    What the indexer has not come to yet is looked through word by word, so a message is found as soon as it is stored.
    """
    wanted = parse(text)
    if not wanted.asks:
        return Results(False, (), None)
    before = before or NEWEST
    since, grown = await repository.read_state(session, wanted.prefix)
    slots = _slots(wanted, grown)
    found = await repository.find(session, slots, before, limit + 1) if all(slots) else []
    fresh = await repository.tail(session, since, before)
    found += [message for message in fresh if wanted.holds(terms_of(message.text, message.name))]
    found = sorted(found, key=lambda message: message.id, reverse=True)[: limit + 1]
    hits = tuple(Hit(message, snippet(message.text, wanted)) for message in found[:limit])
    return Results(True, hits, found[limit - 1].id if len(found) > limit else None)


def _slots(wanted: Search, grown: list[str]) -> list[list[str]]:
    """Return what each word asked for may be, whole words first: they are rarer than what a beginning may become."""
    slots = [[term] for term in wanted.exact]
    if wanted.last is not None:
        slots.append(list(dict.fromkeys(filter(None, [wanted.whole, *grown]))))
    return slots
