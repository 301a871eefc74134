"""How many people may be written to first: counted per portfolio, over all its numbers and workers, in a moving day."""

from __future__ import annotations

import pytest

from konstruct.channels.outreach.check import Refused
from konstruct.db.scope import TenantScope
from tests.volume.world import Number, World

HOUR_S = 3600.0


def _names(count: int, prefix: str = "P") -> list[str]:
    return [f"{prefix}{n:05}" for n in range(count)]


@pytest.fixture
async def shop(world: World, businesses: tuple[TenantScope, TenantScope]) -> tuple[Number, Number]:
    """Two numbers of one portfolio."""
    mark = businesses[0].tenant_id.hex[-8:]
    first = await world.connect(businesses[0], f"1{int(mark, 16)}", waba=f"W{mark}", portfolio=f"P{mark}")
    second = await world.connect(businesses[0], f"2{int(mark, 16)}", waba=f"W{mark}", portfolio=f"P{mark}")
    return first, second


async def test_three_workers_stop_at_the_ceiling_and_go_on_as_places_free(world: World, shop: tuple[Number, Number]) -> None:
    first, second = shop
    people, others = await world.people(first, _names(180)), await world.people(second, _names(100, "Q"))
    await world.write(first, list(people.values()))
    await world.write(second, list(others.values()))
    await world.run(HOUR_S)
    assert (await world.states(first)).get("sent", 0) + (await world.states(second)).get("sent", 0) == 200
    await world.run(22 * HOUR_S)
    assert world.meta.counting(first.portfolio) == 200
    assert await world.write(first, [people["P00001"]]) != [Refused("volume_full")]
    await world.run(2 * HOUR_S)
    assert (await world.states(first), await world.states(second)) == ({"sent": 181}, {"sent": 100})
    assert world.meta.breaches == []
    print("CLAIMS", world._claims, len(world.meta.sent))
