"""What the app hears: the envelopes, their signatures, echoes and retries."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from slack_sdk.signature import SignatureVerifier

from konstruct.local.sandbox.businesses import FERNWOOD, MARLOW
from konstruct.local.sandbox.model import Channel
from tests.sandbox.support import (
    ANNA,
    ANNA_DIRECT,
    FRONT_DESK,
    MARLOW_DESK,
    SECRET,
    TOM,
    Listener,
    Sandbox,
    open_sandbox,
    until,
)

BOT = FERNWOOD.workspace.bot_user_id
METADATA = {"event_type": "konstruct_delivery", "event_payload": {"delivery_id": "0190"}}


async def test_a_direct_message_is_one_signed_event(sandbox: Sandbox, listener: Listener) -> None:
    ts = await sandbox.say("When do we open?", ANNA_DIRECT)
    (heard,) = await listener.wait(1)
    assert SignatureVerifier(SECRET).is_valid_request(heard.body, heard.headers)
    assert not SignatureVerifier("another secret").is_valid_request(heard.body, heard.headers)
    assert not SignatureVerifier(SECRET).is_valid_request(heard.body + b" ", heard.headers)
    envelope, event = heard.envelope, heard.event
    assert (envelope["type"], envelope["team_id"], envelope["api_app_id"]) == ("event_callback", "T0FERNWOOD1", "A0KONSTRUCT")
    assert envelope["event_id"].startswith("Ev") and envelope["event_time"] == int(ts.split(".")[0])
    assert envelope["is_ext_shared_channel"] is False
    assert envelope["authorizations"] == [
        {"enterprise_id": None, "team_id": "T0FERNWOOD1", "user_id": BOT, "is_bot": True, "is_enterprise_install": False}
    ]
    assert (event["type"], event["user"], event["ts"], event["event_ts"]) == ("message", ANNA, ts, ts)
    assert (event["channel"], event["channel_type"], event["text"]) == (ANNA_DIRECT, "im", "When do we open?")
    assert event["client_msg_id"] and "thread_ts" not in event and "bot_id" not in event


async def test_a_mention_is_heard_twice(sandbox: Sandbox, listener: Listener) -> None:
    await sandbox.say("@Robin a < b & c, ask @Tom")
    first, second = (heard.envelope for heard in await listener.wait(2))
    kinds = {envelope["event"]["type"]: envelope["event"] for envelope in (first, second)}
    assert set(kinds) == {"message", "app_mention"}
    assert first["event_id"] != second["event_id"]
    for name in ("ts", "client_msg_id", "text", "channel", "user"):
        assert kinds["message"][name] == kinds["app_mention"][name]
    assert kinds["message"]["text"] == f"<@{BOT}> a &lt; b &amp; c, ask <@{TOM}>"
    assert kinds["message"]["channel_type"] == "channel" and "channel_type" not in kinds["app_mention"]


async def test_no_mention_is_heard_once(sandbox: Sandbox, listener: Listener) -> None:
    await sandbox.say("robin@example.org wrote; @Tom?")
    await sandbox.say("@Robin?", ANNA_DIRECT)
    heard = await listener.wait(2)
    assert [h.event["type"] for h in heard] == ["message", "message"]


async def test_a_reply_names_its_thread(sandbox: Sandbox, listener: Listener) -> None:
    root = await sandbox.say("first", FRONT_DESK, TOM)
    await listener.wait(1)
    await sandbox.say("second", FRONT_DESK, ANNA, root)
    reply = (await listener.wait(2))[1].event
    assert (reply["thread_ts"], reply["parent_user_id"]) == (root, TOM)


async def test_a_channel_without_the_employee_is_not_heard(sandbox: Sandbox, listener: Listener) -> None:
    away = Channel("C0FERNSTAFF", FERNWOOD.workspace.team_id, "channel", "staff", has_bot=False)
    sandbox.store.workspaces.add(FERNWOOD.workspace, (), (away,))
    await sandbox.say("@Robin between us", "C0FERNSTAFF")
    await sandbox.say("aloud")
    assert [heard.event["channel"] for heard in await listener.wait(1)] == [FRONT_DESK]


async def test_the_apps_own_post_comes_back(sandbox: Sandbox, listener: Listener) -> None:
    root = await sandbox.say("hello", ANNA_DIRECT)
    await listener.wait(1)
    post = await sandbox.api(
        "chat.postMessage",
        channel=ANNA_DIRECT,
        thread_ts=root,
        blocks=[{"type": "markdown", "text": "**Hi**"}],
        text="Hi",
        metadata=METADATA,
    )
    heard = {h.event["type"] + str(h.event.get("bot_id", "")): h.event for h in (await listener.wait(3))[1:]}
    echo, metadata = heard["messageB0FERNBOT01"], heard["message_metadata_postedB0FERNBOT01"]
    assert (echo["ts"], echo["thread_ts"], echo["user"], echo["app_id"]) == (post["ts"], root, BOT, "A0KONSTRUCT")
    assert echo["metadata"] == METADATA and echo["text"] == "Hi" and echo["blocks"][0]["text"] == "**Hi**"
    assert "client_msg_id" not in echo and echo["parent_user_id"] == ANNA
    assert (metadata["message_ts"], metadata["channel_id"], metadata["metadata"]) == (post["ts"], ANNA_DIRECT, METADATA)


async def test_a_post_without_metadata_comes_back_once(sandbox: Sandbox, listener: Listener) -> None:
    await sandbox.api("chat.postMessage", channel=FRONT_DESK, text="<!channel> hi")
    await sandbox.say("after")
    assert [h.event["type"] for h in await listener.wait(2)] == ["message", "message"]


async def test_edits_and_deletions_are_heard(sandbox: Sandbox, listener: Listener) -> None:
    ts = (await sandbox.api("chat.postMessage", channel=FRONT_DESK, text="one"))["ts"]
    await listener.wait(1)
    await sandbox.api("chat.update", channel=FRONT_DESK, ts=ts, text="two")
    changed = (await listener.wait(2))[1].event
    assert (changed["subtype"], changed["hidden"]) == ("message_changed", True)
    assert (changed["previous_message"]["text"], changed["message"]["text"]) == ("one", "two")
    await sandbox.api("chat.delete", channel=FRONT_DESK, ts=ts)
    deleted = (await listener.wait(3))[2].event
    assert (deleted["subtype"], deleted["deleted_ts"]) == ("message_deleted", ts)
    assert sandbox.store.messages.get(FRONT_DESK, ts) is None


async def test_the_workspaces_hear_their_own(sandbox: Sandbox, listener: Listener) -> None:
    await sandbox.api("chat.postMessage", MARLOW, channel=MARLOW_DESK, text="coffee")
    await sandbox.api("chat.postMessage", channel=FRONT_DESK, text="bicycle")
    heard = {h.envelope["team_id"]: h.event["text"] for h in await listener.wait(2)}
    assert heard == {"T0MARLOWC01": "coffee", "T0FERNWOOD1": "bicycle"}


async def test_three_retries_with_their_number_and_reason(sandbox: Sandbox, listener: Listener) -> None:
    listener.answers = [500, 404, 503, 500]
    await sandbox.say("are you there?", ANNA_DIRECT)
    heard = await listener.wait(4)
    assert [h.headers.get("x-slack-retry-num") for h in heard] == [None, "1", "2", "3"]
    assert [h.headers.get("x-slack-retry-reason") for h in heard] == [None, "http_error", "http_error", "http_error"]
    assert len({h.body for h in heard}) == 1
    assert all(SignatureVerifier(SECRET).is_valid_request(h.body, h.headers) for h in heard)
    await until(lambda: not sandbox.store.outbox.pending())
    assert len(sandbox.store.outbox.untaken_threads(ANNA_DIRECT)) == 1


async def test_a_retry_that_is_taken_ends_it(sandbox: Sandbox, listener: Listener) -> None:
    listener.answers = [500]
    await sandbox.say("are you there?", ANNA_DIRECT)
    await listener.wait(2)
    await until(lambda: not sandbox.store.outbox.pending())
    assert not sandbox.store.outbox.untaken_threads(ANNA_DIRECT)
    await sandbox.say("and now?", ANNA_DIRECT)
    assert len(await listener.wait(3)) == 3


async def test_a_redirect_is_no_acceptance(sandbox: Sandbox, listener: Listener) -> None:
    listener.answers = [307]
    await sandbox.say("are you there?", ANNA_DIRECT)
    assert (await listener.wait(2))[1].headers["x-slack-retry-num"] == "1"


async def test_a_restart_forgets_nothing(tmp_path: Path, listener: Listener) -> None:
    path = tmp_path / "sandbox.db"
    async with open_sandbox(path, "http://127.0.0.1:9", retry_delays_s=(60.0,)) as before:
        await before.say("nobody listens", ANNA_DIRECT)
        await until(lambda: bool(before.store.outbox.untaken_threads(ANNA_DIRECT)))
    async with open_sandbox(path, listener.url, retry_delays_s=(0.0,)) as after:
        (heard,) = await listener.wait(1)
        assert heard.event["text"] == "nobody listens"
        assert heard.headers["x-slack-retry-reason"] == "connection_failed"
        assert [message.text for message in after.store.messages.roots(ANNA_DIRECT, 5)] == ["nobody listens"]


@pytest.mark.parametrize("count", [40])
async def test_timestamps_are_unique_and_rise(sandbox: Sandbox, count: int) -> None:
    stamps = [await sandbox.say(f"message {n}") for n in range(count)]
    assert len(set(stamps)) == count and stamps == sorted(stamps)
    assert all(len(ts.split(".")[1]) == 6 for ts in stamps)


async def test_the_body_is_plain_json(sandbox: Sandbox, listener: Listener) -> None:
    await sandbox.say("grüß dich 🚲", ANNA_DIRECT)
    (heard,) = await listener.wait(1)
    assert heard.headers["content-type"] == "application/json"
    assert json.loads(heard.body)["event"]["text"] == "grüß dich 🚲"
