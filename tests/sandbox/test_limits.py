"""The rate limits, on Slack's own figures and a clock of the test's."""

from __future__ import annotations

import time
from typing import Any

import pytest

from konstruct.local.sandbox.businesses import FERNWOOD, MARLOW
from konstruct.local.sandbox.model import Message, Stream
from konstruct.local.sandbox.slack.errors import RateLimited
from konstruct.local.sandbox.slack.limits import SLACK_RATES, Limiter, Rate
from konstruct.local.sandbox.slack.view_body import check_view
from konstruct.local.sandbox.slack.views import new_view
from tests.sandbox.support import ANNA, ANNA_DIRECT, FRONT_DESK, MARLOW_DESK, Sandbox


def test_a_burst_then_one_a_second() -> None:
    now = 0.0
    limiter = Limiter(SLACK_RATES, lambda: now)
    for _ in range(5):
        limiter.take("chat.postMessage", "T1", "C1")
    with pytest.raises(RateLimited) as refused:
        limiter.take("chat.postMessage", "T1", "C1")
    assert refused.value.retry_after_s == 1
    limiter.take("chat.postMessage", "T1", "C2")
    limiter.take("chat.postMessage", "T2", "C1")
    now = 1.0
    limiter.take("chat.postMessage", "T1", "C1")
    with pytest.raises(RateLimited):
        limiter.take("chat.postMessage", "T1", "C1")


def test_one_look_at_a_thread_a_minute() -> None:
    now = 0.0
    limiter = Limiter(SLACK_RATES, lambda: now)
    limiter.take("conversations.replies", "T1", "C1")
    now = 20.5
    with pytest.raises(RateLimited) as refused:
        limiter.take("conversations.replies", "T1", "C2")
    assert refused.value.retry_after_s == 40
    now = 60.0
    limiter.take("conversations.replies", "T1", "C1")


def test_all_posts_into_a_workspace_count_together() -> None:
    now = 0.0
    limiter = Limiter(SLACK_RATES, lambda: now)
    for channel in range(300):
        limiter.take("chat.postMessage", "T1", f"C{channel}")
    for method in ("chat.postMessage", "files.completeUploadExternal"):
        with pytest.raises(RateLimited) as refused:
            limiter.take(method, "T1", "C999")
        assert refused.value.retry_after_s == 1
    limiter.take("chat.postMessage", "T2", "C999")
    limiter.take("chat.update", "T1", "C999")
    now = 0.2
    limiter.take("chat.postMessage", "T1", "C999")


def _views(sandbox: Sandbox) -> dict[str, dict[str, Any]]:
    """Return arguments for the methods of views: with triggers of Anna's, one from a dialog that is open."""
    store, team, now = sandbox.store.interactions, FERNWOOD.workspace.team_id, time.time()
    modal = {"type": "modal", "title": {"type": "plain_text", "text": "Hi"}, "blocks": [{"type": "divider"}]}
    open_one = new_view(team, ANNA, check_view(modal, "modal"))
    store.put_view(open_one)
    first, second = (store.add_trigger(team, ANNA, now, 60, view_id).trigger_id for view_id in (None, open_one.view_id))
    return {
        "views.open": {"trigger_id": first, "view": modal},
        "views.push": {"trigger_id": second, "view": modal},
        "views.update": {"view_id": open_one.view_id, "view": modal},
        "views.publish": {"user_id": ANNA, "view": {"type": "home", "blocks": [{"type": "divider"}]}},
    }


def _open_stream(sandbox: Sandbox, root: str) -> str:
    w, stream = FERNWOOD.workspace, Stream("in_progress", time.time())
    draft = Message(ANNA_DIRECT, "", w.bot_user_id, from_bot=True, text="so far", thread_ts=root, stream=stream)
    return sandbox.store.messages.add(w.team_id, draft).ts


def _streams(sandbox: Sandbox, root: str) -> dict[str, dict[str, Any]]:
    """Return arguments for the methods of agents."""
    thread = {"channel_id": ANNA_DIRECT, "thread_ts": root}
    piece = {"channel": ANNA_DIRECT, "markdown_text": "more", "ts": _open_stream(sandbox, root)}
    files = sandbox.store.files
    uploads = [files.reserve(FERNWOOD.workspace.team_id, FERNWOOD.workspace.bot_user_id, "a.txt", 4) for _ in range(2)]
    for _, ticket in uploads:
        files.fill(ticket, b"text")
    shared = files.add(FERNWOOD.workspace.team_id, ANNA, "b.txt", b"text", ANNA_DIRECT)
    ids = iter([[{"id": file.file_id}] for file, _ in uploads])
    return {
        "files.info": {"file": shared.file_id},
        "files.getUploadURLExternal": {"filename": "a.txt", "length": "4"},
        "files.completeUploadExternal": {"files": next(ids), "more": next(ids)},
        "chat.startStream": {"channel": ANNA_DIRECT, "thread_ts": root},
        "chat.appendStream": piece,
        "chat.stopStream": piece,
        "assistant.threads.setTitle": {**thread, "title": "Hours"},
        "assistant.threads.setSuggestedPrompts": {**thread, "prompts": [{"title": "Hours", "message": "When are you open?"}]},
    }


class TestOverHttp:
    """Each method answers 429 with Retry-After once its bucket is empty, for its own workspace only."""

    @pytest.fixture
    def rates(self) -> dict[str, Rate]:
        return {method: Rate(1, 0.01, rate.per_channel) for method, rate in SLACK_RATES.items()}

    @pytest.mark.parametrize("method", sorted(SLACK_RATES))
    async def test_too_many(self, sandbox: Sandbox, method: str) -> None:
        root = await sandbox.say("Hello", ANNA_DIRECT)
        own = (await sandbox.api("chat.postMessage", channel=ANNA_DIRECT, text="mine"))["ts"]
        arguments: dict[str, dict[str, Any]] = {
            "chat.postMessage": {"channel": FRONT_DESK, "text": "hi"},
            "chat.update": {"channel": ANNA_DIRECT, "ts": own, "text": "hi"},
            "chat.delete": {"channel": ANNA_DIRECT, "ts": own},
            "assistant.threads.setStatus": {"channel_id": ANNA_DIRECT, "thread_ts": root, "status": "works"},
            "conversations.replies": {"channel": ANNA_DIRECT, "ts": root},
            "conversations.history": {"channel": ANNA_DIRECT},
            "conversations.info": {"channel": ANNA_DIRECT},
            "conversations.open": {"users": ANNA},
            "users.info": {"user": ANNA},
            "auth.test": {},
            "chat.postEphemeral": {"channel": ANNA_DIRECT, "user": ANNA, "text": "for you"},
            **_views(sandbox),
            **_streams(sandbox, root),
        }
        first = await sandbox.api(method, **arguments[method])
        if method == "chat.delete":
            arguments[method]["ts"] = (await sandbox.api("chat.postMessage", channel=FRONT_DESK, text="more"))["ts"]
            arguments[method]["channel"] = FRONT_DESK
        if method == "files.completeUploadExternal":
            arguments[method]["files"] = arguments[method]["more"]
        if method == "chat.stopStream":
            arguments[method]["ts"] = _open_stream(sandbox, root)
        second = await sandbox.api(method, **arguments[method])
        assert first["ok"] is True
        assert (second["http"], second["error"], second["retry_after"]) == (429, "ratelimited", "100")

    async def test_the_other_workspace_is_not_held_up(self, sandbox: Sandbox) -> None:
        await sandbox.api("chat.postMessage", channel=FRONT_DESK, text="one")
        assert (await sandbox.api("chat.postMessage", channel=FRONT_DESK, text="two"))["http"] == 429
        assert (await sandbox.api("chat.postMessage", MARLOW, channel=MARLOW_DESK, text="one"))["ok"] is True

    async def test_a_reset_fills_the_buckets(self, sandbox: Sandbox) -> None:
        await sandbox.api("auth.test")
        assert (await sandbox.api("auth.test"))["http"] == 429
        async with sandbox.http.post(f"{sandbox.url}/sandbox/control/reset") as response:
            assert response.status == 200
        assert (await sandbox.api("auth.test"))["ok"] is True
