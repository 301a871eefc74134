"""Ten thousand contacts, two days: whatever happens, no tier is exceeded, no window broken, and nobody written to unasked."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from konstruct.channels import waiting
from konstruct.db.scope import TenantScope
from tests.volume.plan import HOUR_S, PEOPLE, Plan
from tests.volume.world import World

SEED = 20_261


async def test_nothing_that_happens_in_two_days_makes_it_break_a_rule(
    world: World, businesses: tuple[TenantScope, TenantScope], monkeypatch: pytest.MonkeyPatch
) -> None:
    # An answer that came too late is looked at every quarter of an hour: two days have many.
    monkeypatch.setattr(waiting, "LOOK_S", 4 * HOUR_S)
    alpha, beta = businesses
    numbers = [
        await world.connect(alpha, "15550000001", waba="W1", portfolio="P1", limit=250),
        await world.connect(alpha, "15550000002", waba="W1", portfolio="P1", limit=250, warm=False),
        await world.connect(beta, "15550000003", waba="W2", portfolio="P2", limit=250, warm=False),
        await world.connect(beta, "15550000004", waba="W2", portfolio="P2", limit=250, warm=False),
    ]
    plan = Plan(world, random.Random(SEED), numbers)
    world.meta.fate = plan.fate
    names = [f"US.{n:06}" for n in range(PEOPLE)]
    for number in numbers:
        # At each number the same people; of ten, nine have agreed to be written to, and not the same nine.
        plan.chance.shuffle(names)
        plan.contacts[number.phone] = await world.people(number, names, agreeing=PEOPLE * 9 // 10)
    began = world.clock.now()
    for at_s, step in plan.events():
        await world.run(began + at_s - world.clock.now())
        await step()
    await world.run(began + 48 * HOUR_S - world.clock.now())

    meta = world.meta
    assert meta.breaches == []
    # It did not hold by doing nothing: the volume was used up, and people were refused and waited.
    assert 190 <= meta.peak["P1"] <= 200 and meta.peak["P2"] > 50
    assert meta.taken["template"] > 350 and meta.taken["text"] > 120
    assert {"no_consent", "volume_full"} <= set(plan.refused)
    states: Counter[str] = Counter()
    for number in numbers:
        states.update(await world.states(number))
    # Nothing is lost: what was not sent has an end that a person sees, or still waits.
    assert set(states) <= {"sent", "failed", "cancelled", "pending"} and states["cancelled"] > 0
    assert states["sent"] > 450 and states["failed"] < 60
