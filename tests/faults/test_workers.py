"""Workers that die or freeze in the middle of a turn."""

from __future__ import annotations

import asyncio
from pathlib import Path

from konstruct.kit.settings import Settings
from tests.faults.plant import Plant, Unit, plant
from tests.support.house import until

ROUNDS = 7


async def test_kill_9_three_times_over_two_workers_while_messages_flow(settings: Settings, tmp_path: Path) -> None:
    async with plant(settings, tmp_path) as made:
        _, *workers = await asyncio.gather(made.start("web"), made.start("worker"), made.start("worker"))
        flowing = asyncio.create_task(_flow(made))
        caught = []
        for victim in (0, 1, 0):
            caught.append(await made.freeze_in_a_turn(workers[victim]))
            await workers[victim].kill()
            workers[victim] = await made.start("worker")
        await flowing
        await made.idle()
        made.verdict()
        assert all(turns >= 1 for turns in caught)
        assert sum(len(numbers) for numbers in made.acked.values()) == ROUNDS * 4
        assert await _resumed(made) >= 1


async def _flow(made: Plant) -> None:
    for number in range(ROUNDS):
        await made.round(number)
        await asyncio.sleep(0.7)


async def _resumed(made: Plant) -> int:
    """How many turns were taken over from a dead worker."""
    taken = 0
    for scope in made.scopes:
        async with made.db.tenant(scope) as session:
            taken += await session.fetchval(
                "SELECT count(*) FROM turns WHERE tenant_id = $1 AND attempts > 1 AND state = 'done'", scope.tenant_id
            )
    return taken


async def test_a_worker_frozen_past_its_lease_thaws_into_a_turn_that_is_no_longer_its_own(
    settings: Settings, tmp_path: Path
) -> None:
    async with plant(settings, tmp_path, lease_s=1.0) as made:
        await asyncio.gather(made.start("web"), made.start("worker"), made.start("worker"))
        workers = [unit for unit in made.units if unit.log.name.startswith("worker")]
        made.thinking.clear()
        for team in made.teams:
            await made.say(team, "D1", 1)
        await until(lambda: len(made.model.requests) == 2)
        zombie = await _holder(made, workers)
        zombie.freeze()
        held = await made.leases(zombie, "turn")
        assert held >= 1
        await until(lambda: _taken_over(made, zombie))
        made.thinking.set()
        await made.idle()
        zombie.thaw()
        # The answer of the model lies in its socket by now; it may read it, and must not write it.
        await until(lambda: any(word in zombie.log.read_text() for word in ("lease_lost", "lease_not_renewed")))
        for team in made.teams:
            await made.say(team, "D1", 2)
        await made.idle()
        made.verdict()
        for scope in made.scopes:
            async with made.db.tenant(scope) as session:
                assert await session.fetchval(
                    "SELECT count(*) = 2 AND bool_and(s.epoch = t.epoch) FROM steps s JOIN turns t"
                    " ON t.tenant_id = s.tenant_id AND t.id = s.turn_id WHERE s.tenant_id = $1",
                    scope.tenant_id,
                )


async def _holder(made: Plant, workers: list[Unit]) -> Unit:
    for unit in workers:
        if await made.leases(unit, "turn"):
            return unit
    raise AssertionError("no worker has a turn under way")


async def _taken_over(made: Plant, zombie: Unit) -> bool:
    return await made.leases(zombie, "turn") == 0
