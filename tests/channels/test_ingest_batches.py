"""What arrives at once is stored in batches: each message once, in its own tenant, and every caller gets its answer."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from konstruct.channels import ingest as ingest_module
from konstruct.channels import ingest_repository
from konstruct.channels.ingest import BATCH, FLUSHES, Ingest, Result
from konstruct.channels.ingest_repository import Item, Outcome
from konstruct.channels.slack.events import parse
from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from tests.support.house import until
from tests.support.slack_events import Team, encode, message

Tenants = tuple[TenantScope, TenantScope]


async def _accept(ingest: Ingest, body: bytes) -> list[Result]:
    return await ingest.accept("slack", parse(body), body)  # type: ignore[arg-type]  # every body here holds a message


async def _texts(db: Database, scope: TenantScope) -> Counter[str]:
    async with db.tenant(scope) as session:
        rows = await session.fetch("SELECT text FROM messages WHERE tenant_id = $1", scope.tenant_id)
    return Counter(row["text"] for row in rows)


async def test_a_crowd_is_stored_once_each_in_its_own_tenant(
    db: Database, ingest: Ingest, teams: tuple[Team, Team], tenants: Tenants, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = ingest_repository.store
    sizes: list[int] = []

    async def store(db: Database, items: list[Item], burst_s: float, timeout_s: float) -> list[Outcome]:
        sizes.append(len(items))
        return await real(db, items, burst_s, timeout_s)

    monkeypatch.setattr(ingest_repository, "store", store)
    count = BATCH * FLUSHES * 2 + 3
    bodies = [encode(message(teams[n % 2], f"D{n % 7}", "U1", f"{n % 2}:{n}")) for n in range(count)]
    async with asyncio.timeout(60):
        results = await asyncio.gather(*(_accept(ingest, body) for body in bodies + bodies[:20]))
    assert Counter(result for (result,) in results) == {"ready": count, "duplicate": 20}
    for side, scope in enumerate(tenants):
        assert await _texts(db, scope) == Counter(f"{side}:{n}" for n in range(count) if n % 2 == side)
    # No batch had to be taken apart, as one does whose items cannot be stored together.
    assert max(sizes) > 1 and sum(sizes) == count + 20


async def test_nobody_waits_for_a_flush_that_has_just_ended(ingest: Ingest, teams: tuple[Team, Team]) -> None:
    async def chain(number: int) -> None:
        for step in range(15):
            body = encode(message(teams[number % 2], f"D{number}", "U1", f"{number} {step}"))
            assert await _accept(ingest, body) == ["ready"]

    # Each answer sets off the next message in the very step in which a flush may come to its end.
    async with asyncio.timeout(60):
        await asyncio.gather(*(chain(number) for number in range(FLUSHES + 1)))


async def test_a_batch_that_fails_is_stored_one_by_one(
    db: Database, ingest: Ingest, teams: tuple[Team, Team], tenants: Tenants, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = ingest_repository.store
    sizes: list[int] = []

    async def store(db: Database, items: list[Item], burst_s: float, timeout_s: float) -> list[Outcome]:
        sizes.append(len(items))
        if any("poison" in item.message.text for item in items):
            raise ValueError("refused")
        return await real(db, items, burst_s, timeout_s)

    monkeypatch.setattr(ingest_repository, "store", store)
    texts = ["poison", *(f"good {n}" for n in range(8))]
    bodies = [encode(message(teams[0], f"D{n}", "U1", text)) for n, text in enumerate(texts)]
    results = await asyncio.gather(*(_accept(ingest, body) for body in bodies), return_exceptions=True)
    assert isinstance(results[0], Exception)
    assert results[1:] == [["ready"]] * 8
    assert max(sizes) > 1
    assert await _texts(db, tenants[0]) == Counter(texts[1:])


async def test_two_batches_under_way_share_no_conversation(
    ingest: Ingest, teams: tuple[Team, Team], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = ingest_repository.store
    under_way: list[set[str]] = []
    shared: list[set[str]] = []
    most = 0

    async def store(db: Database, items: list[Item], burst_s: float, timeout_s: float) -> list[Outcome]:
        nonlocal most
        own = {f"{item.route.account_id} {item.message.conversation_key}" for item in items}
        # Noted, not asserted: what a batch raises is made good one by one.
        shared.extend(own & other for other in under_way if own & other)
        under_way.append(own)
        most = max(most, len(under_way))
        try:
            return await real(db, items, burst_s, timeout_s)
        finally:
            under_way.remove(own)

    monkeypatch.setattr(ingest_repository, "store", store)
    # The second batch finds the first one's conversations among what waits, and enough others beside them.
    bodies = [encode(message(teams[n % 2], f"D{n % 90}", "U1", str(n))) for n in range(BATCH * 6)]
    results = await asyncio.gather(*(_accept(ingest, body) for body in bodies))
    assert results == [["ready"]] * len(bodies)
    assert most == FLUSHES
    assert shared == []


class _Slow:
    """Stores one batch after the other, when the test says so. `batches`: how many of each account were in each."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.batches: list[Counter[str]] = []
        self.go = asyncio.Event()
        self._real = ingest_repository.store
        monkeypatch.setattr(ingest_repository, "store", self._store)
        # Whoever waits for the test to go on has no deadline of its own.
        monkeypatch.setattr(ingest_module, "TIMEOUT_S", 60.0)

    async def _store(self, db: Database, items: list[Item], burst_s: float, timeout_s: float) -> list[Outcome]:
        self.batches.append(Counter(item.message.account_key for item in items))
        await self.go.wait()
        return await self._real(db, items, burst_s, timeout_s)


def _send(ingest: Ingest, team: Team, count: int, first: int = 0) -> list[asyncio.Task[list[Result]]]:
    bodies = [encode(message(team, f"D{n}", "U1", str(n))) for n in range(first, first + count)]
    return [asyncio.create_task(_accept(ingest, body)) for body in bodies]


async def test_a_flood_of_one_account_is_no_queue_for_another(
    ingest: Ingest, teams: tuple[Team, Team], monkeypatch: pytest.MonkeyPatch
) -> None:
    noisy, quiet = teams
    slow = _Slow(monkeypatch)
    waiting = _send(ingest, noisy, BATCH * 8)
    await until(lambda: len(slow.batches) == FLUSHES)
    waiting += _send(ingest, quiet, 10)
    slow.go.set()
    await asyncio.gather(*waiting)
    assert [batch[quiet.team_id] for batch in slow.batches[: FLUSHES + 1]] == [*[0] * FLUSHES, 10], "all of it in the next batch"
    assert slow.batches[FLUSHES][noisy.team_id] == BATCH - 10


async def test_two_floods_share_each_batch_evenly(
    ingest: Ingest, teams: tuple[Team, Team], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = teams
    slow = _Slow(monkeypatch)
    waiting = [*_send(ingest, first, BATCH * 4), *_send(ingest, second, BATCH * 2)]
    slow.go.set()
    await asyncio.gather(*waiting)
    shared = [batch for batch in slow.batches if batch[second.team_id]]
    assert len(shared) == 4
    assert all(batch[first.team_id] == batch[second.team_id] == BATCH // 2 for batch in shared)


async def test_a_quiet_account_does_not_wait_for_the_batch_of_another(
    ingest: Ingest, teams: tuple[Team, Team], monkeypatch: pytest.MonkeyPatch
) -> None:
    noisy, quiet = teams
    slow = _Slow(monkeypatch)
    waiting = _send(ingest, noisy, 3)
    await until(lambda: len(slow.batches) == 1)
    # Too few for a second batch of their own: these wait for the first, and the other account's does not.
    waiting += [*_send(ingest, noisy, 3, 10), *_send(ingest, quiet, 1)]
    waited = False
    try:
        await until(lambda: len(slow.batches) == 2)
    except TimeoutError:
        waited = True
    slow.go.set()
    await asyncio.gather(*waiting)
    assert not waited
    assert slow.batches[1] == Counter({quiet.team_id: 1})
    assert slow.batches[2:] == [Counter({noisy.team_id: 3})]


async def test_what_one_person_writes_is_stored_in_its_order_whoever_else_writes(
    db: Database, ingest: Ingest, teams: tuple[Team, Team], tenants: Tenants
) -> None:
    bodies = [encode(message(teams[n % 2], f"D{n % 6}", "U1", str(n))) for n in range(BATCH * 4)]
    await asyncio.gather(*(_accept(ingest, body) for body in bodies))
    for scope in tenants:
        async with db.tenant(scope) as session:
            rows = await session.fetch(
                "SELECT conversation_id, text FROM messages WHERE tenant_id = $1 ORDER BY conversation_id, seq", scope.tenant_id
            )
        told: dict[object, list[int]] = {}
        for row in rows:
            told.setdefault(row["conversation_id"], []).append(int(row["text"]))
        assert len(told) == 3 and all(numbers == sorted(numbers) for numbers in told.values())
