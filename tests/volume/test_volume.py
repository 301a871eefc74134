"""How many people may be written to first: counted per portfolio, over all its numbers and workers, in a moving day."""

from __future__ import annotations

from itertools import pairwise
from uuid import UUID

import pytest

from konstruct.channels import refusals
from konstruct.channels.events_handling import Received
from konstruct.channels.outreach import checks, tier_changes, today, volume
from konstruct.channels.outreach.check import Refused
from konstruct.channels.outreach.tier_changes import Capacity
from konstruct.channels.outreach.tiers import LOWEST, TIERS, UNLIMITED, Limits, allowance
from konstruct.channels.port import Post
from konstruct.channels.port_events import CapacityChanged
from konstruct.db.scope import TenantScope
from tests.support.strict_meta import Fate
from tests.volume.world import Number, World

HOUR_S = 3600.0
LIMIT = 10
CEILING = 8


_HELD_BACK = """
UPDATE ready_queue q SET due_at = clock_timestamp() + (o.position - 8) * interval '1 second' FROM (
  SELECT d.conversation_id, row_number() OVER (ORDER BY d.id) AS position FROM deliveries d WHERE d.tenant_id = $1
) o WHERE q.tenant_id = $1 AND q.conversation_id = o.conversation_id AND o.position > 8 RETURNING 1
"""
"""Lets all but the first eight be due one after the other: whoever is due at once is in no order."""


def _names(count: int, prefix: str = "P") -> list[str]:
    return [f"{prefix}{n:03}" for n in range(count)]


async def _numbers(world: World, scope: TenantScope, count: int, *, limit: int = LIMIT, warm: bool = True) -> list[Number]:
    """Numbers of one portfolio, in the order of their names."""
    mark = int(scope.tenant_id.hex[-8:], 16)
    return [
        await world.connect(scope, f"{n + 1}{mark:010}", waba=f"W{mark}", portfolio=f"P{mark}", limit=limit, warm=warm)
        for n in range(count)
    ]


async def _today(world: World, number: Number) -> today.Today:
    async with world.db.tenant(number.scope) as session:
        return await today.today(session, number.account_id)


def test_the_ceilings() -> None:
    """Four fifths of each tier, a fifth on the first day, less after a refusal; the lowest tier while none is known."""
    assert [Limits(tier, False, None).ceiling for tier in TIERS] == [200, 1_600, 8_000, 80_000, None]
    assert [Limits(tier, True, None).ceiling for tier in TIERS] == [50, 400, 2_000, 20_000, None]
    assert Limits(None, False, None).ceiling == Limits(LOWEST, False, None).ceiling
    assert Limits(2_000, False, 7).ceiling == 7 and Limits(UNLIMITED, False, 7).ceiling == 7
    assert [allowance(step) for step in (0, 1, 2, 10, 11)] == [50, 100, 200, 51_200, None]


async def test_three_workers_stop_at_the_ceiling_and_go_on_as_places_free(
    world: World, businesses: tuple[TenantScope, TenantScope]
) -> None:
    first, second = await _numbers(world, businesses[0], 2)
    (other,) = await _numbers(world, businesses[1], 1)
    # The same person at both numbers counts once, and neither does anybody of the other business.
    people = await world.people(first, _names(12))
    same = await world.people(second, _names(6))
    theirs = await world.people(other, _names(5))
    await world.write(first, list(people.values())[:CEILING])
    # Taken before anything is sent, so that nobody is told yet that it is full.
    await world.write(first, list(people.values())[CEILING:])
    await world.rows(first, _HELD_BACK)
    await world.run(60)
    await world.write(second, [same["P000"], same["P001"]])
    await world.write(other, list(theirs.values()))
    await world.run(60)
    assert await world.states(first) == {"sent": CEILING, "pending": 4}
    assert await world.states(second) == {"sent": 2}
    assert await world.states(other) == {"sent": 5}
    seen = await _today(world, first)
    assert (seen.used, seen.ceiling, seen.waiting, seen.left, seen.known) == (CEILING, CEILING, 4, 0, True)
    assert seen.next_s is not None and 23 * HOUR_S < seen.next_s < 24 * HOUR_S + 300

    # Asked now, the answer is no, but for somebody who counts already.
    refused, written = await world.write(first, [people["P011"], people["P003"]])
    assert refused == Refused("volume_full") and isinstance(written, UUID)
    claims = world.claims
    await world.run(23 * HOUR_S)
    assert world.claims - claims <= 2, "whoever waits does not ask again and again"
    await world.run(2 * HOUR_S)
    assert (await world.states(first))["sent"] == 13
    assert world.meta.peak[first.portfolio] == CEILING
    assert world.meta.breaches == []


async def test_three_numbers_at_once_share_one_ceiling(world: World, businesses: tuple[TenantScope, TenantScope]) -> None:
    numbers = await _numbers(world, businesses[0], 3)
    for n, number in enumerate(numbers):
        people = await world.people(number, _names(7, f"{n}-"))
        await world.write(number, list(people.values()))
    await world.run(HOUR_S)
    states = [await world.states(number) for number in numbers]
    assert sum(each.get("sent", 0) for each in states) == CEILING
    assert sum(each.get("pending", 0) for each in states) == 21 - CEILING
    assert world.meta.peak[numbers[0].portfolio] == CEILING
    assert world.meta.breaches == []


async def test_what_counts_and_what_does_not(world: World, businesses: tuple[TenantScope, TenantScope]) -> None:
    """Not who wrote in; not what was certainly not sent; but whatever may have been."""
    (number,) = await _numbers(world, businesses[0], 1)
    people = await world.people(number, _names(20))
    await world.hear(number, {name: people[name] for name in ("P000", "P001")})
    await world.write(number, [people["P000"], people["P001"]])
    await world.run(10)
    assert (await _today(world, number)).used == 0

    fates: list[Fate] = ["lost_taken", "busy", "undeliverable", "lost"]
    world.meta.fate = lambda _post: fates.pop(0) if fates else "taken"
    for name, used in (("P002", 1), ("P003", 1), ("P004", 1), ("P005", 2)):
        await world.write(number, [people[name]])
        await world.drain()
        assert (await _today(world, number)).used == used, name
    # The refused one goes again, and counts then; of the lost ones nobody hears, so that each goes once more, and counts once.
    await world.run(HOUR_S)
    assert (await _today(world, number)).used == 3
    assert await world.states(number) == {"sent": 5, "failed": 1}
    assert world.meta.breaches == []


async def test_the_limit_falls_at_once_and_rises_at_once(world: World, businesses: tuple[TenantScope, TenantScope]) -> None:
    (number,) = await _numbers(world, businesses[0], 1, limit=20)
    people = await world.people(number, _names(40))
    await world.write(number, [people[name] for name in _names(10)])
    await world.run(60)

    async def say(limit: int | None) -> None:
        event = CapacityChanged(account_key=number.phone, app_id=None, event_key="x", daily_limit=limit)
        await Capacity(world.db)(Received(number.scope, number.account_id, event, 1, 0.0))
        if limit is not None:
            world.meta.limits[number.portfolio] = limit

    await world.write(number, [people[name] for name in _names(40)[10:13]])
    await say(LIMIT)
    await say(None)
    await world.run(HOUR_S)
    assert await world.states(number) == {"sent": 10, "pending": 3}
    await say(UNLIMITED)
    await world.run(60)
    assert await world.states(number) == {"sent": 13}
    async with world.db.tenant(number.scope) as session:
        notes = await today.history(session, number.account_id)
    assert [(note.daily_limit, note.source) for note in notes] == [(None, "webhook"), (LIMIT, "webhook"), (20, "poll")]
    assert world.meta.breaches == []


async def test_a_refusal_for_too_much_keeps_the_message_and_lowers_the_volume(
    world: World, businesses: tuple[TenantScope, TenantScope], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another program of the business uses the same portfolio: Meta's count is above ours. What else follows is not looked at."""
    monkeypatch.setattr(refusals, "HANDLERS", (refusals.volume,))
    monkeypatch.setattr(checks, "CHECKS", (volume.check,))
    (number,) = await _numbers(world, businesses[0], 1, limit=100)
    people = await world.people(number, _names(12))
    await world.write(number, [people[name] for name in _names(10)])
    await world.run(60)
    seen: list[Post] = []

    def fate(post: Post) -> Fate:
        seen.append(post)
        return "too_many"

    world.meta.fate = fate
    await world.write(number, [people["P010"], people["P011"]])
    await world.run(60)
    # One refusal teaches it, or one for each worker that was at it.
    assert 1 <= len(seen) <= 2
    await world.run(6 * HOUR_S)
    assert len(seen) <= 2
    assert await world.states(number) == {"sent": 10, "pending": 2}
    async with world.db.tenant(number.scope) as session:
        lowered = await session.fetchval(
            "SELECT lowered_to FROM volume_pools WHERE tenant_id = $1 AND portfolio = $2",
            number.scope.tenant_id,
            number.portfolio,
        )
    assert 0 < lowered < 10


async def test_a_new_number_warms_up_by_use(world: World, businesses: tuple[TenantScope, TenantScope]) -> None:
    """Fifty on its first day; twice as many after a day on which half of it was used; not while its quality is not good."""
    old, new = await _numbers(world, businesses[0], 2, limit=2_000)
    async with world.db.tenant(new.scope) as session:
        sql = "UPDATE volume_pools SET step = 0, written = $3 WHERE tenant_id = $1 AND account_id = $2"
        await session.execute(sql, new.scope.tenant_id, new.account_id, 24)
    people = await world.people(new, _names(6))
    seen = []
    for name, written, good in (
        ("P000", 24, True),
        ("P001", 25, False),
        ("P002", 50, True),
        ("P003", 0, True),
        ("P004", 60, True),
    ):
        async with world.db.tenant(new.scope) as session:
            await tier_changes.set_quality(session, new.account_id, good)
            if written:
                sql = "UPDATE volume_pools SET written = $3 WHERE tenant_id = $1 AND account_id = $2"
                await session.execute(sql, new.scope.tenant_id, new.account_id, written)
        await world.clock.advance(25 * HOUR_S)
        await world.write(new, [people[name]])
        await world.drain()
        seen.append((await _today(world, new)).number_allowed)
    assert seen == [50, 50, 100, 100, 200]
    assert (await _today(world, old)).number_allowed is None
    # It is not its portfolio that stops it.
    async with world.db.tenant(new.scope) as session:
        await session.execute(
            "UPDATE volume_pools SET step = 0, used = 50, grown_at = clock_timestamp() WHERE tenant_id = $1 AND account_id = $2",
            new.scope.tenant_id,
            new.account_id,
        )
    assert await world.write(new, [people["P005"]]) == [Refused("volume_full")]


async def test_a_portfolio_that_is_learned_late_keeps_its_count(
    world: World, businesses: tuple[TenantScope, TenantScope]
) -> None:
    """Numbers without one count together; what they sent counts in the portfolio that they turn out to belong to."""
    mark = int(businesses[0].tenant_id.hex[-8:], 16)
    first, second = [
        await world.connect(businesses[0], f"{n}{mark:010}", waba=f"W{mark}{n}", portfolio=None, limit=LIMIT) for n in (1, 2)
    ]
    for number in (first, second):
        world.meta.portfolios[number.phone] = "P"
    world.meta.limits["P"] = LIMIT
    here, there = await world.people(first, _names(8, "A")), await world.people(second, _names(8, "B"))
    await world.write(first, list(here.values())[:5])
    await world.run(60)
    await world.write(second, list(there.values())[:3])
    await world.run(60)
    for number in (first, second):
        await world.rows(
            number,
            "UPDATE channel_accounts SET portfolio_id = $3 WHERE tenant_id = $1 AND id = $2 RETURNING id",
            number.account_id,
            f"P{mark}",
        )
    await world.write(second, list(there.values())[3:6])
    await world.run(HOUR_S)
    assert (await world.states(second))["sent"] == 3
    seen = await _today(world, second)
    assert (seen.used, seen.ceiling) == (CEILING, CEILING)
    # A second portfolio: whoever has told none may be in either, and writes to nobody first.
    third = await world.connect(businesses[0], f"3{mark:010}", waba=f"W{mark}3", portfolio=f"Q{mark}", limit=LIMIT)
    fourth = await world.connect(businesses[0], f"4{mark:010}", waba=f"W{mark}4", portfolio=None)
    others = await world.people(fourth, _names(1, "C"))
    assert await world.write(fourth, list(others.values())) == [Refused("portfolio_unknown")]
    assert (await _today(world, third)).used == 0
    # Whoever turns out to belong elsewhere brings along whom it may have counted there.
    moved = "UPDATE channel_accounts SET portfolio_id = $3 WHERE tenant_id = $1 AND id = $2 RETURNING id"
    await world.rows(second, moved, second.account_id, f"Q{mark}")
    async with world.db.tenant(second.scope) as session:
        await volume.settle(session, second.account_id)
    assert (await _today(world, third)).used == CEILING
    assert world.meta.breaches == []


async def test_an_answer_does_not_wait_behind_what_the_business_wanted_to_say(
    world: World, businesses: tuple[TenantScope, TenantScope]
) -> None:
    (number,) = await _numbers(world, businesses[0], 1)
    people = await world.people(number, _names(10))
    await world.write(number, list(people.values()))
    await world.rows(number, _HELD_BACK)
    await world.run(60)
    # P009 waits; they write in: their window is open, they do not count, and both messages go.
    await world.hear(number, {"P009": people["P009"]})
    await world.answer(number, [people["P009"]])
    await world.run(60)
    forms = [post.form for _, _, person, post in world.meta.sent if person == "P009"]
    assert forms == ["template", "text"]
    # P008 waits on, and is given up after three days in which its turn never came.
    async with world.db.tenant(number.scope) as session:
        await tier_changes.set_tier(session, number.account_id, 0, "operator")
    await world.run(71 * HOUR_S)
    assert (await world.states(number))["pending"] == 1
    await world.run(2 * HOUR_S)
    (failed,) = await world.rows(number, "SELECT reason FROM deliveries WHERE tenant_id = $1 AND state = 'failed'")
    assert failed["reason"] == "expired"
    letters = await world.rows(number, "SELECT 1 FROM dead_letters WHERE tenant_id = $1")
    assert len(letters) == 1, "a dead letter can be sent again by a person: nothing is dropped"


async def test_whoever_waits_goes_in_order_each_when_a_place_frees(
    world: World, businesses: tuple[TenantScope, TenantScope]
) -> None:
    """Each is promised another place, and asks when that frees: the waiting lanes do not come all at once."""
    (number,) = await _numbers(world, businesses[0], 1)
    people = await world.people(number, _names(20))
    await world.write(number, list(people.values())[:15])
    await world.rows(number, _HELD_BACK.replace("(o.position - 8)", "600 * o.position").replace("o.position > 8", "true"))
    await world.run(3 * HOUR_S)
    assert await world.states(number) == {"sent": CEILING, "pending": 7}
    waits = await world.rows(number, "SELECT due_at FROM volume_line WHERE tenant_id = $1 ORDER BY due_at")
    assert len(waits) == 7
    assert all((late["due_at"] - early["due_at"]).total_seconds() > 300 for early, late in pairwise(waits))
    claims = world.claims
    await world.run(24 * HOUR_S)
    assert [person for _, _, person, _ in world.meta.sent] == _names(15)
    assert world.claims - claims == 7, "each asks once"
    assert world.meta.peak[number.portfolio] == CEILING
    assert world.meta.breaches == []
