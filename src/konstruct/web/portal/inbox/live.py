"""A live thread: Server-Sent Events with the rows that changed and, when the owner or the reply window changes, the place where
one writes.

Between two looks nothing is held but a task that sleeps. An event's id says what the page has seen, so that a browser which
comes back is given everything since, and the last messages again in case one of them changed.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

import structlog

from konstruct.channels.port import ChannelAdapter
from konstruct.conversations.live_repository import Cursor, Pulse, pulse
from konstruct.conversations.overview_repository import overview
from konstruct.conversations.thread_repository import messages_from
from konstruct.db.database import TRANSIENT_ERRORS, Database
from konstruct.db.session import TenantSession
from konstruct.kit.errors import NotFoundError
from konstruct.tenants.roles import Permission
from konstruct.tenants.sessions import Visitor, find_visitor
from konstruct.web.portal.inbox.desks import read_desk
from konstruct.web.portal.inbox.rows import row_of
from konstruct.web.portal.inbox.streams import Streams
from konstruct.web.portal.pages import fragment

log = structlog.get_logger()

T = TypeVar("T")

POLL_S = 1.0
CHECK_S = 3.0
"""How soon a stream ends after its session, its member's role or its business has."""
KEEP_ALIVE_S = 15.0
STREAM_S = 300.0
"""Length of one stream; the browser opens the next by itself and goes on where it was."""
BYE = "event: bye\ndata: \n\n"
_LINE = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True, slots=True)
class Watch:
    """Who watches what, in which process, and what a page of theirs links to."""

    db: Database
    adapters: Mapping[str, ChannelAdapter]
    streams: Streams
    visitor: Visitor
    ticket: str
    conversation_id: UUID
    query: str


async def stream(watch: Watch, cursor: Cursor, start: int) -> AsyncIterator[str]:
    """Yield events from `cursor` on; `start` is the first message of which the page may have missed something."""
    with watch.streams.hold(watch.visitor.member.id):
        yield "retry: 1000\n\n"
        began = spoke = checked = time.monotonic()
        seen: Pulse | None = None
        low, desk, visitor = start, (cursor.owner_epoch, cursor.window), watch.visitor
        while not watch.streams.closed and time.monotonic() - began < STREAM_S:
            try:
                if time.monotonic() - checked >= CHECK_S:
                    found = await _whole(find_visitor(watch.db, watch.ticket, note=False))
                    if found is None or not found.may(Permission.VIEW_CONVERSATIONS):
                        yield BYE
                        return
                    visitor, checked = found, time.monotonic()
                changed = await _whole(_look(watch, visitor, seen, low, desk))
            except NotFoundError:
                yield BYE
                return
            except TRANSIENT_ERRORS as error:
                # An outage is waited out: the page still shows what it has.
                log.debug("live_look_failed", error=type(error).__name__)
                changed = None
            if changed is not None:
                seen, text = changed
                low, desk = min(seen.open_from, seen.seq + 1), (seen.owner_epoch, seen.window)
                if text:
                    spoke = time.monotonic()
                    yield text
            if time.monotonic() - spoke >= KEEP_ALIVE_S:
                spoke = time.monotonic()
                yield ": still here\n\n"
            await asyncio.sleep(POLL_S)


async def _look(watch: Watch, visitor: Visitor, seen: Pulse | None, low: int, desk: tuple[int, int]) -> tuple[Pulse, str] | None:
    """Return the conversation's pulse and the events of what changed since `seen`; None if nothing did.

    `desk`: the owner's epoch and the end of the window that the page's desk shows.
    """

    async def work(session: TenantSession) -> tuple[Pulse, str] | None:
        now = await pulse(session, watch.conversation_id)
        if now == seen:
            return None
        found = await messages_from(session, watch.conversation_id, min(low, now.open_from))
        text = ""
        if (now.owner_epoch, now.window) != desk:
            there = await overview(session, watch.conversation_id)
            fresh = await read_desk(session, visitor, watch.adapters, there, watch.query)
            text += event("desk", fragment("inbox/_desk.html", visitor, desk=fresh).body)
        if found:
            rows = [row_of(message, visitor.employee) for message in found]
            text += event("rows", fragment("inbox/_rows.html", visitor, rows=rows, marked=None).body)
        return now, f"{text}id: {now.cursor}\nevent: seen\ndata: \n\n" if text else ""

    return await watch.db.run(watch.visitor.scope, work)


async def _whole(work: Coroutine[Any, Any, T]) -> T:
    """Return what `work` returns; a page that leaves in the middle of it does not cut it off.

    The server cancels a stream again at each await, so that its transaction could not even be rolled back.
    """
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        # Nobody waits for its outcome any more; it is looked at, so that the loop does not complain.
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        raise


def event(name: str, html: bytes | memoryview) -> str:
    """Return an event that carries a fragment."""
    lines = _LINE.split(bytes(html).decode())
    return f"event: {name}\n" + "".join(f"data: {line}\n" for line in lines) + "\n"
