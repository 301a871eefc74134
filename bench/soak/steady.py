"""The calm before: thousands of turns through one worker, and what they leave in the processes' memory."""

from __future__ import annotations

import statistics
from dataclasses import dataclass

import psutil

from bench.soak.talk import Talk
from tests.faults.crew import Crew
from tests.faults.plant import Unit

TURNS = 5000
WARM_UP = 5
"""A fifth of the turns comes before the first look."""
GROWTH_MAX = 0.10
DRIFT_MAX = 2.0
"""What waits longer the more has been said has no end; the machine's own moods stay below this."""


@dataclass(frozen=True, slots=True)
class Steady:
    """What was measured. Memory is the proportional share, in MB (10**6 bytes), with nothing under way."""

    turns: int
    before_mb: dict[str, float]
    after_mb: dict[str, float]
    first_s: float
    """Median latency of the first fifth."""
    last_s: float

    @property
    def growth(self) -> dict[str, float]:
        return {name: self.after_mb[name] / self.before_mb[name] - 1 for name in self.before_mb}

    @property
    def drift(self) -> float:
        return self.last_s / self.first_s

    @property
    def well(self) -> bool:
        return max(self.growth.values()) <= GROWTH_MAX and self.drift <= DRIFT_MAX


async def steady(crew: Crew, talk: Talk, turns: int) -> Steady:
    """Answer some messages to warm up and then `turns` more, with one worker; return what that did."""
    worker, *others = crew.workers()
    for other in others:
        await other.kill()
    units = {"web": crew.web, "worker": worker}
    await talk.in_turn(turns // WARM_UP)
    await crew.made.idle()
    before, said = _memory(units), len(talk.latencies())
    await talk.in_turn(turns)
    await crew.made.idle()
    latencies = talk.latencies()[said:]
    fifth = len(latencies) // 5
    return Steady(
        len(latencies), before, _memory(units), statistics.median(latencies[:fifth]), statistics.median(latencies[-fifth:])
    )


def _memory(units: dict[str, Unit]) -> dict[str, float]:
    return {name: psutil.Process(unit.pid).memory_full_info().pss / 1e6 for name, unit in units.items()}
