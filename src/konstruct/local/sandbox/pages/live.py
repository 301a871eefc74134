"""Live updates: Server-Sent Events with the threads that changed."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator

from konstruct.local.sandbox.model import Change, Workspace
from konstruct.local.sandbox.pages.render import fragment
from konstruct.local.sandbox.pages.views import thread_of
from konstruct.local.sandbox.store import SandboxStore

STREAM_S = 300.0
"""Length of one stream; the browser opens the next by itself and goes on where it was."""
POLL_S = 2.0
"""How soon a change made by another process shows."""
KEEP_ALIVE_S = 15.0


async def stream(store: SandboxStore, workspace: Workspace, channel_id: str, after: int) -> AsyncIterator[str]:
    """Yield an event per changed thread: its HTML in the channel that is shown, only its channel elsewhere."""
    yield f"retry: 500\nid: {after}\nevent: ready\ndata: {{}}\n\n"
    started = spoke = time.monotonic()
    with store.hub.listen() as bell:
        while not store.hub.closed and time.monotonic() - started < STREAM_S:
            changes = store.messages.changes(workspace.team_id, after)
            if changes:
                after, spoke = changes[-1].seq, time.monotonic()
                for change in _latest(changes):
                    yield _event(store, workspace, channel_id, change)
                continue
            if time.monotonic() - spoke > KEEP_ALIVE_S:
                spoke = time.monotonic()
                yield ": still here\n\n"
            await bell.heard(POLL_S)


def _latest(changes: list[Change]) -> list[Change]:
    """Return one change per thread, the last: a thread is rendered as it is now, however often it changed."""
    by_thread: dict[tuple[str, str], Change] = {}
    for change in changes:
        by_thread.pop((change.channel_id, change.root_ts), None)
        by_thread[change.channel_id, change.root_ts] = change
    return list(by_thread.values())


def _event(store: SandboxStore, workspace: Workspace, channel_id: str, change: Change) -> str:
    data: dict[str, str | None] = {"channel": change.channel_id, "ts": change.root_ts}
    channel = store.workspaces.channel(workspace.team_id, channel_id)
    if channel is not None and change.channel_id == channel_id:
        thread = thread_of(store, workspace, channel, change.root_ts)
        data["html"] = fragment("_thread.html", thread=thread) if thread else ""
    return f"id: {change.seq}\nevent: thread\ndata: {json.dumps(data)}\n\n"
