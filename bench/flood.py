"""A flood from one workspace: what it does to the acknowledgements of another, quiet one.

Slack itself delivers at most 30,000 events an hour to an app from one workspace, about 8 a second. The flood is 300 a
second, open loop: what is late stays due.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import Any

from bench.generator import generate
from bench.quantiles import summary
from bench.servers import free_port, server
from bench.stack import Parts, Team

QUIET_PER_S, FLOOD_PER_S = 40.0, 300.0
ROUNDS, ROUND_S, WARM_UP_S = 6, 6.0, 1.5
QUIET_CHANNELS, FLOOD_CHANNELS = 40, 250
GOAL = 1.5


async def measure(parts: Parts) -> dict[str, Any]:
    """Return the quiet workspace's latencies alone and beside the flood, measured in turns against one web process."""
    async with AsyncExitStack() as stack:
        site = await stack.enter_async_context(parts.site(2, log_level="WARNING"))
        port = free_port()
        env = {**site.env, "KONSTRUCT_BIND": f"127.0.0.1:{port}"}
        await stack.enter_async_context(server("web", ["-m", "konstruct.cli.main", "web"], env, site.folder, port))
        quiet, noisy = site.teams
        for team, channels in ((quiet, QUIET_CHANNELS), (noisy, FLOOD_CHANNELS)):
            # Every conversation exists, and the planner knows that they do, before anything is measured.
            await generate([team], [port], f"f{team.team_id}", seconds=3.0, rate=200.0, ceiling=200.0, channels=channels)
        await site.analyze()
        alone: list[float] = []
        beside: list[float] = []
        flood: list[dict[str, Any]] = []
        for number in range(ROUNDS):
            alone += await _quiet(quiet, port, f"a{number}")
            latencies, other = await asyncio.gather(_quiet(quiet, port, f"b{number}"), _flood(noisy, port, f"n{number}"))
            beside += latencies
            flood.append(other)
    quiet_alone, quiet_beside = summary(alone), summary(beside)
    ratio = quiet_beside["p99_ms"] / quiet_alone["p99_ms"]
    return {
        "quiet_alone": quiet_alone,
        "quiet_beside_flood": quiet_beside,
        "flood_p99_ms": max(result["p99_ms"] for result in flood),
        "flood_per_s": FLOOD_PER_S,
        "flood_stored_per_s": min(result["per_s"] for result in flood),
        "quiet_per_s": QUIET_PER_S,
        "rounds": ROUNDS,
        "p50_ratio": round(quiet_beside["p50_ms"] / quiet_alone["p50_ms"], 2),
        "p99_ratio": round(ratio, 2),
        "ratio_goal": GOAL,
        "met": ratio <= GOAL,
    }


async def _quiet(team: Team, port: int, run: str) -> list[float]:
    found = await _run(team, port, run, QUIET_PER_S, QUIET_CHANNELS, WARM_UP_S, ROUND_S)
    latencies: list[float] = found["latencies_s"]
    return latencies


async def _flood(team: Team, port: int, run: str) -> dict[str, Any]:
    # It begins before the other measures, and ends after.
    return await _run(team, port, run, FLOOD_PER_S, FLOOD_CHANNELS, WARM_UP_S, ROUND_S + 1.0)


async def _run(team: Team, port: int, run: str, rate: float, channels: int, warmup_s: float, seconds: float) -> dict[str, Any]:
    found = await generate(
        [team], [port], run, seconds=seconds, rate=rate, ceiling=rate, warmup_s=warmup_s, channels=channels, connections=16,
        keep=True,
    )  # fmt: skip
    if set(found["statuses"]) != {"200"}:
        raise RuntimeError(f"not every delivery was acknowledged: {found['statuses']}")
    return found
