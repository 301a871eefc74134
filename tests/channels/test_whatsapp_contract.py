from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from konstruct.channels.port import Credential, Failed, Inbound, InboundMessage, Post, SendOutcome, Target
from konstruct.channels.whatsapp.adapter import WINDOW_S, WhatsAppAdapter
from konstruct.conversations.files import FileAbsent, FileContent
from konstruct.conversations.part import Part
from konstruct.conversations.template_use import TemplateUse
from konstruct.kit.ids import uuid7
from konstruct.kit.settings import load_settings
from tests.channels.contract.harness import Bodies, Harness, credential
from tests.channels.contract.rule import RULES
from tests.channels.contract.suite import ChannelContract
from tests.support import meta_events
from tests.support.fake_meta import FakeMeta, Number, Person, graph_answer, shown_to, words_of
from tests.support.fake_meta_media import Kept
from tests.support.fake_slack import Fault, answers, hangs, resets

SECRET, VERIFY = "app-secret-canary", "verify-token"
FAULTS: dict[str, tuple[bool, Fault]] = {
    "rate limit": (False, graph_answer(130429, status=429, Retry_After="7")),
    "refused for good": (False, graph_answer(131026)),
    "refused words": (False, graph_answer(100)),
    "error 500, not shown": (False, answers(500, "oops", "text/html")),
    "error 500, shown": (True, answers(500, "oops", "text/html")),
    "page of HTML": (True, answers(200, "<html>", "text/html")),
    "garbage": (True, answers(200, b"\xff{{{", "application/json")),
    "a list": (True, answers(200, "[1]")),
    "empty body": (True, answers(200, "")),
    "hangs, shown": (True, hangs),
    "reset, not shown": (False, resets),
    "reset, shown": (True, resets),
    "redirect": (False, answers(307, "", "text/html", Location="/v25.0/101")),
    "dead token": (False, graph_answer(190, status=401, subcode=463)),
}
NUMBERS = (
    meta_events.Number("W1", "101", "15550001111", "token-canary-one"),
    meta_events.Number("W2", "102", "15550001112", "token-canary-two"),
)
ANN = meta_events.Person(phone="4917770001", user_id="DE.13491208655302741918")
BEN = meta_events.Person(phone="4917770002", user_id=None, name="Ben")


class MetaProvider:
    """`FakeMeta` as the contract asks for it."""

    def __init__(self, meta: FakeMeta) -> None:
        self.meta = meta

    def shown(self) -> int:
        return len(self.meta.messages)

    def asked(self) -> int:
        return len(self.meta.requests)

    def fault(self, name: str) -> None:
        accept, fault = FAULTS[name]
        self.meta.break_with(fault, accept=accept)

    def mend(self) -> None:
        self.meta.mend()

    def signs(self) -> int:
        return len([sign for sign in self.meta.signs if "typing_indicator" in sign])

    def seen(self, who: Credential) -> Sequence[str]:
        return [words_of(each) for each in shown_to(self.meta, who.account_key)]

    def trace(self, who: Credential) -> Sequence[UUID]:
        return [UUID(each["biz_opaque_callback_data"]) for each in shown_to(self.meta, who.account_key)]

    def buttons(self, who: Credential) -> Sequence[Sequence[str]]:
        return [_labels(each) for each in shown_to(self.meta, who.account_key)]

    def lists(self, who: Credential) -> Sequence[Sequence[str]]:
        return [_rows(each) for each in shown_to(self.meta, who.account_key)]

    def files(self, who: Credential) -> Sequence[bytes]:
        shown = [each["document"]["id"] for each in shown_to(self.meta, who.account_key) if each["type"] == "document"]
        return [self.meta.media.known[media_id].content for media_id in shown]

    async def down(self) -> None:
        await self.meta.stop()


def _labels(message: dict[str, Any]) -> list[str]:
    action = message.get("interactive", {}).get("action", {})
    return [button["reply"]["title"] for button in action.get("buttons", ())]


def _rows(message: dict[str, Any]) -> list[str]:
    sections = message.get("interactive", {}).get("action", {}).get("sections", ())
    return [row.get("description", row["title"]) for section in sections for row in section["rows"]]


def _adapter(meta: FakeMeta, make: type[WhatsAppAdapter]) -> WhatsAppAdapter:
    settings = load_settings(whatsapp_app_secret=SECRET, whatsapp_verify_token=VERIFY, whatsapp_api_url=meta.url)
    return make(settings)


def _message(text: str) -> bytes:
    wamid = f"wamid.T{sum(text.encode())}"
    return meta_events.encode(meta_events.text(NUMBERS[0], text, ANN, wamid=wamid, at=1_790_000_000))


@asynccontextmanager
async def meta_harness(make: type[WhatsAppAdapter]) -> AsyncIterator[Harness]:
    """Yield a harness of an adapter of this type, and a provider of its own."""
    meta = FakeMeta(
        [Number(each.phone_number_id, each.waba, each.display, each.token) for each in NUMBERS],
        [Person("4917770001", ANN.user_id), Person("4917770002")],
    )
    meta.templates["W1", "order_ready", "en"] = {"body": 1, "buttons": [0]}
    await meta.start()
    for number, person in zip(NUMBERS, meta.people, strict=True):
        meta.hear(number.phone_number_id, person.digits, f"wamid.{number.waba}")
    adapter = _adapter(meta, make)
    try:
        yield _harness(meta, adapter)
    finally:
        await adapter.close()
        await meta.stop()


@pytest.fixture
async def harness() -> AsyncIterator[Harness]:
    async with meta_harness(WhatsAppAdapter) as found:
        yield found


def _harness(meta: FakeMeta, adapter: WhatsAppAdapter) -> Harness:
    def signed(body: bytes, _now: float) -> dict[str, str]:
        return {name.lower(): value for name, value in meta_events.sign(body, SECRET).items() if name != "Content-Type"}

    def given(to: str | None) -> tuple[Mapping[str, Any], bytes]:
        content = b"opening hours: nine"
        media_id = meta.media.add(Kept("101", content, "notes.txt", to=to))
        return {"id": media_id, "name": "notes.txt", "kind": "document", "mimetype": "text/plain"}, content

    def close_window() -> None:
        for pair in meta.heard:
            meta.heard[pair] -= WINDOW_S + 1

    pressed = {"type": "button_reply", "button_reply": {"id": f"{uuid7().hex}.yes", "title": "Yes"}}
    document = {"id": "900000001", "filename": "notes.txt", "mime_type": "text/plain", "sha256": "x", "caption": "look"}
    reaction = {"message_id": "wamid.1", "emoji": "👍"}
    own = meta_events.status(NUMBERS[0], "wamid.own", "sent", ANN, delivery=str(uuid7()))
    receipt = meta_events.status(NUMBERS[0], "wamid.own", "read", ANN, delivery=str(uuid7()))
    return Harness(
        adapter=adapter,
        provider=MetaProvider(meta),
        sign=signed,
        bodies=Bodies(
            message=_message,
            own=lambda _text: meta_events.encode(own),
            unknown=meta_events.encode(meta_events.of_number(NUMBERS[0], "holograms", holograms=[{"id": "h1"}])),
            challenge=(meta_events.challenge(VERIFY), meta_events.challenge("guess"), b"1158201444"),
            events={
                "receipt": meta_events.encode(receipt),
                "pressed": meta_events.encode(meta_events.message(NUMBERS[0], "interactive", pressed, ANN)),
                "reacted": meta_events.encode(meta_events.message(NUMBERS[0], "reaction", reaction, ANN)),
            },
            attachment=meta_events.encode(meta_events.message(NUMBERS[0], "document", document, ANN)),
        ),
        given=given,
        credentials=(credential("101", "token-canary-one"), credential("102", "token-canary-two")),
        targets=(
            Target("DE.13491208655302741918", None, aliases=frozenset({"4917770001"}), heard_id="wamid.W1"),
            Target("4917770002", None, heard_id="wamid.W2"),
        ),
        template=TemplateUse("order_ready", "en", body=("Ann",), buttons=((0, "7"),)),
        late=("131047 Re-engagement message", Failed("window_closed", window=True)),
        close_window=close_window,
    )


class _CutsFiles(WhatsAppAdapter):
    async def send(self, post: Post, credential: Credential, timeout_s: float) -> SendOutcome:
        return await super().send(replace(post, text=post.text[:-1]) if post.form == "file" else post, credential, timeout_s)


class _SendsTheWords(WhatsAppAdapter):
    async def send(self, post: Post, credential: Credential, timeout_s: float) -> SendOutcome:
        return await super().send(replace(post, form="text") if post.form == "template" else post, credential, timeout_s)


class _KnowsNoLists(WhatsAppAdapter):
    async def send(self, post: Post, credential: Credential, timeout_s: float) -> SendOutcome:
        known = len(post.buttons) <= 3 and all(len(button.label) <= 20 for button in post.buttons)
        return await super().send(post if known else replace(post, buttons=()), credential, timeout_s)


class _MarksWhatItDidNotHear(WhatsAppAdapter):
    async def working(self, target: Target, credential: Credential, active: bool) -> str | None:
        return await super().working(replace(target, heard_id=target.heard_id or "wamid.W1"), credential, active)


class _ShrugsAtWhatComesLate(WhatsAppAdapter):
    def judge(self, reason: str) -> Failed:
        return Failed(super().judge(reason).reason)


class _ShowsMarkdown(WhatsAppAdapter):
    def render(self, text: str, target: Target) -> list[Part]:
        return [replace(part, text=part.text.replace("*bold*", "**bold**")) for part in super().render(text, target)]


class _NamesFilesById(WhatsAppAdapter):
    def parse(self, body: bytes, headers: Mapping[str, str]) -> Sequence[Inbound]:
        found = super().parse(body, headers)
        return [
            replace(each, attachments=tuple({**file, "name": file["id"]} for file in each.attachments))
            if isinstance(each, InboundMessage)
            else each
            for each in found
        ]


class _ReadsOn(WhatsAppAdapter):
    async def fetch_media(
        self, file: Mapping[str, Any], credential: Credential, *, limit_bytes: int, timeout_s: float
    ) -> FileContent | FileAbsent:
        return await super().fetch_media(file, credential, limit_bytes=limit_bytes + 1, timeout_s=timeout_s)


BROKEN = [
    ("a_file_is_shown_whole", _CutsFiles),
    ("a_template_goes_where_the_window_is_closed", _SendsTheWords),
    ("choices_that_buttons_have_no_room_for_become_a_list", _KnowsNoLists),
    ("without_a_message_heard_there_is_no_sign", _MarksWhatItDidNotHear),
    ("what_is_refused_late_means_the_same", _ShrugsAtWhatComesLate),
    ("no_signs_of_markdown_are_shown", _ShowsMarkdown),
    ("a_file_is_named", _NamesFilesById),
    ("a_file_is_read_within_its_bound", _ReadsOn),
]


@pytest.mark.parametrize(("name", "make"), BROKEN, ids=[name for name, _ in BROKEN])
async def test_exactly_its_rule_fails(name: str, make: type[WhatsAppAdapter]) -> None:
    noticed = []
    for rule in RULES.values():
        if rule.slow or not rule.applies(make.caps):
            continue
        async with meta_harness(make) as broken:
            try:
                await rule.check(broken)
            except AssertionError:
                noticed.append(rule.name)
    assert noticed == [name]


class TestWhatsApp(ChannelContract):
    """The contract, held by WhatsApp."""
