from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import pytest

from konstruct.channels.port import Credential, Target
from konstruct.channels.slack.adapter import SlackAdapter
from konstruct.channels.slack.signature import sign
from tests.channels.contract import ChannelContract, Harness, credential
from tests.channels.slack_bodies import SECRET, event
from tests.support.fake_slack import FakeSlack, Fault, answers, hangs, resets

FAULTS: dict[str, tuple[bool, Fault]] = {
    "rate limit": (False, answers(429, "", "text/plain", Retry_After="7")),
    "refused for good": (False, answers(200, '{"ok":false,"error":"is_archived"}')),
    "error 500, not shown": (False, answers(500, "oops", "text/html")),
    "error 500, shown": (True, answers(500, "oops", "text/html")),
    "page of HTML": (True, answers(200, "<html>", "text/html")),
    "garbage": (True, answers(200, b"\xff{{{", "application/json")),
    "a list": (True, answers(200, "[1]")),
    "empty body": (True, answers(200, "")),
    "hangs, shown": (True, hangs),
    "reset, not shown": (False, resets),
    "reset, shown": (True, resets),
    "redirect": (False, answers(307, "", "text/html", Location="/api/auth.test")),
    "dead token": (False, answers(200, '{"ok":false,"error":"token_revoked"}')),
}


class SlackProvider:
    """`FakeSlack` as the contract asks for it."""

    def __init__(self, slack: FakeSlack) -> None:
        self.slack = slack

    def shown(self) -> int:
        return len(self.slack.posts)

    def asked(self) -> int:
        return len(self.slack.requests)

    def fault(self, name: str) -> None:
        self.slack.accept, self.slack.fault = FAULTS[name]

    async def down(self) -> None:
        await self.slack.stop()


def message(text: str) -> bytes:
    return event(
        {"type": "message", "channel": "D1", "channel_type": "im", "user": "U1", "ts": "1790000000.000200", "text": text}
    )


def echo(delivery: UUID) -> bytes:
    metadata = {"event_type": "konstruct_delivery", "event_payload": {"delivery_id": str(delivery)}}
    own = {"bot_id": "B1", "app_id": "A1", "user": "UBOT1", "metadata": metadata}
    return event({"type": "message", "channel": "D1", "channel_type": "im", "ts": "1790000001.000200", "text": "x", **own})


@pytest.fixture
async def harness(slack: FakeSlack, adapter: SlackAdapter) -> Harness:
    def signed(body: bytes, now: float) -> dict[str, str]:
        timestamp = str(int(now))
        signature = sign(SECRET.encode(), body, timestamp)
        return {"x-slack-request-timestamp": timestamp, "x-slack-signature": signature}

    def seen_by(who: Credential) -> Sequence[str]:
        return [post["blocks"][0]["text"] for post in slack.posts if post["team"] == who.account_key]

    return Harness(
        adapter=adapter,
        provider=SlackProvider(slack),
        sign=signed,
        message=message,
        echo=echo,
        handshake=(b'{"type":"url_verification","token":"t","challenge":"3eZbrw1a"}', b"3eZbrw1a"),
        credentials=(credential("T1", "xoxb-first-canary"), credential("T2", "xoxb-second-canary")),
        targets=(Target("D1", "1790000000.000200"), Target("D2", "1790000000.000200")),
        seen_by=seen_by,
    )


class TestSlack(ChannelContract):
    """The contract, held by Slack."""
