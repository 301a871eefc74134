from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from konstruct.channels.port import Absent, Credential, Failed, Post, Retry, SendOutcome, Sent, Target, Unknown
from konstruct.channels.slack.adapter import SlackAdapter
from konstruct.channels.slack.render import PART_MAX, texts
from konstruct.kit.ids import uuid7
from konstruct.kit.settings import load_settings
from tests.channels.contract.harness import credential
from tests.support.fake_slack import FakeSlack, answers, hangs

FIRST = credential("T1", "xoxb-first-canary")
TARGET = Target("C1", "1790000000.000200", frozenset({"U1"}))


def post(text: str = "hello", target: Target = TARGET) -> Post:
    return Post(uuid7(), target, text)


async def test_what_is_sent(slack: FakeSlack, adapter: SlackAdapter) -> None:
    (part,) = adapter.render("**Hi** <@U1>, not <@U2> & <!here>", TARGET)
    sent = post(text := part.text)
    outcome = await adapter.send(sent, FIRST, 5.0)
    (seen,) = slack.posts
    assert outcome == Sent(seen["ts"])
    assert {name: seen[name] for name in ("channel", "thread_ts", "blocks", "metadata", "unfurl_links", "unfurl_media")} == {
        "channel": "C1",
        "thread_ts": "1790000000.000200",
        "blocks": [{"type": "markdown", "text": text}],
        "metadata": {"event_type": "konstruct_delivery", "event_payload": {"delivery_id": str(sent.delivery_id)}},
        "unfurl_links": False,
        "unfurl_media": False,
    }
    assert seen["text"] == "Hi <@U1>, not &lt;@\u200bU2&gt; &amp; &lt;!\u200bhere&gt;"
    assert slack.requests == [("chat.postMessage", FIRST.token)]


async def test_the_longest_part_is_taken(slack: FakeSlack, adapter: SlackAdapter) -> None:
    for text in ("&" * 50_000, "😀" * 50_000):
        for part in texts(text, TARGET.participants):
            assert isinstance(await adapter.send(post(part), FIRST, 5.0), Sent)
    assert max(len(seen["blocks"][0]["text"]) for seen in slack.posts) > PART_MAX - 100


@pytest.mark.parametrize(
    ("code", "content"),
    [
        ("msg_too_long", True),
        ("no_text", True),
        ("invalid_blocks", True),
        ("channel_not_found", False),
        ("not_in_channel", False),
        ("is_archived", False),
    ],
)
@pytest.mark.parametrize("status", [200, 400, 404])
async def test_refused_for_good(slack: FakeSlack, adapter: SlackAdapter, code: str, content: bool, status: int) -> None:
    slack.accept, slack.fault = False, answers(status, json.dumps({"ok": False, "error": code}))
    assert await adapter.send(post(), FIRST, 5.0) == Failed(code, content=content)
    assert len(slack.requests) == 1


@pytest.mark.parametrize(
    "code",
    ["token_revoked", "account_inactive", "invalid_auth", "not_authed", "token_expired", "missing_scope"],
)
async def test_account_broken(slack: FakeSlack, adapter: SlackAdapter, code: str) -> None:
    slack.accept, slack.fault = False, answers(200, json.dumps({"ok": False, "error": code, "needed": "chat:write"}))
    assert await adapter.send(post(), FIRST, 5.0) == Failed(code, account_broken=True)
    assert await adapter.health(FIRST) == code


@pytest.mark.parametrize(
    ("status", "body", "outcome"),
    [
        (200, '{"ok":false,"error":"internal_error"}', Unknown("internal_error")),
        (200, '{"ok":false,"error":"fatal_error"}', Unknown("fatal_error")),
        (503, '{"ok":false,"error":"service_unavailable"}', Unknown("service_unavailable")),
        (500, '{"ok":false,"error":"channel_not_found"}', Unknown("channel_not_found")),
        (500, '{"ok":true,"ts":"1.2"}', Unknown("unreadable_answer")),
        (502, "<html>", Unknown("http_502")),
        (404, "<html>", Unknown("http_404")),
        (200, '{"ok":true}', Unknown("unreadable_answer")),
        (200, '{"ok":true,"ts":5}', Unknown("unreadable_answer")),
        (200, '{"ok":"yes"}', Unknown("unreadable_answer")),
        (200, '"ok"', Unknown("unreadable_answer")),
        (200, "null", Unknown("unreadable_answer")),
        (200, "[" * 100_000, Unknown("unreadable_answer")),
        (200, '{"ok":false}', Failed("unnamed_error")),
        (200, '{"ok":false,"error":{"a":1}}', Failed("unnamed_error")),
        (200, '{"ok":false,"error":"Secret text of <somebody>"}', Failed("unnamed_error")),
        (200, '{"ok":false,"error":"request_timeout"}', Retry(5.0, "request_timeout")),
        (200, '{"ok":false,"error":"team_added_to_org"}', Retry(60.0, "team_added_to_org", "account")),
        (200, '{"ok":false,"error":"rate_limited"}', Retry(30.0, "rate_limited", "account")),
        (200, '{"ok":false,"error":"ratelimited"}', Retry(30.0, "ratelimited", "channel")),
    ],
)
async def test_answers(slack: FakeSlack, adapter: SlackAdapter, status: int, body: str, outcome: SendOutcome) -> None:
    slack.accept, slack.fault = False, answers(status, body)
    assert await adapter.send(post(), FIRST, 5.0) == outcome
    assert len(slack.requests) == 1


@pytest.mark.parametrize(
    ("header", "after_s"),
    [
        ("7", 7.0),
        ("0", 1.0),
        ("999999", 3600.0),
        ("9999999", 30.0),
        ("soon", 30.0),
        ("-1", 30.0),
        ("1e9", 30.0),
        ("", 30.0),
        ("٧", 30.0),
    ],
)
@pytest.mark.parametrize("kind", ["text/html", "application/json", "text/plain"])
async def test_retry_after(slack: FakeSlack, adapter: SlackAdapter, header: str, after_s: float, kind: str) -> None:
    slack.accept, slack.fault = False, answers(429, "slow down", kind, Retry_After=header)
    assert await adapter.send(post(), FIRST, 5.0) == Retry(after_s, "ratelimited", "channel")


async def test_concurrent_tenants_keep_their_tokens(slack: FakeSlack, adapter: SlackAdapter) -> None:
    second, there = credential("T2", "xoxb-second-canary"), Target("C2", None)
    sends = [adapter.send(post("one"), FIRST, 5.0) if n % 2 else adapter.send(post("two", there), second, 5.0) for n in range(60)]
    assert all(isinstance(outcome, Sent) for outcome in await asyncio.gather(*sends))
    assert {(seen["team"], seen["text"]) for seen in slack.posts} == {("T1", "one"), ("T2", "two")}


async def test_cancelled_send_leaves_a_usable_adapter(slack: FakeSlack, adapter: SlackAdapter) -> None:
    slack.fault = hangs
    task = asyncio.create_task(adapter.send(post(), FIRST, 30.0))
    while not slack.posts:
        await asyncio.sleep(0.001)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    slack.fault = None
    assert isinstance(await adapter.send(post(), FIRST, 5.0), Sent)


async def test_no_proxy_from_the_environment(slack: FakeSlack, adapter: SlackAdapter, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert isinstance(await adapter.send(post(), FIRST, 5.0), Sent)


async def test_cookies_are_not_kept(slack: FakeSlack, adapter: SlackAdapter) -> None:
    slack.accept, slack.fault = True, answers(200, '{"ok":true,"ts":"1.2"}', Set_Cookie="d=tenant-one; Path=/")
    await adapter.send(post(), FIRST, 5.0)
    session = adapter._client._session
    assert session is not None and len(list(session.cookie_jar)) == 0


async def test_an_address_that_is_none() -> None:
    adapter = SlackAdapter(load_settings(slack_api_url="nonsense"))
    assert isinstance(await adapter.send(post(), FIRST, 1.0), Retry)
    await adapter.close()


async def test_find_reads_page_by_page(slack: FakeSlack, adapter: SlackAdapter) -> None:
    before = datetime.now(UTC)
    for number in range(40):
        await adapter.send(post(f"earlier {number}"), FIRST, 5.0)
    wanted = post("wanted")
    outcome = await adapter.send(wanted, FIRST, 5.0)
    slack.requests.clear()
    assert await adapter.find(wanted, before, FIRST) == outcome
    assert slack.requests == [("conversations.replies", FIRST.token)] * 3
    assert await adapter.find(post(), before, FIRST) == Absent()


async def test_find_looks_in_the_window_only(slack: FakeSlack, adapter: SlackAdapter) -> None:
    sent = post()
    await adapter.send(sent, FIRST, 5.0)
    assert await adapter.find(sent, datetime.now(UTC) - timedelta(hours=1), FIRST) == Absent()
    assert await adapter.find(sent, datetime.now(UTC) + timedelta(minutes=5), FIRST) == Absent()


async def test_find_does_not_trust_what_it_cannot_finish(slack: FakeSlack, adapter: SlackAdapter) -> None:
    before = datetime.now(UTC)
    for _ in range(70):
        await adapter.send(post(), FIRST, 5.0)
    assert isinstance(await adapter.find(post(), before, FIRST), Retry)


async def test_find_takes_only_an_apps_message(slack: FakeSlack, adapter: SlackAdapter) -> None:
    sent, before = post(), datetime.now(UTC)
    await adapter.send(sent, FIRST, 5.0)
    del slack.posts[0]["bot_id"]
    assert await adapter.find(sent, before, FIRST) == Absent()


async def test_find_when_history_is_denied(slack: FakeSlack, adapter: SlackAdapter) -> None:
    slack.fault = answers(200, '{"ok":false,"error":"missing_scope"}')
    assert await adapter.find(post(), datetime.now(UTC), FIRST) == Failed("missing_scope")
    slack.fault = answers(429, "", Retry_After="60")
    assert await adapter.find(post(), datetime.now(UTC), FIRST) == Retry(60.0, "ratelimited", "channel")


async def test_find_of_another_tenant(slack: FakeSlack, adapter: SlackAdapter) -> None:
    sent, before = post(), datetime.now(UTC)
    await adapter.send(sent, FIRST, 5.0)
    second: Credential = replace(FIRST, token="xoxb-second-canary")
    assert await adapter.find(sent, before, second) == Failed("channel_not_found")


async def test_status(slack: FakeSlack, adapter: SlackAdapter) -> None:
    await adapter.working(TARGET, FIRST, active=True)
    await adapter.working(TARGET, FIRST, active=False)
    await adapter.working(Target("C1", None), FIRST, active=True)
    assert [(shown["channel_id"], shown["thread_ts"], bool(shown["status"])) for shown in slack.statuses] == [
        ("C1", "1790000000.000200", True),
        ("C1", "1790000000.000200", False),
    ]
