"""Ten thousand contacts, two days: whatever happens, no tier is exceeded, no window broken, and nobody written to unasked."""

from __future__ import annotations

import random

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
    for number in numbers:
        plan.contacts[number.phone] = await world.people(number, [f"US.{n:06}" for n in range(PEOPLE)])
    began = world.clock.now()
    for at_s, step in plan.events():
        await world.run(began + at_s - world.clock.now())
        await step()
    await world.run(began + 48 * HOUR_S - world.clock.now())

    meta = world.meta
    print("CLAIMS", world.claims, meta.taken, meta.peak, plan.asked, plan.refused, plan.answers)
    for number in numbers:
        print(
            await world.states(number),
            await world.rows(
                number, "SELECT kind, state, reason, count(*) FROM deliveries WHERE tenant_id = $1 GROUP BY 1, 2, 3"
            ),
        )
    assert meta.breaches == []
