"""Money: reserved before a call, settled after it however it ended, and never asked for where calls are free."""

from __future__ import annotations

import asyncio
from datetime import date

import pytest

from konstruct.db.scope import TenantScope
from konstruct.kit.ids import uuid7
from konstruct.llm.backends.scripted import ScriptedBackend
from konstruct.llm.budget import Reservation
from konstruct.llm.port import Finish, LlmError, LlmFailed, TextDelta, Usage
from konstruct.llm.prices import load_prices
from konstruct.llm.router import Router
from konstruct.llm.spending import SETTLE_S
from tests.llm.support import Clock, request

MODEL = "gpt-4o-mini"


class Purse:
    """A budget in memory."""

    def __init__(self, limit: int | None = None) -> None:
        self.limit = limit
        self.reserved = 0
        self.spent = 0
        self.lasts_s = 0.0
        self.asked: list[int] = []
        self.settled = asyncio.Event()

    async def reserve(self, scope: TenantScope, amount_micro: int, lasts_s: float) -> Reservation | None:
        self.asked.append(amount_micro)
        self.lasts_s = lasts_s
        if self.limit is not None and self.spent + self.reserved + amount_micro > self.limit:
            return None
        self.reserved += amount_micro
        return Reservation(uuid7(), date(2026, 11, 1), amount_micro)

    async def settle(self, scope: TenantScope, reservation: Reservation, spent_micro: int) -> None:
        await asyncio.sleep(0)
        self.reserved -= reservation.amount_micro
        self.spent += spent_micro
        self.settled.set()


def router(purse: Purse, target: ScriptedBackend) -> Router:
    clock = Clock()
    return Router([target], prices=load_prices(), budget=purse, sleep=clock.sleep, clock=clock)


async def ask(subject: Router) -> str:
    return (await subject.complete(request(), deadline=1060.0)).text


async def test_a_call_pays_what_it_used() -> None:
    purse = Purse(limit=10_000)
    target = ScriptedBackend([[TextDelta("Hi"), Finish("stop", Usage(1000, 600, 200), MODEL)]], model=MODEL)
    await ask(router(purse, target))
    # The bound: about 30 prompt tokens at 0.15, 1,024 of the answer at 0.60 dollars per million.
    assert 614 < purse.asked[0] < 640
    # Its deadline is a minute away.
    assert purse.lasts_s == 60 + SETTLE_S
    assert (purse.reserved, purse.spent) == (0, 225)


async def test_over_budget_is_said_without_a_call() -> None:
    target = ScriptedBackend(["never"], model=MODEL)
    with pytest.raises(LlmFailed) as caught:
        await ask(router(Purse(limit=100), target))
    assert (caught.value.last.kind, caught.value.calls, target.requests) == ("over_budget", (), [])


async def test_calls_at_the_same_time_do_not_overrun_it() -> None:
    purse, gate = Purse(limit=1300), asyncio.Event()

    async def hold(_asked: object) -> None:
        await gate.wait()

    target = ScriptedBackend([[TextDelta("Hi"), Finish("stop", Usage(10, 0, 10), MODEL)]] * 5, model=MODEL, delay=hold)
    subject = router(purse, target)
    calls = [asyncio.create_task(ask(subject)) for _ in range(5)]
    while len(purse.asked) < 5:
        await asyncio.sleep(0)
    gate.set()
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert sum(isinstance(outcome, LlmFailed) for outcome in outcomes) == 3
    assert purse.reserved == 0


async def test_a_call_that_fails_gives_its_reservation_back() -> None:
    purse = Purse()
    with pytest.raises(LlmFailed):
        await ask(router(purse, ScriptedBackend([LlmError("auth", "no")], model=MODEL)))
    assert (purse.reserved, purse.spent) == (0, 0)


@pytest.mark.parametrize("finish", [[], [Finish("stop", Usage(), MODEL)]])
async def test_an_answer_of_unknown_usage_costs_its_bound(finish: list[Finish]) -> None:
    purse = Purse()
    subject = router(purse, ScriptedBackend([[TextDelta("Hi"), *finish]], model=MODEL))
    outcome = (await asyncio.gather(ask(subject), return_exceptions=True))[0]
    assert isinstance(outcome, str) == bool(finish)
    assert (purse.reserved, purse.spent) == (0, purse.asked[0])


async def test_cancelling_settles_too() -> None:
    purse = Purse()

    async def hold(_asked: object) -> None:
        await asyncio.Event().wait()

    target = ScriptedBackend(["never"], model=MODEL, delay=hold)
    call = asyncio.create_task(ask(router(purse, target)))
    while not target.requests:
        await asyncio.sleep(0)
    call.cancel()
    await asyncio.sleep(0)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    await asyncio.wait_for(purse.settled.wait(), 5)
    assert (purse.reserved, purse.spent) == (0, 0)


async def test_an_unpriced_model_asks_with_nothing_and_a_free_one_not_at_all() -> None:
    unpriced, free = Purse(), Purse()
    await ask(router(unpriced, ScriptedBackend(["Hi"], model="llama-local")))
    await ask(router(free, ScriptedBackend(["Hi"], model="demo/extractive")))
    assert (unpriced.asked, free.asked) == ([0], [])


async def test_an_answer_is_not_lost_for_its_bookkeeping() -> None:
    class Broken(Purse):
        async def settle(self, scope: TenantScope, reservation: Reservation, spent_micro: int) -> None:
            raise OSError("the database is away")

    assert await ask(router(Broken(), ScriptedBackend(["Hi"], model=MODEL))) == "Hi"
