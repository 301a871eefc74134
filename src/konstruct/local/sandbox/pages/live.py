"""Live updates: Server-Sent Events with the threads that changed."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

from konstruct.local.sandbox.interactions import dialogs_of, home_of
from konstruct.local.sandbox.model import Change, Workspace
from konstruct.local.sandbox.pages.render import fragment
from konstruct.local.sandbox.pages.surfaces import dialog_html, home_html, prompts_html
from konstruct.local.sandbox.pages.views import thread_of
from konstruct.local.sandbox.store import SandboxStore

STREAM_S = 300.0
"""Length of one stream; the browser opens the next by itself and goes on where it was."""
POLL_S = 2.0
"""How soon a change made by another process shows."""
KEEP_ALIVE_S = 15.0


@dataclass(frozen=True, slots=True)
class Watcher:
    """Who looks at which channel."""

    store: SandboxStore
    workspace: Workspace
    channel_id: str
    user_id: str


async def stream(watcher: Watcher, after: int) -> AsyncIterator[str]:
    """Yield an event per changed thread: its HTML in the channel that is shown, only its channel elsewhere.

    The watcher's own dialogs (`dialog`) and Home tab (`home`) come as HTML as well.
    """
    store = watcher.store
    yield f"retry: 500\nid: {after}\nevent: ready\ndata: {{}}\n\n"
    started = spoke = time.monotonic()
    with store.hub.listen() as bell:
        while not store.hub.closed and time.monotonic() - started < STREAM_S:
            changes = store.messages.changes(watcher.workspace.team_id, after)
            if changes:
                after, spoke = changes[-1].seq, time.monotonic()
                for change in _latest(changes):
                    if (event := _event(watcher, change)) is not None:
                        yield event
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


def _event(watcher: Watcher, change: Change) -> str | None:
    name, data = "thread", _thread(watcher, change)
    if change.channel_id == dialogs_of(watcher.user_id):
        name, data = "dialog", {"html": dialog_html(watcher.store, watcher.workspace, watcher.user_id)}
    elif change.channel_id == home_of(watcher.user_id):
        name, data = "home", {"html": home_html(watcher.store, watcher.workspace, watcher.user_id)}
    elif change.root_ts == "":
        if change.channel_id != watcher.channel_id:
            return None
        name, data = "prompts", {"html": prompts_html(watcher.store, watcher.channel_id)}
    elif change.channel_id.startswith(("modal:", "home:")):
        return None
    return f"id: {change.seq}\nevent: {name}\ndata: {json.dumps(data)}\n\n"


def _thread(watcher: Watcher, change: Change) -> dict[str, str | None]:
    data: dict[str, str | None] = {"channel": change.channel_id, "ts": change.root_ts}
    channel = watcher.store.workspaces.channel(watcher.workspace.team_id, watcher.channel_id)
    if channel is not None and change.channel_id == watcher.channel_id:
        thread = thread_of(watcher.store, watcher.workspace, channel, change.root_ts, watcher.user_id)
        data["html"] = fragment("_thread.html", thread=thread) if thread else ""
    return data
