"""What the methods do when they accept, and the faults that tests may order."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from konstruct.local.sandbox.businesses import FERNWOOD
from konstruct.local.sandbox.slack.limits import Rate
from tests.sandbox.support import ANNA, ANNA_DIRECT, FRONT_DESK, Sandbox

TOKEN = FERNWOOD.workspace.bot_token
METADATA = {"event_type": "konstruct_delivery", "event_payload": {"delivery_id": "0190"}}


@pytest.fixture
def rates() -> dict[str, Rate]:
    """No limits here: they have a file of their own."""
    return {}


def sdk(sandbox: Sandbox) -> AsyncWebClient:
    """Slack's own client, as independent users of the API drive it."""
    return AsyncWebClient(token=TOKEN, base_url=f"{sandbox.url}/sandbox/slack/api/", retry_handlers=[], session=sandbox.http)


async def order(sandbox: Sandbox, **fault: Any) -> None:
    async with sandbox.http.post(f"{sandbox.url}/sandbox/control/faults", json=fault) as response:
        assert response.status == 200


async def test_slacks_own_client_posts_and_reads_back(sandbox: Sandbox) -> None:
    client = sdk(sandbox)
    assert (await client.auth_test())["user_id"] == FERNWOOD.workspace.bot_user_id
    root = await sandbox.say("hello", ANNA_DIRECT)
    blocks = [{"type": "markdown", "text": "**Hi**"}]
    posted = await client.chat_postMessage(channel=ANNA_DIRECT, thread_ts=root, text="Hi", blocks=blocks, metadata=METADATA)
    thread = await client.conversations_replies(channel=ANNA_DIRECT, ts=root, include_all_metadata=True)
    first, second = thread["messages"]
    assert (first["ts"], first["reply_count"]) == (root, 1)
    assert (second["ts"], second["metadata"], second["parent_user_id"]) == (posted["ts"], METADATA, ANNA)
    assert "metadata" not in (await client.conversations_replies(channel=ANNA_DIRECT, ts=root))["messages"][1]
    assert (await client.users_info(user=ANNA))["user"]["real_name"] == "Anna Whitlock"
    assert (await client.conversations_open(users=ANNA))["channel"]["id"] == ANNA_DIRECT
    with pytest.raises(SlackApiError) as refused:
        await client.chat_postMessage(channel="C0NOTHERE01", text="hi")
    assert refused.value.response["error"] == "channel_not_found"


async def test_a_form_carries_structures_as_json_text(sandbox: Sandbox) -> None:
    form = {"token": TOKEN, "channel": FRONT_DESK, "blocks": '[{"type":"markdown","text":"hi"}]', "text": "hi"}
    async with sandbox.http.post(f"{sandbox.url}/sandbox/slack/api/chat.postMessage", data=form) as response:
        body = await response.json()
    (block,) = body["message"]["blocks"]
    assert body["ok"] is True and block == {"type": "markdown", "text": "hi", "block_id": block["block_id"]}


async def test_a_persons_id_means_their_direct_channel(sandbox: Sandbox) -> None:
    assert (await sandbox.api("chat.postMessage", channel=ANNA, text="hi"))["channel"] == ANNA_DIRECT


async def test_a_thread_comes_in_pages_of_fifteen(sandbox: Sandbox) -> None:
    root = await sandbox.say("count")
    for number in range(20):
        await sandbox.api("chat.postMessage", channel=FRONT_DESK, thread_ts=root, text=str(number))
    first = await sandbox.api("conversations.replies", channel=FRONT_DESK, ts=root, limit="100")
    assert len(first["messages"]) == 15 and first["has_more"] is True
    cursor = first["response_metadata"]["next_cursor"]
    second = await sandbox.api("conversations.replies", channel=FRONT_DESK, ts=root, cursor=cursor)
    assert [m["text"] for m in second["messages"]] == ["14", "15", "16", "17", "18", "19"] and second["has_more"] is False
    oldest = second["messages"][-1]["ts"]
    window: dict[str, Any] = {"oldest": oldest, "inclusive": "1"}
    assert [
        m["text"] for m in (await sandbox.api("conversations.replies", channel=FRONT_DESK, ts=root, **window))["messages"]
    ] == ["19"]


async def test_history_has_no_replies_and_the_newest_first(sandbox: Sandbox) -> None:
    root = await sandbox.say("first")
    await sandbox.say("reply", FRONT_DESK, ANNA, root)
    await sandbox.say("second")
    answer = await sandbox.api("conversations.history", channel=FRONT_DESK)
    assert [m["text"] for m in answer["messages"]] == ["second", "first"]


async def test_a_status_shows_until_the_answer(sandbox: Sandbox) -> None:
    root = await sandbox.say("hello", ANNA_DIRECT)
    place: dict[str, Any] = {"channel_id": ANNA_DIRECT, "thread_ts": root}
    await sandbox.api("assistant.threads.setStatus", status="is thinking", **place)
    status = sandbox.store.threads.statuses(ANNA_DIRECT)[root]
    assert status.text == "is thinking" and 110 < status.until - time.time() <= 120
    await sandbox.api("chat.postMessage", channel=ANNA_DIRECT, thread_ts=root, text="hi")
    assert sandbox.store.threads.statuses(ANNA_DIRECT) == {}
    await sandbox.api("assistant.threads.setStatus", status="is thinking", **place)
    await sandbox.api("assistant.threads.setStatus", status="", **place)
    assert sandbox.store.threads.statuses(ANNA_DIRECT) == {}


async def test_accepted_posts_are_recorded(sandbox: Sandbox) -> None:
    root = await sandbox.say("hello")
    await sandbox.api("chat.postMessage", channel=FRONT_DESK, thread_ts=root, text="hi", metadata=METADATA)
    await sandbox.api("chat.postMessage", channel=FRONT_DESK, text="")
    async with sandbox.http.get(f"{sandbox.url}/sandbox/control/accepted") as response:
        (post,) = await response.json()
    assert (post["method"], post["team_id"], post["channel"], post["thread_ts"]) == (
        *("chat.postMessage", "T0FERNWOOD1", FRONT_DESK),
        root,
    )
    assert (post["text"], post["metadata"]) == ("hi", METADATA)
    async with sandbox.http.get(f"{sandbox.url}/sandbox/control/accepted", params={"after": post["id"]}) as response:
        assert await response.json() == []


async def test_ordered_faults_come_and_go(sandbox: Sandbox) -> None:
    await order(sandbox, answer="500", times=2)
    await order(sandbox, answer="429", seconds=7)
    answers = [await sandbox.api("chat.postMessage", channel=FRONT_DESK, text=str(n)) for n in range(4)]
    assert [(a["http"], a["ok"]) for a in answers] == [(500, False), (500, False), (429, False), (200, True)]
    assert (answers[2]["error"], answers[2]["retry_after"]) == ("ratelimited", "7")
    assert [post.text for post in sandbox.store.records.accepted()] == ["3"]


async def test_accept_then_hang(sandbox: Sandbox) -> None:
    await order(sandbox, answer="hang", accept=True, seconds=60)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await sandbox.api("chat.postMessage", channel=FRONT_DESK, text="shown all the same")
    assert [post.text for post in sandbox.store.records.accepted()] == ["shown all the same"]


async def test_a_fault_meets_only_its_method(sandbox: Sandbox) -> None:
    await order(sandbox, method="auth.test", answer="503")
    assert (await sandbox.api("chat.postMessage", channel=FRONT_DESK, text="hi"))["ok"] is True
    assert (await sandbox.api("auth.test"))["http"] == 503


async def test_other_sites_order_nothing(sandbox: Sandbox) -> None:
    foreign = {"Sec-Fetch-Site": "cross-site"}
    async with sandbox.http.post(f"{sandbox.url}/sandbox/control/faults", json={}, headers=foreign) as response:
        assert response.status == 403
    words = {"team": "T0FERNWOOD1", "user": ANNA, "channel": FRONT_DESK, "text": "hi"}
    async with sandbox.http.post(f"{sandbox.url}/sandbox/messages", json=words, headers=foreign) as response:
        assert response.status == 403


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"team": "T0NOTHERE01"}, 404),
        ({"user": "U0MARLPRIYA"}, 404),
        ({"channel": "C0MARLDESK1"}, 404),
        ({"channel": "D0FERNTOM01"}, 404),
        ({"thread_ts": "1700000000.000001"}, 404),
        ({"text": "  "}, 409),
        ({"text": "x" * 40_001}, 409),
        ({"text": None}, 422),
    ],
)
async def test_a_person_says_something_impossible(sandbox: Sandbox, change: dict[str, Any], status: int) -> None:
    words = {"team": "T0FERNWOOD1", "user": ANNA, "channel": FRONT_DESK, "text": "hi", **change}
    async with sandbox.http.post(f"{sandbox.url}/sandbox/messages", json=words) as response:
        assert response.status == status
    assert sandbox.store.messages.roots(FRONT_DESK, 5) == []
