"""Each error of Meta's, over HTTP, and what it means for the delivery: the table of the research page, row by row."""

from __future__ import annotations

import gzip
import json
from collections.abc import AsyncIterator

import pytest

from konstruct.channels.port import Failed, Post, Retry, SendOutcome, Sent, Target, Unknown
from konstruct.channels.whatsapp.adapter import WhatsAppAdapter
from konstruct.channels.whatsapp.error_table import ROWS
from konstruct.conversations.template_use import TemplateUse
from konstruct.kit.ids import uuid7
from konstruct.kit.settings import load_settings
from tests.channels.contract.harness import credential
from tests.support.fake_meta import FakeMeta, Number, Person, graph_answer
from tests.support.fake_slack import Fault, answers

WHO = credential("101", "token-canary-one")
TARGET = Target("4917770001", None, heard_id="wamid.1")


@pytest.fixture
async def meta() -> AsyncIterator[FakeMeta]:
    fake = FakeMeta([Number("101", "W1", "15550001111", WHO.token)], [Person("4917770001")])
    await fake.start()
    fake.hear("101", "4917770001", "wamid.1")
    yield fake
    await fake.stop()


@pytest.fixture
async def adapter(meta: FakeMeta) -> AsyncIterator[WhatsAppAdapter]:
    found = WhatsAppAdapter(load_settings(whatsapp_api_url=meta.url))
    yield found
    await found.close()


def broken(reason: str) -> Failed:
    return Failed(reason, account_broken=True)


def code(number: int, **flags: object) -> Failed:
    return Failed(f"meta_{number}", **flags)  # type: ignore[arg-type]


# code, subcode, Meta's status, the outcome; of a wait: what has to wait, and for how long the first time, at least and at most
CASES: list[tuple[int, int | None, int, SendOutcome | tuple[str, float, float]]] = [
    (190, None, 401, broken("invalid_auth")), (190, 463, 401, broken("token_expired")), (190, 460, 401, broken("token_revoked")),
    (190, 467, 401, broken("token_revoked")), (190, 458, 401, broken("token_revoked")), (0, None, 401, broken("invalid_auth")),
    (3, None, 500, broken("missing_permission")), (10, None, 403, broken("missing_permission")),
    (200, None, 403, broken("missing_permission")), (299, None, 403, broken("missing_permission")),
    (131005, None, 403, broken("missing_permission")), (100, 33, 400, broken("number_gone")),
    (133010, None, 400, broken("number_not_registered")), (131045, None, 500, broken("number_not_registered")),
    (4, None, 400, ("account", 60, 90)), (80007, None, 400, ("account", 60, 90)), (130429, None, 429, ("account", 5, 7.5)),
    (131056, None, 400, ("pair", 6, 6)),
    (131048, None, 400, code(131048, outreach=True)), (131064, None, 400, code(131064, outreach=True)),
    (131049, None, 400, code(131049)), (130472, None, 400, code(130472)), (131050, None, 400, code(131050)),
    (131047, None, 400, Failed("window_closed", window=True)), (470, None, 400, Failed("window_closed", window=True)),
    (131026, None, 400, code(131026)), (131042, None, 400, code(131042, payment=True)),
    (368, None, 403, broken("number_blocked")), (131031, None, 403, broken("number_blocked")), (130497, None, 403, code(130497)),
    (132000, None, 400, code(132000, template="wrong")), (132001, None, 404, code(132001, template="missing")),
    (132005, None, 400, code(132005, template="wrong")), (132007, None, 400, code(132007, template="wrong")),
    (132012, None, 400, code(132012, template="wrong")), (132015, None, 400, code(132015, template="paused")),
    (132016, None, 400, code(132016, template="disabled")), (132069, None, 400, code(132069, template="wrong")),
    (131051, None, 400, code(131051, content=True)), (131052, None, 400, code(131052, as_text=True)),
    (131053, None, 400, code(131053, as_text=True)), (131008, None, 400, code(131008, content=True)),
    (131009, None, 400, code(131009, content=True)), (100, None, 400, code(100, content=True)),
    (131021, None, 400, code(131021)), (131030, None, 400, code(131030)), (131062, None, 400, code(131062)),
    (1, None, 400, Unknown("meta_1")), (2, None, 503, Unknown("meta_2")),
    (131000, None, 500, ("delivery", 5, 7.5)), (131016, None, 503, ("delivery", 5, 7.5)),
    (133004, None, 503, ("delivery", 5, 7.5)), (131037, None, 400, code(131037)),
    (133000, None, 500, code(133000)), (133005, None, 400, code(133005)), (133016, None, 400, code(133016)),
    # No row has them: the status tells, and Meta's own word.
    (191919, None, 400, code(191919)), (191919, None, 404, code(191919)), (191919, None, 401, broken("meta_191919")),
    (191919, None, 500, Unknown("meta_191919")), (191919, None, 429, ("account", 30, 45)),
]  # fmt: skip


async def _send(adapter: WhatsAppAdapter, held: tuple[str, int] = ("", 0)) -> SendOutcome:
    return await adapter.send(Post(uuid7(), TARGET, "hello", held=held), WHO, 10.0)


async def test_every_row_of_the_table(meta: FakeMeta, adapter: WhatsAppAdapter) -> None:
    for number, subcode, status, means in CASES:
        meta.break_with(graph_answer(number, status=status, subcode=subcode))
        found = await _send(adapter)
        if isinstance(means, tuple):
            scope, least, most = means
            assert isinstance(found, Retry) and (found.scope, found.reason) == (scope, f"meta_{number}"), number
            assert least <= found.after_s <= most, number
        else:
            assert found == means, number
    assert len(meta.requests) == len(CASES) and meta.messages == [], "one call each"
    named = {number for number, *_ in CASES}
    for row in ROWS:
        assert any(each in named if isinstance(each, int) else named & set(each) for each in row.codes), row.title
        assert not isinstance(row.says, Failed) or not (row.says.as_text and row.says.content), row.title


async def test_waits_grow_with_the_refusals_in_a_row(meta: FakeMeta, adapter: WhatsAppAdapter) -> None:
    waits = {131056: [6, 16, 64, 256, 1024, 3600, 3600], 130429: [5, 10, 20, 40], 80007: [60, 120, 300, 900, 1800, 3600, 3600]}
    for number, expected in waits.items():
        meta.break_with(graph_answer(number))
        for times, least in enumerate(expected):
            found = await _send(adapter, (f"meta_{number}", times))
            assert isinstance(found, Retry) and least <= found.after_s <= min(1.5 * least, 3600), (number, times)
            assert number != 131056 or found.after_s == least
        # Another reason than before: it begins anew.
        found = await _send(adapter, ("no_connection", 9))
        assert isinstance(found, Retry) and found.after_s <= 1.5 * expected[0], number


async def test_what_meta_says_of_the_time_counts(meta: FakeMeta, adapter: WhatsAppAdapter) -> None:
    def usage(minutes: object) -> str:
        return json.dumps({"1": [{"type": "whatsapp", "call_count": 100, "estimated_time_to_regain_access": minutes}]})

    cases: list[tuple[dict[str, str], float | None]] = [
        ({"Retry_After": "7"}, 7), ({"Retry_After": "0"}, 1), ({"Retry_After": "90000"}, 3600),
        ({"X_Business_Use_Case_Usage": usage(3)}, 180), ({"Retry_After": "7", "X_Business_Use_Case_Usage": usage(3)}, 180),
        ({"X_Business_Use_Case_Usage": usage(0)}, None), ({"X_Business_Use_Case_Usage": "[1]"}, None),
        ({"X_Business_Use_Case_Usage": "{"}, None), ({"X_Business_Use_Case_Usage": usage("soon")}, None),
        ({"Retry_After": "soon"}, None), ({"Retry_After": "-1"}, None), ({"Retry_After": "9" * 40}, None),
    ]  # fmt: skip
    for headers, wait_s in cases:
        meta.break_with(graph_answer(80007, **headers))  # type: ignore[arg-type]
        found = await _send(adapter)
        assert isinstance(found, Retry), headers
        assert found.after_s == wait_s if wait_s is not None else 60 <= found.after_s <= 90, headers


async def test_answers_that_are_not_metas_form(meta: FakeMeta, adapter: WhatsAppAdapter) -> None:
    """Whoever answers so may have passed the request on before: nobody knows."""
    cases: list[tuple[Fault, SendOutcome]] = [
        (answers(404, "<html>", "text/html"), Unknown("http_404")),
        (answers(403, "{}"), Unknown("http_403")),
        (answers(400, '{"error":"bad"}'), Unknown("http_400")),
        (answers(400, '{"error":{"code":"x"}}'), Unknown("http_400")),
        (answers(400, '{"error":{"code":true}}'), Unknown("http_400")),
        (answers(200, '{"messages":[]}'), Unknown("unreadable_answer")),
        (answers(200, '{"messages":[{"id":7}]}'), Unknown("unreadable_answer")),
        (answers(200, '{"messages":{"id":"x"}}'), Unknown("unreadable_answer")),
        (answers(200, '{"success":true}'), Unknown("unreadable_answer")),
        (answers(200, json.dumps({"messages": [{"id": "x" * 501}]})), Unknown("unreadable_answer")),
        (answers(200, "[" * 100_000), Unknown("unreadable_answer")),
        (answers(200, b"x" * (5 << 20)), Unknown("unreadable_answer")),
        (answers(200, '{"error":{"code":131047}}'), Failed("window_closed", window=True)),
        (answers(400, '{"error":{"code":"190","error_subcode":"463"}}'), Failed("token_expired", account_broken=True)),
        (answers(400, '{"error":{"code":191919,"is_transient":true}}'), Retry(30.0, "meta_191919")),
        (answers(200, '{"messages":[{"id":"wamid.9","tomorrow":1}],"more":[]}'), Sent("wamid.9")),
    ]
    for fault, means in cases:
        meta.break_with(fault)
        found = await _send(adapter)
        if isinstance(means, Retry):
            assert isinstance(found, Retry) and means.after_s <= found.after_s <= 1.5 * means.after_s
            assert found.reason == means.reason
        else:
            assert found == means, means
    assert (await _unbounded(meta, adapter)) == Unknown("unreadable_answer")


async def _unbounded(meta: FakeMeta, adapter: WhatsAppAdapter) -> SendOutcome:
    """An answer that says it is short, and unpacks to a lot."""
    packed = gzip.compress(b" " * (40 << 20))
    meta.break_with(answers(200, packed, Content_Encoding="gzip"))
    return await _send(adapter)


def test_what_comes_late_means_the_same() -> None:
    adapter = WhatsAppAdapter(load_settings())
    for number, subcode, _, means in CASES:
        if subcode is None and isinstance(means, Failed) and number != 191919:
            assert adapter.judge(f"{number} Some words of Meta's") == adapter.judge(str(number)) == means, number
    for reason in ("130429", "131000 Something went wrong", "1", "191919 New", ""):
        found = adapter.judge(reason)
        assert not (found.account_broken or found.outreach or found.window or found.payment or found.template), reason


async def test_a_template_says_what_is_the_matter_with_it(meta: FakeMeta, adapter: WhatsAppAdapter) -> None:
    """Meta's own refusals, not injected ones: the words that the check of writing first can use."""
    use = TemplateUse("offer", "de", body=("Ann", "7"))
    cases = [
        ({"status": "APPROVED", "body": 2}, None), ({"status": "PAUSED", "body": 2}, "paused"),
        ({"status": "DISABLED", "body": 2}, "disabled"), ({"status": "PENDING", "body": 2}, "missing"),
        ({"status": "APPROVED", "body": 1}, "wrong"), (None, "missing"),
    ]  # fmt: skip
    for kept, word in cases:
        meta.templates = {} if kept is None else {("W1", "offer", "de"): kept}
        found = await adapter.send(Post(uuid7(), TARGET, "x", "template", template=use), WHO, 10.0)
        assert isinstance(found, Sent) if word is None else isinstance(found, Failed) and found.template == word, kept
