"""What goes over the wire, and what does not: recipients, choices, documents, the sign of typing, the client's own rules."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from konstruct.channels.port import WRONG_ACCOUNT, Failed, Post, Retry, SendOutcome, Sent, Target, Unknown
from konstruct.channels.whatsapp import files, posts
from konstruct.channels.whatsapp.adapter import WhatsAppAdapter
from konstruct.channels.whatsapp.client import Answer, GraphClient, Lost, NotWritten
from konstruct.conversations.part import Button
from konstruct.conversations.template_use import TemplateUse
from konstruct.kit.ids import uuid7
from konstruct.kit.settings import load_settings
from tests.channels.contract.harness import credential
from tests.support.fake_meta import FakeMeta, Number, Person, graph_answer
from tests.support.fake_slack import answers, hangs, resets

WHO = credential("101", "token-canary-one")
ANN = Target("DE.1349120865530274", None, aliases=frozenset({"4917770001"}), heard_id="wamid.1")
CAPS = WhatsAppAdapter.caps


@pytest.fixture
async def meta() -> AsyncIterator[FakeMeta]:
    fake = FakeMeta([Number("101", "W1", "15550001111", WHO.token)], [Person("4917770001", "DE.1349120865530274")])
    await fake.start()
    fake.hear("101", "4917770001", "wamid.1")
    yield fake
    await fake.stop()


@pytest.fixture
async def adapter(meta: FakeMeta) -> AsyncIterator[WhatsAppAdapter]:
    found = WhatsAppAdapter(load_settings(whatsapp_api_url=meta.url))
    yield found
    await found.close()


def post(text: str = "hello", *buttons: str, **more: Any) -> Post:
    choices = tuple(Button(f"a.{number}", label) for number, label in enumerate(buttons))
    return Post(uuid7(), ANN, text, buttons=choices, **more)


def test_who_it_goes_to() -> None:
    cases = [
        (("DE.13", {"4917770001"}), {"to": "4917770001", "recipient": "DE.13"}), (("4917770001", {"DE.13"}), {"to": "4917770001", "recipient": "DE.13"}),  # noqa: E501
        (("4917770001", set()), {"to": "4917770001"}), (("DE.13", set()), {"recipient": "DE.13"}),
        (("DE.13", {"DE.ENT.77"}), {"recipient": "DE.13"}),
        # Of two numbers one may be somebody else's by now.
        (("DE.13", {"4917770001", "4917770002"}), {"recipient": "DE.13"}),
        (("4917770001", {"4917770002", "DE.13"}), {"to": "4917770001", "recipient": "DE.13"}),
    ]  # fmt: skip
    for (channel_id, aliases), expected in cases:
        assert posts.recipient(Target(channel_id, None, aliases=frozenset(aliases))) == expected, (channel_id, aliases)


def test_choices_take_the_form_that_has_room() -> None:
    def way(text: str, *labels: str) -> str:
        body = posts.body(post(text, *labels), CAPS)
        return str(body["interactive"]["type"] if body["type"] == "interactive" else body["type"])

    cases = [
        (("Shall I?", "Yes", "No"), "button"), (("Shall I?", "x" * 20), "button"), (("Shall I?", "x" * 21), "list"),
        (("Which?", "a", "b", "c", "d"), "list"), (("Which?", *"abcdefghij"), "list"), (("Which?", *"abcdefghijk"), "text"),
        (("Which?", "x" * 72), "list"), (("Which?", "x" * 73), "text"), (("x" * 1024, "Yes"), "button"),
        (("x" * 1025, "Yes"), "text"), (("Same?", "Yes", "Yes"), "text"), (("Same?", " ", "Yes"), "text"),
    ]  # fmt: skip
    for (text, *labels), expected in cases:
        assert way(text, *labels) == expected, (text[:9], labels)
    in_words = posts.body(post("Which?", "*a*", "*a*"), CAPS)["text"]["body"]
    assert in_words.startswith("Which?\n\n1. ") and "*a*" not in in_words, "a label's own signs mean nothing"


async def test_templates_on_the_wire(meta: FakeMeta, adapter: WhatsAppAdapter) -> None:
    meta.templates["W1", "ready", "de"] = {"header": 1, "body": 2, "buttons": [1]}
    meta.heard.clear()
    use = TemplateUse("ready", "de", ("Ann", "7"), ("Shop",), ((1, "order-7"),))
    assert isinstance(await adapter.send(post("x", form="template", template=use), WHO, 10.0), Sent)
    [seen] = meta.messages
    assert [each["type"] for each in seen["template"]["components"]] == ["header", "body", "button"]
    assert "text" not in seen and seen["template"]["language"] == {"code": "de"}
    named = posts.body(post("x", form="template", template=replace(use, body_names=("name", "number"))), CAPS)
    assert named["template"]["components"][1]["parameters"][1] == {"type": "text", "parameter_name": "number", "text": "7"}
    bare = posts.body(post("x", form="template", template=TemplateUse("hello", "en")), CAPS)
    assert bare["template"] == {"name": "hello", "language": {"code": "en"}}


UP, SHOW = "media", "messages"
STEPS = [
    # the step that fails, whether it is carried out, how, what the send says, how many messages there are
    (UP, False, graph_answer(10, status=403), Failed("missing_permission", account_broken=True), 0),
    (UP, False, graph_answer(131053), Failed("meta_131053", as_text=True), 0),
    (UP, False, graph_answer(131026), Failed("meta_131026", as_text=True), 0),
    (UP, False, graph_answer(80007, Retry_After="7"), Retry(7.0, "meta_80007", "account"), 0),
    (UP, False, answers(500, "oops", "text/html"), Failed(files.NOT_UPLOADED, as_text=True), 0),
    (UP, True, resets, Failed(files.NOT_UPLOADED, as_text=True), 0),
    (UP, True, answers(200, '{"id":7}'), Failed(files.NOT_UPLOADED, as_text=True), 0),
    (SHOW, False, graph_answer(131053), Failed("meta_131053", as_text=True), 0),
    (SHOW, False, graph_answer(131047), Failed("window_closed", window=True), 0),
    (SHOW, True, answers(502, "<html>", "text/html"), Unknown("http_502"), 1),
    (SHOW, True, resets, Unknown("connection_lost"), 1),
]  # fmt: skip


async def test_each_step_of_a_document_may_fail(meta: FakeMeta, adapter: WhatsAppAdapter) -> None:
    for number, (step, done, fault, outcome, shown) in enumerate(STEPS):
        before, asked = len(meta.messages), len(meta.calls)
        meta.break_with(fault, accept=done, only=step)
        found: SendOutcome = await adapter.send(post("# All of it", form="file"), WHO, 10.0)
        assert found == outcome, number
        assert len(meta.messages) - before == shown, number
        last = sum(call.path[-1] == SHOW for call in meta.calls[asked:])
        assert last == int(step == SHOW), "the last call is made once, and only after an upload"
    meta.break_with(answers(500, "oops"), only=UP, times=1)
    assert isinstance(await adapter.send(post("# All of it", form="file"), WHO, 10.0), Sent), "an upload is tried again"
    assert meta.messages[-1]["document"]["filename"] == posts.FILE_NAME


async def test_nothing_is_written_after_the_deadline(
    meta: FakeMeta, adapter: WhatsAppAdapter, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert isinstance(await adapter.send(post(form="file"), WHO, -1.0), Retry)
    # Frozen between the upload and the last call: the window has passed.
    frozen = [0.0]
    call = adapter._client.call

    async def freezing(*args: Any, **more: Any) -> Any:
        found = await call(*args, **more)
        frozen[0] = 60.0
        return found

    monkeypatch.setattr(adapter._client, "call", freezing)
    monkeypatch.setattr(files, "time", SimpleNamespace(monotonic=lambda: time.monotonic() + frozen[0]))
    assert await adapter.send(post("words", form="file"), WHO, 20.0) == Retry(2.0, "timeout")
    assert [call.path[-1] for call in meta.calls] == [UP] and meta.messages == []


async def test_the_sign_of_typing_marks_what_was_heard(meta: FakeMeta, adapter: WhatsAppAdapter) -> None:
    assert await adapter.working(ANN, WHO, active=True) is None
    assert await adapter.working(ANN, WHO, active=True) is None, "shown again"
    assert [sign["message_id"] for sign in meta.signs] == ["wamid.1", "wamid.1"]
    assert await adapter.working(replace(ANN, heard_id="wamid.other"), WHO, active=True) == "meta_131009"
    assert await adapter.working(ANN, replace(WHO, token="stale"), active=True) == "invalid_auth", (
        "so that the token is looked at"
    )
    assert len(meta.signs) == 2 and meta.messages == []


async def test_health(meta: FakeMeta, adapter: WhatsAppAdapter) -> None:
    meta.numbers.append(Number("102", "W2", "15550001112", "token-canary-two"))
    assert await adapter.health(WHO) is None
    assert await adapter.health(replace(WHO, token="stale")) == "invalid_auth"
    assert await adapter.health(replace(WHO, token="token-canary-two")) == WRONG_ACCOUNT
    assert await adapter.health(replace(WHO, account_key="404")) == WRONG_ACCOUNT
    meta.break_with(graph_answer(4))
    assert await adapter.health(WHO) == "meta_4"


async def test_any_address_of_the_api(meta: FakeMeta) -> None:
    for base in (meta.url, meta.url.rstrip("/"), meta.origin, f"{meta.origin}/", f"{meta.origin}/v26.0/"):
        adapter = WhatsAppAdapter(load_settings(whatsapp_api_url=base))
        assert isinstance(await adapter.send(post(), WHO, 10.0), Sent) and await adapter.health(WHO) is None, base
        await adapter.close()


async def test_the_client_calls_once(meta: FakeMeta) -> None:
    """Also where the transport would do it again by itself: a GET on a kept connection that broke."""
    client = GraphClient(meta.url)
    try:
        assert isinstance(await client.call("GET", "101", WHO.token, timeout_s=10), Answer)
        meta.break_with(resets)
        assert isinstance(await client.call("GET", "101", WHO.token, timeout_s=10), Lost)
        assert len(meta.requests) == 2
        meta.break_with(hangs)
        assert await client.call("POST", "101/messages", WHO.token, json={}, timeout_s=0.3) == Lost("timeout")
        meta.break_with(answers(302, "", Location="/v25.0/101"))
        found = await client.call("GET", "101", WHO.token, timeout_s=10)
        assert isinstance(found, Answer) and (found.status, found.ok) == (302, False)
        assert len(meta.requests) == 4, "no redirect is followed"
        await meta.stop()
        assert isinstance(await client.call("GET", "101", WHO.token, timeout_s=5), NotWritten | Lost)
    finally:
        await client.close()
    dead = GraphClient("http://127.0.0.1:1")
    assert await dead.call("GET", "101", WHO.token, timeout_s=5) == NotWritten("no_connection")
    assert await dead.call("GET", "101", "two words", timeout_s=5) == Answer(401, {}, True, (await _bad()).error)
    await dead.close()


async def _bad() -> Answer:
    found = await GraphClient("http://127.0.0.1:1").call("GET", "x", "", timeout_s=1)
    assert isinstance(found, Answer) and found.error is not None and found.error.code == 190
    return found
