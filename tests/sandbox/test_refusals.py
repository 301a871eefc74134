"""Each method refuses what Slack refuses, with Slack's own error."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from konstruct.local.sandbox.businesses import FERNWOOD, MARLOW
from konstruct.local.sandbox.model import Channel
from tests.sandbox.support import ANNA, FRONT_DESK, MARLOW_DESK, Sandbox, open_listener, open_sandbox

pytestmark = pytest.mark.asyncio(loop_scope="module")
CLOSED = Channel("C0FERNOLD01", FERNWOOD.workspace.team_id, "channel", "old", archived=True)
PRIVATE = Channel("C0FERNSTAFF", FERNWOOD.workspace.team_id, "channel", "staff", has_bot=False)
NO_SUCH_TS = "1700000000.000001"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def sandbox(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Sandbox]:
    """One sandbox for this file, without rate limits: they have a file of their own."""
    async with open_listener() as listener:
        async with open_sandbox(tmp_path_factory.mktemp("refusals") / "sandbox.db", listener.url, rates={}) as opened:
            yield opened


@pytest_asyncio.fixture(loop_scope="module")
async def calls(sandbox: Sandbox) -> dict[str, dict[str, Any]]:
    """The arguments of a good call of each method."""
    sandbox.store.workspaces.add(FERNWOOD.workspace, (), (CLOSED, PRIVATE))
    root = await sandbox.say("Hello @Robin")
    own = (await sandbox.api("chat.postMessage", channel=FRONT_DESK, text="mine", thread_ts=root))["ts"]
    return {
        "auth.test": {},
        "users.info": {"user": ANNA},
        "chat.postMessage": {"channel": FRONT_DESK, "text": "hi", "thread_ts": root},
        "chat.update": {"channel": FRONT_DESK, "text": "hi", "ts": own},
        "chat.delete": {"channel": FRONT_DESK, "ts": own},
        "conversations.replies": {"channel": FRONT_DESK, "ts": root},
        "conversations.history": {"channel": FRONT_DESK},
        "conversations.info": {"channel": FRONT_DESK},
        "conversations.open": {"users": ANNA},
        "assistant.threads.setStatus": {"channel_id": FRONT_DESK, "thread_ts": root, "status": "is thinking"},
    }


METHODS = [
    *("auth.test", "users.info", "chat.postMessage", "chat.update", "chat.delete", "conversations.replies"),
    *("conversations.history", "conversations.info", "conversations.open", "assistant.threads.setStatus"),
]
WITH_CHANNEL = [name for name in METHODS if name not in ("auth.test", "users.info", "conversations.open")]
WRITING = ["chat.postMessage", "chat.update", "assistant.threads.setStatus"]


def with_channel(method: str, values: dict[str, Any], channel: str) -> dict[str, Any]:
    return {**values, "channel_id" if "channel_id" in values else "channel": channel}


@pytest.mark.parametrize("method", METHODS)
async def test_a_good_call_is_accepted(sandbox: Sandbox, calls: dict[str, Any], method: str) -> None:
    assert (await sandbox.api(method, **calls[method]))["ok"] is True


@pytest.mark.parametrize("method", METHODS)
async def test_an_unknown_token_is_invalid_auth(sandbox: Sandbox, calls: dict[str, Any], method: str) -> None:
    answer = await sandbox.api(method, token="xoxb-not-a-token", **calls[method])
    assert (answer["ok"], answer["error"], answer["http"]) == (False, "invalid_auth", 200)


@pytest.mark.parametrize("method", METHODS)
async def test_no_token_is_not_authed(sandbox: Sandbox, calls: dict[str, Any], method: str) -> None:
    assert (await sandbox.api(method, token="", **calls[method]))["error"] == "not_authed"


@pytest.mark.parametrize("method", WITH_CHANNEL)
async def test_an_unknown_channel_is_not_found(sandbox: Sandbox, calls: dict[str, Any], method: str) -> None:
    assert (await sandbox.api(method, **with_channel(method, calls[method], "C0NOTHERE01")))["error"] == "channel_not_found"


@pytest.mark.parametrize("method", WITH_CHANNEL)
async def test_another_workspaces_channel_is_not_found(sandbox: Sandbox, calls: dict[str, Any], method: str) -> None:
    foreign = with_channel(method, calls[method], MARLOW_DESK)
    assert (await sandbox.api(method, **foreign))["error"] == "channel_not_found"
    assert (await sandbox.api(method, MARLOW, **calls[method]))["error"] == "channel_not_found"
    assert not [post for post in sandbox.store.records.accepted() if post.team_id == MARLOW.workspace.team_id]


@pytest.mark.parametrize("method", ["users.info", "conversations.open"])
async def test_another_workspaces_person_is_not_found(sandbox: Sandbox, calls: dict[str, Any], method: str) -> None:
    assert (await sandbox.api(method, MARLOW, **calls[method]))["error"] == "user_not_found"


@pytest.mark.parametrize("method", WITH_CHANNEL)
async def test_a_channel_without_the_employee_refuses_it(sandbox: Sandbox, calls: dict[str, Any], method: str) -> None:
    assert (await sandbox.api(method, **with_channel(method, calls[method], PRIVATE.channel_id)))["error"] == "not_in_channel"


@pytest.mark.parametrize("method", WRITING)
async def test_an_archived_channel_takes_no_writes(sandbox: Sandbox, calls: dict[str, Any], method: str) -> None:
    assert (await sandbox.api(method, **with_channel(method, calls[method], CLOSED.channel_id)))["error"] == "is_archived"


@pytest.mark.parametrize(
    ("method", "missing"),
    [
        ("users.info", "user"),
        ("chat.postMessage", "channel"),
        ("chat.update", "ts"),
        ("chat.delete", "ts"),
        ("conversations.replies", "ts"),
        ("conversations.history", "channel"),
        ("conversations.info", "channel"),
        ("assistant.threads.setStatus", "thread_ts"),
    ],
)
async def test_a_missing_argument_is_named(sandbox: Sandbox, calls: dict[str, Any], method: str, missing: str) -> None:
    answer = await sandbox.api(method, **{name: value for name, value in calls[method].items() if name != missing})
    assert answer["error"] == "invalid_arguments"
    assert answer["response_metadata"]["messages"] == [f"[ERROR] missing required field: {missing}"]


async def test_open_without_a_person(sandbox: Sandbox) -> None:
    assert (await sandbox.api("conversations.open"))["error"] == "users_list_not_supplied"


async def test_an_unknown_method(sandbox: Sandbox) -> None:
    answer = await sandbox.api("chat.postMesage", channel=FRONT_DESK)
    assert (answer["error"], answer["req_method"]) == ("unknown_method", "chat.postMesage")


@pytest.mark.parametrize("method", ["chat.postMessage", "chat.update"])
@pytest.mark.parametrize(
    ("content", "error"),
    [
        ({"text": ""}, "no_text"),
        ({"text": " \n"}, "no_text"),
        ({"text": "x" * 40_001}, "msg_too_long"),
        ({"markdown_text": "x" * 12_001}, "msg_too_long"),
        ({"text": "a", "markdown_text": "b"}, "markdown_text_conflict"),
        ({"blocks": "not json"}, "invalid_blocks_format"),
        ({"blocks": {"type": "divider"}}, "invalid_blocks_format"),
        ({"blocks": [{"type": "markdown", "text": ""}]}, "invalid_blocks"),
        ({"blocks": [{"type": "hologram"}]}, "invalid_blocks"),
        ({"blocks": [{"type": "divider"}] * 51}, "invalid_blocks"),
        ({"blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": "x" * 3_001}}]}, "invalid_blocks"),
        ({"blocks": [{"type": "header", "text": {"type": "mrkdwn", "text": "x"}}]}, "invalid_blocks"),
        ({"blocks": [{"type": "markdown", "text": "x" * 12_001}]}, "msg_blocks_too_long"),
        ({"blocks": [{"type": "markdown", "text": "x" * 6_001}] * 2}, "msg_blocks_too_long"),
        ({"text": "a", "metadata": "no object"}, "invalid_metadata_format"),
        ({"text": "a", "metadata": {"event_type": "x"}}, "invalid_metadata_format"),
        ({"text": "a", "metadata": {"event_type": "a b", "event_payload": {}}}, "invalid_metadata_format"),
        ({"text": "a", "metadata": {"event_type": "x", "event_payload": {}, "more": 1}}, "invalid_metadata_format"),
        ({"text": "a", "metadata": {"event_type": "x", "event_payload": {"k": "v" * 16_400}}}, "metadata_too_large"),
        ({"text": ["a"]}, "invalid_arguments"),
    ],
)
async def test_bad_content(sandbox: Sandbox, calls: dict[str, Any], method: str, content: dict[str, Any], error: str) -> None:
    before = len(sandbox.store.records.accepted())
    place = {name: value for name, value in calls[method].items() if name != "text"}
    assert (await sandbox.api(method, **place, **content))["error"] == error
    assert len(sandbox.store.records.accepted()) == before


async def test_an_update_takes_a_shorter_text(sandbox: Sandbox, calls: dict[str, Any]) -> None:
    assert (await sandbox.api("chat.update", **{**calls["chat.update"], "text": "x" * 4_001}))["error"] == "msg_too_long"
    assert (await sandbox.api("chat.postMessage", channel=FRONT_DESK, text="x" * 40_000))["ok"] is True


@pytest.mark.parametrize(
    ("method", "name", "value", "error"),
    [
        ("chat.postMessage", "thread_ts", "yesterday", "invalid_thread_ts"),
        ("chat.postMessage", "thread_ts", NO_SUCH_TS, "thread_not_found"),
        ("conversations.replies", "ts", "yesterday", "thread_not_found"),
        ("conversations.replies", "ts", NO_SUCH_TS, "thread_not_found"),
        ("conversations.replies", "cursor", "!!", "invalid_cursor"),
        ("conversations.replies", "limit", "0", "invalid_limit"),
        ("conversations.history", "cursor", "bm9wZTo1", "invalid_cursor"),
        ("assistant.threads.setStatus", "thread_ts", "yesterday", "invalid_thread_ts"),
        ("assistant.threads.setStatus", "thread_ts", NO_SUCH_TS, "invalid_thread_ts"),
        ("assistant.threads.setStatus", "loading_messages", ["x"] * 11, "invalid_arguments"),
        ("chat.update", "ts", NO_SUCH_TS, "message_not_found"),
        ("chat.delete", "ts", "yesterday", "message_not_found"),
    ],
)
async def test_a_place_that_is_not_there(
    sandbox: Sandbox, calls: dict[str, Any], method: str, name: str, value: Any, error: str
) -> None:
    assert (await sandbox.api(method, **{**calls[method], name: value}))["error"] == error


async def test_a_reply_has_no_thread_of_its_own(sandbox: Sandbox, calls: dict[str, Any]) -> None:
    reply = calls["chat.update"]["ts"]
    answer = await sandbox.api("chat.postMessage", channel=FRONT_DESK, text="hi", thread_ts=reply)
    assert answer["error"] == "cannot_reply_to_message"


@pytest.mark.parametrize(("method", "error"), [("chat.update", "cant_update_message"), ("chat.delete", "cant_delete_message")])
async def test_a_persons_message_is_theirs(sandbox: Sandbox, calls: dict[str, Any], method: str, error: str) -> None:
    theirs = calls["conversations.replies"]["ts"]
    assert (await sandbox.api(method, **{**calls[method], "ts": theirs}))["error"] == error


@pytest.mark.parametrize(
    ("content_type", "body", "error"),
    [
        ("application/json", b"{", "invalid_json"),
        ("application/json", b"\xff\xfe{}", "invalid_json"),
        ("application/json", b"[1]", "json_not_object"),
        ("application/xml", b"<a/>", "invalid_post_type"),
        ("application/x-www-form-urlencoded; charset=utf-7", b"a=b", "invalid_charset"),
        ("application/x-www-form-urlencoded", b"text=\xff", "invalid_form_data"),
        ("application/json", json.dumps({"token": FERNWOOD.workspace.bot_token}).encode(), "not_authed"),
    ],
)
async def test_an_unreadable_request(sandbox: Sandbox, content_type: str, body: bytes, error: str) -> None:
    url = f"{sandbox.url}/sandbox/slack/api/auth.test"
    async with sandbox.http.post(url, data=body, headers={"Content-Type": content_type}) as response:
        assert (await response.json())["error"] == error


async def test_a_token_in_the_address_does_not_count(sandbox: Sandbox) -> None:
    url = f"{sandbox.url}/sandbox/slack/api/auth.test"
    async with sandbox.http.get(url, params={"token": FERNWOOD.workspace.bot_token}) as response:
        assert (await response.json())["error"] == "not_authed"
