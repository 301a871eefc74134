from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import replace
from types import MappingProxyType
from typing import Any
from uuid import UUID

import pytest

from konstruct.channels.button_names import ACT
from konstruct.channels.port import Credential, Echo, Inbound, InboundMessage, Post, SendOutcome, Target
from konstruct.channels.port_streams import Shown, StreamOutcome
from konstruct.channels.slack.adapter import SlackAdapter
from konstruct.channels.slack.events import delivery_id
from konstruct.channels.slack.signature import sign
from konstruct.conversations.files import FileAbsent, FileContent
from konstruct.conversations.part import Part
from konstruct.kit.settings import load_settings
from tests.channels.contract.harness import Bodies, Harness, credential
from tests.channels.contract.rule import RULES
from tests.channels.contract.suite import ChannelContract
from tests.channels.slack_bodies import SECRET, event
from tests.support import slack_forms
from tests.support.fake_slack import FakeSlack, Fault, answers, hangs, resets
from tests.support.fake_slack_store import Kept
from tests.support.slack_events import Team

FAULTS: dict[str, tuple[bool, Fault]] = {
    "rate limit": (False, answers(429, "", "text/plain", Retry_After="7")),
    "refused for good": (False, answers(200, '{"ok":false,"error":"is_archived"}')),
    "refused words": (False, answers(200, '{"ok":false,"error":"msg_too_long"}')),
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

    def mend(self) -> None:
        self.slack.accept, self.slack.fault = True, None

    def signs(self) -> int:
        return len(self.slack.statuses)

    def seen(self, who: Credential) -> Sequence[str]:
        return [post["blocks"][0]["text"] for post in self._of(who)]

    def trace(self, who: Credential) -> Sequence[UUID]:
        return [found for post in self._of(who) if (found := delivery_id(post)) is not None]

    def buttons(self, who: Credential) -> Sequence[Sequence[str]]:
        actions = [[block for block in post.get("controls", ()) if block["type"] == "actions"] for post in self._of(who)]
        return [[each["text"]["text"] for block in blocks for each in block["elements"]] for blocks in actions]

    def lists(self, _who: Credential) -> Sequence[Sequence[str]]:
        return []

    def files(self, who: Credential) -> Sequence[bytes]:
        files = self.slack.files.known
        return [files[each["id"]].content or b"" for post in self._of(who) for each in post.get("files", ())]

    def _of(self, who: Credential) -> list[dict[str, Any]]:
        return [post for post in self.slack.posts if post["team"] == who.account_key]

    async def down(self) -> None:
        await self.slack.stop()


TEAM = Team("T1", "A1", "UBOT1", "xoxb-first-canary")


def message(text: str) -> bytes:
    ts = f"1790000000.{sum(text.encode()):06d}"
    said = {"type": "message", "channel": "D1", "channel_type": "im", "user": "U1", "ts": ts, "text": text}
    return event(said, event_id=f"Ev{sum(text.encode())}")


def own(text: str, **more: object) -> bytes:
    said = {"bot_id": "B1", "app_id": "A1", "user": "UBOT1", "ts": "1790000001.000200", "text": text}
    return event({"type": "message", "channel": "D1", "channel_type": "im", **said, **more})


def echo(delivery: UUID) -> bytes:
    return own("x", metadata={"event_type": "konstruct_delivery", "event_payload": {"delivery_id": str(delivery)}})


@pytest.fixture
async def harness(slack: FakeSlack, adapter: SlackAdapter) -> Harness:
    def signed(body: bytes, now: float) -> dict[str, str]:
        timestamp = str(int(now))
        return {"x-slack-request-timestamp": timestamp, "x-slack-signature": sign(SECRET.encode(), body, timestamp)}

    def given(to: str | None) -> tuple[Mapping[str, Any], bytes]:
        content = b"opening hours: nine"
        return slack.store.add(slack.url, "F1", Kept("T1", content, "notes.txt", to=to)), content

    file, _ = given(None)
    said = {"type": "message", "subtype": "file_share", "channel": "D1", "channel_type": "im", "user": "U1", "text": "look"}
    with_file = event({**said, "ts": "1790000002.000300", "files": [file]})
    return Harness(
        adapter=adapter,
        provider=SlackProvider(slack),
        sign=signed,
        bodies=Bodies(
            message=message,
            own=own,
            unknown=event({"type": "hologram_posted", "channel": "D1"}),
            echo=echo,
            forms={
                "commanded": slack_forms.encode(slack_forms.commanded(TEAM, "U1", "D1", "help")),
                "pressed": slack_forms.encode(
                    slack_forms.pressed(TEAM, "U1", {"type": "button", "action_id": f"{ACT}_0", "value": "a.yes"}, channel="D1")
                ),
            },
            attachment=with_file,
            handshake=(b'{"type":"url_verification","token":"t","challenge":"3eZbrw1a"}', b"3eZbrw1a"),
        ),
        given=given,
        credentials=(credential("T1", "xoxb-first-canary"), credential("T2", "xoxb-second-canary")),
        targets=(Target("D1", "1790000000.000200"), Target("D2", "1790000000.000200")),
    )


class _NoTrace(SlackAdapter):
    def parse(self, body: bytes, headers: Mapping[str, str] = MappingProxyType({})) -> Sequence[Inbound]:
        return [replace(each, delivery_id=None) if isinstance(each, Echo) else each for each in super().parse(body, headers)]


class _Pings(SlackAdapter):
    def render(self, text: str, target: Target) -> list[Part]:
        return [replace(part, text=part.text.replace("\u200b", "")) for part in super().render(text, target)]


class _OneMoreFile(SlackAdapter):
    def instead_of_file(self, text: str, target: Target) -> list[Part]:
        return [*super().instead_of_file(text, target)[:-1], Part("the rest", "file")]


class _CutsFiles(SlackAdapter):
    async def send(self, post: Post, credential: Credential, timeout_s: float) -> SendOutcome:
        return await super().send(replace(post, text=post.text[:-1]) if post.form == "file" else post, credential, timeout_s)


class _NamesFilesById(SlackAdapter):
    def parse(self, body: bytes, headers: Mapping[str, str] = MappingProxyType({})) -> Sequence[Inbound]:
        found = super().parse(body, headers)
        return [
            replace(each, attachments=tuple({**file, "name": file["id"]} for file in each.attachments))
            if isinstance(each, InboundMessage)
            else each
            for each in found
        ]


class _ReadsOn(SlackAdapter):
    async def fetch_media(
        self, file: Mapping[str, Any], credential: Credential, *, limit_bytes: int, timeout_s: float
    ) -> FileContent | FileAbsent:
        return await super().fetch_media(file, credential, limit_bytes=limit_bytes + 1, timeout_s=timeout_s)


class _ShowsAgain(SlackAdapter):
    async def edit(self, shown: Shown, post: Post | str, credential: Credential, timeout_s: float) -> StreamOutcome:
        return await self.begin(shown.target, post if isinstance(post, str) else post.text, credential, timeout_s)


class _StopsWithoutTheRest(SlackAdapter):
    async def stop(
        self, shown: Shown, credential: Credential, timeout_s: float, *, rest: str = "", post: Post | None = None
    ) -> StreamOutcome:
        return await super().stop(shown, credential, timeout_s, post=post)


class _ShowsWhatComes(SlackAdapter):
    def growing(self, text: str, participants: Set[str]) -> str:
        return text


BROKEN = [
    ("a_file_is_named", _NamesFilesById),
    ("a_file_is_read_within_its_bound", _ReadsOn),
    ("an_edit_changes_the_one_message", _ShowsAgain),
    ("a_stream_is_one_message_and_ends", _StopsWithoutTheRest),
    ("what_grows_is_safe_at_every_length", _ShowsWhatComes),
    ("an_echo_names_its_delivery", _NoTrace),
    ("nobody_is_mentioned_but_the_participants", _Pings),
    ("a_file_can_be_said_in_words", _OneMoreFile),
    ("a_file_is_shown_whole", _CutsFiles),
]


@pytest.mark.parametrize(("name", "make"), BROKEN, ids=[name for name, _ in BROKEN])
async def test_what_the_test_adapter_cannot_break(
    harness: Harness, slack: FakeSlack, name: str, make: type[SlackAdapter]
) -> None:
    broken = replace(harness, adapter=make(load_settings(slack_signing_secret=SECRET, slack_api_url=slack.url)))
    try:
        with pytest.raises(AssertionError):
            await RULES[name].check(broken)
    finally:
        await broken.adapter.close()


class TestSlack(ChannelContract):
    """The contract, held by Slack."""
