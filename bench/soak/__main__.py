"""`make soak [MINUTES=10] [SEED=…]`: first a calm of thousands of turns, then a storm of faults, then the verdict.

Exit code 1 if anything was lost, doubled, out of order or unfenced, if a fault struck nothing, if memory grew by more
than a tenth, or if answers took more and more time.
"""

from __future__ import annotations

import asyncio
import logging
import random
import secrets
import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import structlog

from bench.quantiles import summary
from bench.soak.steady import DRIFT_MAX, GROWTH_MAX, TURNS, Steady, steady
from bench.soak.storm import Storm
from bench.soak.talk import Talk
from konstruct.agents import fallbacks
from tests.faults import shown
from tests.faults.crew import Crew, crew_in
from tests.faults.verdict import turns as turns_of

CALM_CHANNELS, STORM_CHANNELS = 20, 8
"""Of each tenant: people who wait for their answers, and people who talk whether they are answered or not."""
LONGEST_SILENCE_S = 4.0
SETTINGS = {"TURN_DEADLINE_S": "20", "LLM_TIMEOUT_S": "5"}


def tell(line: str) -> None:
    """Print a line of progress."""
    print(line, flush=True)


async def soak(minutes: float, seed: int, turns: int) -> bool:
    """Run everything; return whether all is well."""
    folder = Path(tempfile.mkdtemp(prefix=".soak-", dir=Path.cwd()))
    well = False
    try:
        async with crew_in(folder, **SETTINGS) as crew:
            well = await _soak(crew, minutes * 60, random.Random(seed), turns)
    finally:
        if well:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
        else:
            tell(f"the logs of all processes are in {folder}")
    return well


async def _soak(crew: Crew, seconds: float, chance: random.Random, turns: int) -> bool:
    talk = Talk(crew.made, chance)
    _let_talk(crew, CALM_CHANNELS)
    calm = await steady(crew, talk, turns)
    _tell_calm(calm)
    await crew.complete()
    _let_talk(crew, STORM_CHANNELS)
    storm = await _storm(crew, talk, chance, seconds)
    verdict = await _verdict(crew)
    _tell_storm(storm, talk)
    missed = [name for name in storm.kinds if not storm.hits[name]]
    for name in missed:
        tell(f"BROKEN  {name}: it struck nothing")
    return verdict and calm.well and not missed


async def _storm(crew: Crew, talk: Talk, chance: random.Random, seconds: float) -> Storm:
    storm, enough = Storm(crew, talk, chance, tell), asyncio.Event()
    talking = asyncio.create_task(talk.at_random(enough, LONGEST_SILENCE_S))
    try:
        await storm.rage(seconds)
    finally:
        enough.set()
    await talking
    await crew.made.idle()
    return storm


def _let_talk(crew: Crew, channels: int) -> None:
    crew.made.channels = [f"D{number}" for number in range(1, channels + 1)]
    for bot in crew.made.slack.workspaces:
        bot.channels |= set(crew.made.channels)


def _tell_calm(calm: Steady) -> None:
    for name, growth in calm.growth.items():
        grown = f"{calm.before_mb[name]:.1f} -> {calm.after_mb[name]:.1f} MB, {growth:+.1%}, at most {GROWTH_MAX:.0%}"
        tell(f"{_mark(growth <= GROWTH_MAX)}  memory of {name} over {calm.turns} turns: {grown}")
    drifted = f"{calm.first_s:.2f} s -> {calm.last_s:.2f} s, {calm.drift:.2f} x, at most {DRIFT_MAX:g} x"
    tell(f"{_mark(calm.drift <= DRIFT_MAX)}  median latency from the first fifth to the last: {drifted}")


async def _verdict(crew: Crew) -> bool:
    """Judge the whole history, calm and storm together."""
    outcome = await shown.read(crew.made)
    found = outcome.faults()
    for name in ("not stored", "lost", "doubled", "shown twice", "misordered", "stored twice", "wrong words", "not marked"):
        tell(f"{_mark(name not in found)}  {name}: {len(found.get(name, []))} {found.get(name, [])[:5] or ''}")
    try:
        await crew.history.fenced()
        fenced = True
    except AssertionError as error:
        fenced = False
        tell(str(error)[:2000])
    tell(f"{_mark(fenced)}  every write fenced")
    reasons = Counter(row["reason"] for row in await turns_of(crew.made))
    said, posts = sum(map(len, outcome.acked.values())), len(crew.made.slack.posts)
    tell(f"        {said} messages acknowledged, {posts} answers shown, of them apologies: {_apologies(reasons)}")
    # What no attempt could finish: nothing here is poison.
    tell(f"{_mark(not reasons[fallbacks.BROKEN])}  given up: {reasons[fallbacks.BROKEN]}")
    return not found and fenced and not reasons[fallbacks.BROKEN]


def _apologies(reasons: Counter[str | None]) -> str:
    return ", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items(), key=str) if reason) or "none"


def _tell_storm(storm: Storm, talk: Talk) -> None:
    for name, times in storm.times.items():
        tell(f"        {name}: {times} times, {storm.hits[name]} struck")
    tell(f"        {talk.copies} deliveries were repeated; answers took {summary(talk.latencies())}")


def _mark(well: bool) -> str:
    return "ok    " if well else "BROKEN"


def main(minutes: str = "10", seed: str = "", turns: str = str(TURNS)) -> int:
    """Run the soak; return the exit code."""
    chosen = int(seed) if seed else secrets.randbelow(1_000_000)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    # Its pool tells of each outage that we make.
    logging.getLogger("asyncpg").setLevel(logging.CRITICAL)
    tell(f"seed {chosen}: a calm of {turns} turns, then {minutes} minutes of faults (SEED={chosen} repeats their order)")
    began = time.monotonic()
    well = asyncio.run(soak(float(minutes), chosen, int(turns)))
    tell(f"{'all is well' if well else 'BROKEN'} after {time.monotonic() - began:.0f} s, seed {chosen}")
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
