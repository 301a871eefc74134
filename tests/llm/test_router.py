"""The router over scripted targets and a clock of its own: who is asked, how often, and what is remembered."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence

import pytest

from konstruct.db.scope import TenantScope
from konstruct.llm.backends.openai_compat import OpenAiCompatBackend
from konstruct.llm.backends.scripted import Reply, ScriptedBackend
from konstruct.llm.port import (
    ChatRequest,
    Completion,
    Delta,
    Finish,
    LlmBackend,
    LlmError,
    LlmErrorKind,
    LlmFailed,
    TextDelta,
    ToolCallDelta,
    Usage,
)
from konstruct.llm.prices import load_prices
from konstruct.llm.router import Router
from tests.llm.support import CANARY, SCOPE_A, SCOPE_B, Clock, request
from tests.support import fake_openai as openai
from tests.support.fake_openai import KEY, MODEL, FakeOpenAi

OK: Reply = "All well."


def down(kind: LlmErrorKind = "unavailable", retry_after_s: float | None = None) -> LlmError:
    return LlmError(kind, "as the script says", retry_after_s=retry_after_s)


def router(clock: Clock, *targets: LlmBackend, per_tenant: int = 256) -> Router:
    return Router(targets, prices=load_prices(), per_tenant=per_tenant, clock=clock, sleep=clock.sleep, jitter=lambda: 0.0)


async def ask(subject: Router, clock: Clock, *, within: float = 120, scope: TenantScope = SCOPE_A) -> Completion:
    return await subject.complete(request(scope=scope), deadline=clock.now + within)


async def refusal(subject: Router, clock: Clock, *, within: float = 120) -> LlmFailed:
    with pytest.raises(LlmFailed) as caught:
        await ask(subject, clock, within=within)
    assert CANARY not in str(caught.value)
    return caught.value


async def test_a_whole_answer_with_its_record() -> None:
    clock = Clock()
    usage = Usage(1000, 600, 200)
    target = ScriptedBackend([[TextDelta("All "), TextDelta("well."), Finish("stop", usage, "gpt-4o-mini-2024-07-18")]])
    answer = await ask(router(clock, target), clock)
    assert (answer.text, answer.finish_reason, answer.tool_calls) == ("All well.", "stop", ())
    (call,) = answer.calls
    assert (call.backend, call.model, call.outcome, call.usage) == ("scripted", "gpt-4o-mini-2024-07-18", "ok", usage)
    # 400 x 0.15 + 600 x 0.075 + 200 x 0.60 dollars per million tokens.
    assert call.cost_micro == 225
    assert call.first_token_ms == 0


async def test_the_next_target_answers_and_both_attempts_are_recorded() -> None:
    clock = Clock()
    first, second = ScriptedBackend([down("garbage")]), ScriptedBackend([OK])
    answer = await ask(router(clock, first, second), clock)
    assert [call.outcome for call in answer.calls] == ["garbage", "ok"]
    assert [call.cost_micro for call in answer.calls] == [None, None]
    assert clock.slept == []


async def test_a_lone_target_is_tried_again_after_a_pause() -> None:
    clock = Clock()
    answer = await ask(router(clock, ScriptedBackend([down(), down("timeout"), OK])), clock)
    assert [call.outcome for call in answer.calls] == ["unavailable", "timeout", "ok"]
    assert clock.slept == [0.5, 1.0]


@pytest.mark.parametrize("kind", ["auth", "bad_request", "too_long"])
async def test_an_error_that_no_retry_mends_ends_the_call(kind: LlmErrorKind) -> None:
    clock = Clock()
    second = ScriptedBackend([OK])
    failed = await refusal(router(clock, ScriptedBackend([down(kind)]), second), clock)
    assert (failed.last.kind, len(failed.calls), second.requests) == (kind, 1, [])


@pytest.mark.parametrize("piece", [TextDelta("We are"), ToolCallDelta(0, "c1", "book", "{")])
async def test_after_the_first_piece_nothing_is_repeated(piece: TextDelta | ToolCallDelta) -> None:
    clock = Clock()
    first, second = ScriptedBackend([[piece], OK]), ScriptedBackend([OK])
    failed = await refusal(router(clock, first, second), clock)
    assert (failed.last.kind, len(first.requests), len(second.requests)) == ("garbage", 1, 0)


async def test_an_empty_piece_is_not_a_first_piece() -> None:
    clock = Clock()
    answer = await ask(router(clock, ScriptedBackend([[TextDelta("")]]), ScriptedBackend([OK])), clock)
    assert answer.text == "All well."


async def test_text_is_passed_on_as_it_comes_and_what_the_listener_raises_too() -> None:
    clock = Clock()
    heard: list[str] = []

    async def listen(piece: str) -> None:
        heard.append(piece)
        if len(heard) == 2:
            raise TimeoutError("the listener's own")

    target = ScriptedBackend([[TextDelta("a"), TextDelta("b"), TextDelta("c"), Finish("stop")]])
    with pytest.raises(TimeoutError, match="listener"):
        await router(clock, target).complete(request(), deadline=clock.now + 60, on_text=listen)
    assert heard == ["a", "b"]


async def test_an_answer_that_nobody_takes_is_closed() -> None:
    clock = Clock()
    closed: list[bool] = []

    class Endless(ScriptedBackend):
        async def stream(self, request: ChatRequest) -> AsyncIterator[Delta]:
            try:
                while True:
                    yield TextDelta("more ")
            finally:
                closed.append(True)

    async def enough(_piece: str) -> None:
        raise ConnectionError("nobody listens")

    with pytest.raises(ConnectionError) as caught:
        await router(clock, Endless()).complete(request(), deadline=clock.now + 60, on_text=enough)
    assert closed == [True], caught


async def test_a_rate_limited_target_rests_as_long_as_it_asks() -> None:
    clock = Clock()
    first, second = ScriptedBackend([down("rate_limited", 20), OK]), ScriptedBackend([OK, OK, OK])
    subject = router(clock, first, second)
    for expected in (1, 1, 2):
        await ask(subject, clock)
        assert len(first.requests) == expected
        clock.now += 11


async def test_a_lone_resting_target_is_waited_for_only_within_the_deadline() -> None:
    clock = Clock()
    target = ScriptedBackend([down("rate_limited", 30), OK])
    subject = router(clock, target)
    failed = await refusal(subject, clock, within=10)
    assert (failed.last.kind, failed.last.retry_after_s, clock.slept) == ("rate_limited", 30, [])
    failed = await refusal(subject, clock, within=10)
    assert (failed.last.kind, failed.calls, len(target.requests)) == ("rate_limited", (), 1)
    assert (await ask(subject, clock, within=60)).text == "All well."
    assert clock.slept == [30]


async def test_unreachable_three_times_in_a_row_rests_and_a_success_forgets() -> None:
    clock = Clock()
    first = ScriptedBackend([down(), down(), OK, down(), down(), down(), OK])
    second = ScriptedBackend([OK] * 10)
    subject = router(clock, first, second)
    for expected in (1, 2, 3, 4, 5, 6, 6):
        await ask(subject, clock)
        assert len(first.requests) == expected
    clock.now += 1.01
    await ask(subject, clock)
    assert len(first.requests) == 7


async def test_garbage_for_one_prompt_rests_nobody() -> None:
    clock = Clock()
    first, second = ScriptedBackend([down("garbage")] * 9), ScriptedBackend([OK] * 9)
    subject = router(clock, first, second)
    for _ in range(9):
        await ask(subject, clock)
    assert len(first.requests) == 9


async def test_a_deadline_that_has_passed_calls_nobody() -> None:
    clock = Clock()
    target = ScriptedBackend([OK])
    failed = await refusal(router(clock, target), clock, within=0)
    assert (failed.last.kind, failed.calls, target.requests) == ("timeout", (), [])


async def test_without_a_target() -> None:
    clock = Clock()
    assert (await refusal(router(clock), clock)).last.kind == "unavailable"


async def test_a_tenant_has_so_many_calls_and_leaves_nothing_behind() -> None:
    clock = Clock()
    gate, running = asyncio.Event(), [0, 0]

    async def hold(asked: object) -> None:
        running[0] += 1
        running[1] = max(running)
        await gate.wait()
        running[0] -= 1

    target = ScriptedBackend([OK] * 7, delay=hold)
    subject = router(clock, target, per_tenant=2)
    calls = [asyncio.create_task(ask(subject, clock)) for _ in range(5)]
    calls += [asyncio.create_task(ask(subject, clock, scope=SCOPE_B)) for _ in range(2)]
    while running[0] < 4:
        await asyncio.sleep(0)
    for _ in range(20):
        await asyncio.sleep(0)
    assert (running[0], len(subject._slots)) == (4, 2)
    gate.set()
    assert {answer.text for answer in await asyncio.gather(*calls)} == {"All well."}
    assert (running[1], len(subject._slots)) == (4, 0)


async def test_waiting_for_a_slot_ends_with_the_deadline() -> None:
    gate = asyncio.Event()

    async def hold(_asked: object) -> None:
        await gate.wait()

    subject = Router([ScriptedBackend([OK], delay=hold)], prices=load_prices(), per_tenant=1)
    first = asyncio.create_task(subject.complete(request(), deadline=time.monotonic() + 60))
    await asyncio.sleep(0)
    with pytest.raises(LlmFailed) as caught:
        await subject.complete(request(), deadline=time.monotonic() + 0.05)
    assert (caught.value.last.kind, caught.value.calls) == ("timeout", ())
    gate.set()
    assert (await first).text == "All well."
    assert len(subject._slots) == 0


async def test_closing_closes_every_target() -> None:
    targets = [ScriptedBackend(), ScriptedBackend()]
    await router(Clock(), *targets).close()
    assert all(target.closed for target in targets)


async def over_http(fake: FakeOpenAi, behaviours: Sequence[openai.Behaviour], *, within: float = 30) -> Completion:
    fake.script.extend(behaviours)
    subject = Router([OpenAiCompatBackend(fake.url, MODEL, api_key=KEY)], prices=load_prices())
    try:
        return await subject.complete(request(), deadline=time.monotonic() + within)
    finally:
        await subject.close()


async def test_over_http_a_retry_comes_only_before_the_first_token() -> None:
    async with FakeOpenAi() as fake:
        answer = await over_http(fake, [openai.error(500), openai.reply("All well.")])
        assert ([call.outcome for call in answer.calls], len(fake.requests)) == (["unavailable", "ok"], 2)
        half = openai.stream([openai.chunk({"content": "We are"})], done=False, die=True)
        with pytest.raises(LlmFailed) as caught:
            await over_http(fake, [half, openai.reply("again")])
        assert ([call.outcome for call in caught.value.calls], len(fake.requests)) == (["garbage"], 3)
        assert caught.value.calls[0].first_token_ms is not None


async def test_over_http_the_deadline_ends_a_hanging_call_and_closes_it() -> None:
    async with FakeOpenAi(openai.hang()) as fake:
        with pytest.raises(LlmFailed) as caught:
            await over_http(fake, [], within=0.3)
        assert [call.outcome for call in caught.value.calls] == ["timeout"]
        await asyncio.wait_for(fake.gone.wait(), 5)


async def test_over_http_cancelling_closes_the_call() -> None:
    async with FakeOpenAi(openai.hang(b": wait\n\n")) as fake:
        subject = Router([OpenAiCompatBackend(fake.url, MODEL, api_key=KEY)], prices=load_prices())
        call = asyncio.create_task(subject.complete(request(), deadline=time.monotonic() + 60))
        await asyncio.wait_for(fake.arrived.wait(), 5)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await asyncio.wait_for(fake.gone.wait(), 5)
        assert len(subject._slots) == 0
        await subject.close()
