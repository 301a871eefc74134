"""Reads what the inbox's pages show, each pane in as few queries as it can."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from uuid import UUID

from konstruct.conversations import inbox_repository, live_repository, thread_repository
from konstruct.conversations.overview_repository import Overview, overview
from konstruct.conversations.search import search
from konstruct.conversations.thread_repository import Message
from konstruct.db.session import TenantSession
from konstruct.kit.ids import uuid7
from konstruct.web.portal.inbox.address import Address
from konstruct.web.portal.inbox.rows import row_of
from konstruct.web.portal.inbox.view import DeskView, EarlierView, ListView, NotesView, ThreadView

AFTER_HIT = 20
"""Messages shown behind the one that a search led to."""
_OPEN = ("pending", "in_turn")


async def read_list(session: TenantSession, address: Address, open_id: UUID | None = None) -> ListView:
    """Return the left pane. Raises NotFoundError for an address that leads nowhere."""
    accounts = tuple(await inbox_repository.accounts(session))
    if address.q:
        results = await search(session, address.q, address.hit)
        return ListView(address, (), results, accounts, address.older(results.next), open_id)
    listed, cursor = await inbox_repository.list_conversations(session, address.filter, address.cursor)
    return ListView(address, tuple(listed), None, accounts, address.older(cursor), open_id)


async def read_thread(
    session: TenantSession,
    conversation_id: UUID,
    query: str,
    around: int | None,
    desk: Callable[[Overview], Awaitable[DeskView]],
    notes: NotesView | None,
) -> ThreadView:
    """Return the middle and the right pane; `desk` makes the place where one writes, `notes` is a form as it was sent.

    Raises NotFoundError.
    """
    # First the number of messages, then the messages: what comes between the two is shown, and sent again by the stream.
    seen = await overview(session, conversation_id)
    written = await desk(seen)
    end = None if around is None else around + AFTER_HIT + 1
    found = await thread_repository.messages_before(session, conversation_id, end)
    return ThreadView(
        conversation=seen,
        query=query,
        rows=tuple(row_of(message, seen.employee) for message in found),
        left=EarlierView(conversation_id, query, earlier_than(found)),
        live=end is None or end > seen.messages,
        marked=around,
        cursor=str(live_repository.Cursor(seen.messages, _open_from(found, seen), seen.owner_epoch, _window(written))),
        desk=written,
        notes=notes or NotesView(seen, query, uuid7()),
    )


def earlier_than(found: Sequence[Message]) -> int | None:
    """Return the number before which there are earlier messages; None if these are the first."""
    full = len(found) == thread_repository.PAGE
    return found[0].seq if full and found[0].seq > 1 else None


def _window(desk: DeskView) -> int:
    """Return the end of the window that the page shows as open, as a live page names it."""
    if desk.window is None or not desk.window.open or desk.conversation.window_expires_at is None:
        return 0
    return round(desk.conversation.window_expires_at.timestamp())


def _open_from(found: Sequence[Message], seen: Overview) -> int:
    """Return the first message that is still changing."""
    changing = [
        message.seq
        for message in found
        if message.state in _OPEN or message.delivery in ("pending", "held", "unknown") or (message.turn and message.turn.running)
    ]
    return min([*changing, seen.messages + 1])
