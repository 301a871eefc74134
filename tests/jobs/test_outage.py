"""An engine that was cut off from the database lets the others renew their leases before it takes any over."""

from __future__ import annotations

from types import SimpleNamespace

import asyncpg
import pytest

from konstruct.jobs import engine, queue
from konstruct.jobs.engine import Engine
from konstruct.jobs.queue import Claim
from konstruct.kit.ids import uuid7
from tests.jobs.conftest import Line
from tests.support.queueing import HOUR_S, bump, expire, read

LEASE_S = 15.0


class Clock:
    now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(engine, "time", SimpleNamespace(monotonic=made.monotonic))
    monkeypatch.setattr(engine, "PAUSE_S", 0.0)
    return made


async def _fails(error: Exception) -> None:
    raise error


async def _ended(line: Line) -> Claim:
    """A lease of another worker that has ended."""
    (conversation,) = await line.conversations(line.noisy, 1)
    await bump(line.db, line.noisy, conversation)
    (claim,) = await queue.claim(line.db, "turn", uuid7(), 10, HOUR_S)
    await expire(line.db, claim)
    return claim


@pytest.mark.parametrize(
    "error",
    [ConnectionRefusedError(), TimeoutError(), asyncpg.CannotConnectNowError("starting up")],
    ids=lambda error: type(error).__name__,
)
async def test_after_an_outage_nothing_is_taken_over_for_one_lease(line: Line, clock: Clock, error: Exception) -> None:
    claim = await _ended(line)
    worker = Engine(line.db, {}, lease_s=LEASE_S, capacity=1)
    for _ in range(2):
        # The second failure begins the wait anew.
        await worker._guard("claim", _fails(error))
        for passed_s in (0.0, LEASE_S - 0.1):
            clock.now += passed_s
            await worker._guard("sweep", worker._sweep())
            assert (await read(line.db, line.noisy, claim.conversation_id)).state == "leased"
    clock.now += 0.2
    await worker._guard("sweep", worker._sweep())
    assert (await read(line.db, line.noisy, claim.conversation_id)).state == "ready"


async def test_what_is_no_outage_delays_nothing(line: Line, clock: Clock) -> None:
    claim = await _ended(line)
    worker = Engine(line.db, {}, lease_s=LEASE_S, capacity=1)
    await worker._guard("release", _fails(RuntimeError("a bug of ours")))
    await worker._guard("sweep", worker._sweep())
    assert (await read(line.db, line.noisy, claim.conversation_id)).state == "ready"
