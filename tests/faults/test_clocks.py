"""Workers whose wall clocks are an hour off: nothing that matters is decided by them."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

from konstruct.kit.settings import Settings
from tests.faults.plant import PATIENCE_S, Plant, Unit, plant
from tests.faults.shown import verdict
from tests.support.house import until

HOUR_S = 3600
NOW = re.compile(r"\[Now: \w+, (\d{4}-\d\d-\d\d \d\d:\d\d) UTC")
_HOURS_OFF = """
SELECT DISTINCT round(extract(epoch FROM uuid_extract_timestamp(id) - started_at) / 3600)::int AS hours FROM turns
WHERE tenant_id = $1
"""


async def test_workers_an_hour_ahead_and_behind_answer_as_one_with_the_right_time(settings: Settings, tmp_path: Path) -> None:
    async with plant(settings, tmp_path) as made:
        _, ahead, behind = await asyncio.gather(
            made.start("web"), made.start("worker", _python(HOUR_S)), made.start("worker", _python(-HOUR_S))
        )
        for number, victim, heir in ((1, ahead, behind), (2, behind, ahead)):
            await _frozen_and_relieved(made, number, victim, heir)
        await made.round(3)
        await made.idle()
        await verdict(made)
        assert await _hours_off(made) == {1, -1}
        told = [NOW.match(body["messages"][-1]["content"]) for body in made.model.requests]
        moments = [datetime.strptime(match[1], "%Y-%m-%d %H:%M").replace(tzinfo=UTC) for match in told if match]
        assert len(moments) == len(made.model.requests)
        assert all(abs(datetime.now(UTC) - moment) < timedelta(minutes=20) for moment in moments)


async def _frozen_and_relieved(made: Plant, number: int, victim: Unit, heir: Unit) -> None:
    """One claims a round of messages and freezes; the other, whose clock says something else, finishes it."""
    heir.freeze()
    made.thinking.clear()
    await made.round(number)

    async def turns(wanted: int) -> bool:
        return await made.turns(victim) == wanted

    # All of them: a worker that freezes within a transaction holds its rows for as long as it is frozen.
    await until(lambda: turns(4), PATIENCE_S)
    victim.freeze()
    assert await made.turns(victim) == 4
    heir.thaw()
    await until(lambda: turns(0), PATIENCE_S)
    made.thinking.set()
    await made.idle()
    victim.thaw()


def _python(seconds: int) -> tuple[str, ...]:
    return "-m", "tests.faults.skewed", str(seconds)


async def _hours_off(made: Plant) -> set[int]:
    """How far off the clocks of those workers were that began a turn: its id tells their time."""
    found = set()
    for scope in made.scopes:
        async with made.db.tenant(scope) as session:
            found |= {row["hours"] for row in await session.fetch(_HOURS_OFF, scope.tenant_id)}
    return found
