"""Workers that die or freeze in the middle of a turn."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

from konstruct.kit.settings import Settings
from tests.faults.plant import Plant, Unit, plant
from tests.support.house import until


async def test_kill_9_three_times_over_two_workers_while_messages_flow(settings: Settings, tmp_path: Path) -> None:
    async with plant(settings, tmp_path) as made:
        _, *workers = await asyncio.gather(made.start("web"), made.start("worker"), made.start("worker"))
        enough = asyncio.Event()
        flowing = asyncio.create_task(_flow(made, enough))
        caught = []
        for _ in range(3):
            victim, turns = await made.freeze_in_a_turn(*workers)
            caught.append(turns)
            await victim.kill()
            made.thinking.set()
            # The longest-lived one is asked first: both places are hit.
            workers = [*(unit for unit in workers if unit is not victim), await made.start("worker")]
        enough.set()
        rounds = await flowing
        await made.idle()
        made.verdict()
        assert len(caught) == 3 and all(turns >= 1 for turns in caught)
        assert sum(len(numbers) for numbers in made.acked.values()) == rounds * 4
        assert await _resumed(made) >= 1, f"{caught} turns were under way"


async def _flow(made: Plant, enough: asyncio.Event) -> int:
    """Say something everywhere, again and again; return how often."""
    rounds = 0
    while not enough.is_set():
        rounds += 1
        await made.round(rounds)
        # Faster than the answers may go out: a second a channel. Otherwise there would be nothing but a queue.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1.0):
                await enough.wait()
    return rounds


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
        zombie, turns = await made.freeze_in_a_turn(*workers)
        assert turns >= 1
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


async def _taken_over(made: Plant, zombie: Unit) -> bool:
    return await made.leases(zombie, "turn") == 0
