"""Streams, and what else an agent shows in a thread."""

from __future__ import annotations

import json
from typing import Any

import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from konstruct.local.sandbox.businesses import FERNWOOD
from konstruct.local.sandbox.slack.limits import Rate
from tests.sandbox.support import ANNA, ANNA_DIRECT, FRONT_DESK, Listener, Sandbox

TEAM, BOT = FERNWOOD.workspace.team_id, FERNWOOD.workspace.bot_user_id
METADATA = {"event_type": "konstruct_delivery", "event_payload": {"delivery_id": "0190"}}
READER = {"recipient_user_id": ANNA, "recipient_team_id": TEAM}


@pytest.fixture
def rates() -> dict[str, Rate]:
    """No limits here: they have a file of their own."""
    return {}


async def advance(sandbox: Sandbox, seconds: float) -> None:
    async with sandbox.http.post(f"{sandbox.url}/sandbox/control/clock", json={"seconds": seconds}) as response:
        assert response.status == 200


async def error_of(sandbox: Sandbox, method: str, **values: Any) -> str:
    answer = await sandbox.api(method, **values)
    return str(answer.get("error", "ok"))


async def test_slacks_own_client_streams(sandbox: Sandbox, listener: Listener) -> None:
    root = await sandbox.say("@Robin when?")
    client = AsyncWebClient(
        token=FERNWOOD.workspace.bot_token, base_url=f"{sandbox.url}/sandbox/slack/api/", retry_handlers=[], session=sandbox.http
    )
    stream = await client.chat_stream(channel=FRONT_DESK, thread_ts=root, buffer_size=1, **READER)
    await stream.append(markdown_text="We open ")
    await stream.append(markdown_text="at **nine**.")
    live = sandbox.store.messages.get(FRONT_DESK, str(stream.ts))
    assert live is not None and live.stream is not None
    assert (live.markdown, live.stream.state, live.stream.recipient_user_id) == ("We open at **nine**.", "in_progress", ANNA)
    await stream.stop(markdown_text=" Really.", blocks=[{"type": "divider"}], metadata=METADATA)
    done = sandbox.store.messages.get(FRONT_DESK, str(stream.ts))
    assert done is not None and done.stream is not None and done.stream.state == "completed"
    assert (done.text, done.metadata, done.thread_ts, done.edited) == ("We open at **nine**. Really.", METADATA, root, False)
    # Events come in any order.
    own = [h.event for h in await listener.wait(5) if h.event.get("user") != ANNA]
    by_kind = {event.get("subtype") or event["type"]: event for event in own}
    assert set(by_kind) == {"message", "message_changed", "message_metadata_posted"}
    assert (by_kind["message"]["streaming_state"], by_kind["message"]["text"]) == ("in_progress", "We open ")
    changed = by_kind["message_changed"]
    assert (changed["message"]["subtype"], changed["message"]["streaming_state"]) == ("bot_message", "completed")
    assert changed["message"]["text"] == done.text and changed["message"]["bot_id"] == FERNWOOD.workspace.bot_id
    thread = await client.conversations_replies(channel=FRONT_DESK, ts=root, include_all_metadata=True)
    assert [block["type"] for block in thread["messages"][1]["blocks"]] == ["rich_text", "divider"]
    with pytest.raises(SlackApiError, match="message_not_in_streaming_state"):
        await client.chat_stopStream(channel=FRONT_DESK, ts=str(stream.ts))


async def test_chunks_show_tasks_and_a_plan(sandbox: Sandbox) -> None:
    root = await sandbox.say("look it up", ANNA_DIRECT)
    task = {"type": "task_update", "id": "t1", "title": "Search", "status": "in_progress"}
    source = {"type": "url", "url": "https://example.org", "text": "Handbook"}
    started = await sandbox.api(
        "chat.startStream", channel=ANNA_DIRECT, thread_ts=root, task_display_mode="plan", chunks=[task, {**task, "id": "t2"}]
    )
    chunks = [
        {"type": "plan_update", "title": "How I answer"},
        {**task, "status": "complete", "output": "found", "sources": [source]},
        {"type": "markdown_text", "text": "Nine."},
        {"type": "blocks", "blocks": [{"type": "divider"}]},
    ]
    added = await sandbox.api("chat.appendStream", channel=ANNA_DIRECT, ts=started["ts"], chunks=chunks)
    message = sandbox.store.messages.get(ANNA_DIRECT, added["ts"])
    assert message is not None and message.stream is not None
    stream = message.stream
    assert (stream.mode, stream.plan, [t["id"] for t in stream.tasks]) == ("plan", "How I answer", ["t1", "t2"])
    assert (stream.tasks[0]["status"], stream.tasks[0]["output"], stream.tasks[0]["sources"]) == ("complete", "found", [source])
    assert (message.text, [block["type"] for block in message.blocks]) == ("Nine.", ["divider"])
    bad: list[Any] = [
        {"type": "image"},
        "text",
        {**task, "status": "done"},
        {**task, "id": ""},
        {**task, "sources": ["https://example.org"]},
        {"type": "markdown_text"},
        {"type": "plan_update", "title": 7},
        {"type": "blocks"},
    ]
    for chunk in bad:
        assert (
            await error_of(sandbox, "chat.appendStream", channel=ANNA_DIRECT, ts=started["ts"], chunks=[chunk])
            == "invalid_chunks"
        )
    broken = {"channel": ANNA_DIRECT, "ts": started["ts"], "chunks": "[{"}
    assert await error_of(sandbox, "chat.appendStream", **broken) == "invalid_chunks"


async def test_a_start_needs_a_thread_and_a_reader(sandbox: Sandbox) -> None:
    root = await sandbox.say("hello")
    reply = await sandbox.say("and?", FRONT_DESK, ANNA, root)
    place: dict[str, Any] = {"channel": FRONT_DESK, "thread_ts": root}
    cases: list[tuple[str, dict[str, Any]]] = [
        ("invalid_arguments", {"channel": FRONT_DESK, **READER}),
        ("missing_recipient_team_id", place),
        ("missing_recipient_team_id", {**place, "recipient_user_id": ANNA}),
        ("missing_recipient_user_id", {**place, "recipient_team_id": TEAM}),
        ("user_not_found", {**place, **READER, "recipient_user_id": BOT}),
        ("user_not_found", {**place, **READER, "recipient_team_id": "T0MARLOWC01"}),
        ("channel_not_found", {**place, **READER, "channel": "C0MARLDESK1"}),
        ("thread_not_found", {**place, **READER, "thread_ts": "1700000000.000001"}),
        ("cannot_reply_to_message", {**place, **READER, "thread_ts": reply}),
        ("invalid_arguments", {**place, **READER, "task_display_mode": "list"}),
        ("msg_blocks_too_long", {**place, **READER, "markdown_text": "x" * 12_001}),
        ("ok", {**place, **READER, "markdown_text": "x" * 12_000}),
    ]
    for error, values in cases:
        assert await error_of(sandbox, "chat.startStream", **values) == error, (error, values)


async def test_only_a_live_stream_of_its_own_takes_more(sandbox: Sandbox) -> None:
    root = await sandbox.say("hello", ANNA_DIRECT)
    posted = (await sandbox.api("chat.postMessage", channel=ANNA_DIRECT, text="posted"))["ts"]
    streamed = (await sandbox.api("chat.startStream", channel=ANNA_DIRECT, thread_ts=root))["ts"]
    piece = {"channel": ANNA_DIRECT, "ts": streamed, "markdown_text": "more"}
    for method in ("chat.appendStream", "chat.stopStream"):
        refused: list[tuple[str, dict[str, Any]]] = [
            ("message_not_owned_by_app", {"ts": root}),
            ("message_not_in_streaming_state", {"ts": posted}),
            ("message_not_found", {"ts": "1700000000.000001"}),
            ("no_text", {"markdown_text": ""}),
            ("msg_blocks_too_long", {"markdown_text": "x" * 12_001}),
        ]
        for error, change in refused:
            assert await error_of(sandbox, method, **{**piece, **change}) == error, (method, error)
    assert await error_of(sandbox, "chat.update", channel=ANNA_DIRECT, ts=streamed, text="no") == "streaming_state_conflict"
    for bad, error in (({"blocks": "x"}, "invalid_blocks_format"), ({"metadata": {"event_type": 1}}, "invalid_metadata_format")):
        assert await error_of(sandbox, "chat.stopStream", **piece, **bad) == error
    assert await error_of(sandbox, "chat.stopStream", **piece) == "ok"
    for method in ("chat.appendStream", "chat.stopStream"):
        assert await error_of(sandbox, method, **piece) == "message_not_in_streaming_state"
    assert await error_of(sandbox, "chat.update", channel=ANNA_DIRECT, ts=streamed, text="changed") == "ok"


async def test_a_stream_dies_after_five_minutes_whatever_is_written(sandbox: Sandbox) -> None:
    root = await sandbox.say("hello", ANNA_DIRECT)
    ts = (await sandbox.api("chat.startStream", channel=ANNA_DIRECT, thread_ts=root))["ts"]
    piece: dict[str, Any] = {"channel": ANNA_DIRECT, "ts": ts, "markdown_text": "more "}
    for _ in range(4):
        await advance(sandbox, 70)
        assert await error_of(sandbox, "chat.appendStream", **piece) == "ok"
    await advance(sandbox, 20)
    for method in ("chat.appendStream", "chat.stopStream"):
        assert await error_of(sandbox, method, **piece) == "message_not_in_streaming_state"
    dead = sandbox.store.messages.get(ANNA_DIRECT, ts)
    assert dead is not None and dead.stream is not None and (dead.stream.state, dead.text) == ("errored", "more " * 4)
    assert await error_of(sandbox, "chat.update", channel=ANNA_DIRECT, ts=ts, text="the whole answer") == "ok"
    mended = sandbox.store.messages.get(ANNA_DIRECT, ts)
    assert mended is not None and (mended.stream, mended.text) == (None, "the whole answer")
    assert await error_of(sandbox, "chat.appendStream", **piece) == "message_not_in_streaming_state"


async def test_streamed_blocks_and_those_below_count_apart(sandbox: Sandbox) -> None:
    root = await sandbox.say("hello", ANNA_DIRECT)
    ts = (await sandbox.api("chat.startStream", channel=ANNA_DIRECT, thread_ts=root))["ts"]
    place: dict[str, Any] = {"channel": ANNA_DIRECT, "ts": ts}
    fifty = [{"type": "divider"}] * 50
    assert await error_of(sandbox, "chat.appendStream", **place, chunks=[{"type": "blocks", "blocks": fifty}]) == "ok"
    one_more = [{"type": "blocks", "blocks": fifty[:1]}]
    assert await error_of(sandbox, "chat.appendStream", **place, chunks=one_more) == "msg_blocks_too_many"
    assert await error_of(sandbox, "chat.stopStream", **place, blocks=[*fifty, *fifty[:1]]) == "invalid_blocks"
    assert await error_of(sandbox, "chat.stopStream", **place, blocks=fifty) == "ok"
    done = sandbox.store.messages.get(ANNA_DIRECT, ts)
    assert done is not None and len(done.blocks) == 100


async def test_an_update_says_what_stays(sandbox: Sandbox) -> None:
    posted = await sandbox.api(
        "chat.postMessage", channel=ANNA_DIRECT, text="one", metadata=METADATA, blocks=[{"type": "divider"}]
    )
    place: dict[str, Any] = {"channel": ANNA_DIRECT, "ts": posted["ts"]}

    def now() -> tuple[str, int, bool, bool]:
        message = sandbox.store.messages.get(ANNA_DIRECT, posted["ts"])
        assert message is not None
        return message.text, len(message.blocks), message.edited, message.metadata is not None

    assert await error_of(sandbox, "chat.update", **{**place, "channel": ANNA}, text="two") == "channel_not_found"
    assert await error_of(sandbox, "chat.update", **place, text="two", blocks=[{"type": "divider"}] * 2) == "ok"
    assert now() == ("two", 2, False, True)
    assert await error_of(sandbox, "chat.update", **place, text="three") == "ok"
    assert now() == ("three", 0, True, True)
    assert await error_of(sandbox, "chat.update", **place, text="four", metadata={}) == "ok"
    assert now() == ("four", 0, True, False)


async def test_streams_can_be_missing(sandbox: Sandbox) -> None:
    root = await sandbox.say("hello", ANNA_DIRECT)
    place: dict[str, Any] = {"channel": ANNA_DIRECT, "thread_ts": root}
    sandbox.store.control.set(streams=False)
    assert await error_of(sandbox, "chat.startStream", **place) == "feature_not_enabled"
    sandbox.store.control.set(streams=True)
    fault = {"method": "chat.startStream", "answer": "error", "error": "unknown_method"}
    async with sandbox.http.post(f"{sandbox.url}/sandbox/control/faults", json=fault) as response:
        assert response.status == 200
    assert await error_of(sandbox, "chat.startStream", **place) == "unknown_method"
    assert await error_of(sandbox, "chat.startStream", **place) == "ok"


async def test_without_echoes_the_app_hears_nothing_of_itself(sandbox: Sandbox, listener: Listener) -> None:
    sandbox.store.control.set(echoes=False)
    root = await sandbox.say("hello", ANNA_DIRECT)
    await sandbox.api("chat.postMessage", channel=ANNA_DIRECT, text="hi", metadata=METADATA)
    ts = (await sandbox.api("chat.startStream", channel=ANNA_DIRECT, thread_ts=root))["ts"]
    await sandbox.api("chat.stopStream", channel=ANNA_DIRECT, ts=ts, markdown_text="done", metadata=METADATA)
    await sandbox.api("chat.delete", channel=ANNA_DIRECT, ts=ts)
    await sandbox.say("after", ANNA_DIRECT)
    assert {heard.event["text"] for heard in await listener.wait(2)} == {"hello", "after"}
    sandbox.store.control.set(echoes=True, metadata_events=False)
    await sandbox.api("chat.postMessage", channel=ANNA_DIRECT, text="hi", metadata=METADATA)
    await sandbox.say("at last", ANNA_DIRECT)
    assert [heard.event["type"] for heard in await listener.wait(4)] == ["message"] * 4


async def test_status_title_and_prompts(sandbox: Sandbox) -> None:
    root = await sandbox.say("hello", ANNA_DIRECT)
    thread: dict[str, Any] = {"channel_id": ANNA_DIRECT, "thread_ts": root}
    loading = ["reads the handbook", "looks at the clock"]
    await sandbox.api("assistant.threads.setStatus", status="is thinking", loading_messages=loading, **thread)
    status = sandbox.store.threads.statuses(ANNA_DIRECT)[root]
    assert (status.text, list(status.loading_messages)) == ("is thinking", loading)
    await advance(sandbox, 119)
    assert root in sandbox.store.threads.statuses(ANNA_DIRECT)
    await advance(sandbox, 2)
    assert sandbox.store.threads.statuses(ANNA_DIRECT) == {}
    prompts = [{"title": f"T{n}", "message": f"M{n}"} for n in range(5)]
    desk = {"channel_id": FRONT_DESK, "thread_ts": await sandbox.say("aloud")}
    cases: list[tuple[str, str, dict[str, Any]]] = [
        ("setSuggestedPrompts", "ok", {**thread, "prompts": prompts[:4], "title": "Try"}),
        ("setSuggestedPrompts", "ok", {"channel_id": ANNA_DIRECT, "prompts": json.dumps(prompts[:1])}),
        ("setSuggestedPrompts", "invalid_arguments", {**thread, "prompts": prompts}),
        ("setSuggestedPrompts", "invalid_arguments", {**thread, "prompts": []}),
        ("setSuggestedPrompts", "invalid_arguments", {**thread, "prompts": [{"title": "only"}]}),
        ("setSuggestedPrompts", "invalid_thread_ts", {**desk, "prompts": prompts[:1]}),
        ("setTitle", "ok", {**thread, "title": "Opening hours"}),
        ("setTitle", "invalid_arguments", thread),
        ("setTitle", "invalid_thread_ts", {**desk, "title": "no"}),
        ("setTitle", "invalid_thread_ts", {**thread, "thread_ts": "1700000000.000001", "title": "no"}),
        ("setTitle", "channel_not_found", {**thread, "channel_id": "D0MARLPRIYA", "title": "no"}),
        ("setStatus", "invalid_arguments", {**thread, "status": "works", "loading_messages": ["x"] * 11}),
        ("setStatus", "invalid_arguments", {**thread, "status": "works", "loading_messages": [7]}),
    ]
    for method, error, values in cases:
        assert await error_of(sandbox, "assistant.threads." + method, **values) == error, (method, values)
    marks = sandbox.store.threads.marks(ANNA_DIRECT, root)
    assert (marks.title, marks.prompts_title, len(marks.prompts)) == ("Opening hours", "Try", 4)
    assert sandbox.store.threads.marks(ANNA_DIRECT, "").prompts == ({"title": "T0", "message": "M0"},)
