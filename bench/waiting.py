"""Turns that wait for a slow model: how many one worker process holds, and what each costs in memory."""

from __future__ import annotations

import asyncio
from typing import Any

from bench.client import House, house
from bench.quantiles import summary
from bench.stack import Parts

TENANTS, PER_TENANT = 20, 150
TURNS = TENANTS * PER_TENANT
HOLD_S = 60.0
GOAL_MB = 0.5


async def measure(parts: Parts) -> dict[str, Any]:
    """Return memory per turn at the peak, and how long the answers took beyond the model's own time."""
    # A tenant's own cap is 200 turns: 20 tenants hold 3,000 without any change of settings.
    async with house(parts, TENANTS, turn_deadline_s=180, llm_timeout_s=120) as running:
        idle_mb = running.worker.pss_mb()
        await running.hold(HOLD_S)
        asked = await _ask_all(running)
        peak = await _until_all_wait(running)
        peak_mb = running.worker.pss_mb()
        await running.answers(HOLD_S + 120.0)
        latencies = running.latencies(asked)
        per_turn = (peak_mb - idle_mb) / peak
        return {
            "in_flight": peak,
            "model_s": HOLD_S,
            "idle_mb": round(idle_mb, 1),
            "peak_mb": round(peak_mb, 1),
            "mb_per_turn": round(per_turn, 4),
            "answered_exactly_once": len(latencies),
            "beyond_model": summary([seconds - HOLD_S for seconds in latencies]),
            "in_flight_goal": TURNS,
            "mb_goal": GOAL_MB,
            "met": peak >= TURNS and per_turn < GOAL_MB,
        }


async def _ask_all(running: House) -> list[str]:
    teams = running.site.teams
    return list(await asyncio.gather(*(running.ask(teams[n % TENANTS], f"DWAIT{n // TENANTS:05}") for n in range(TURNS))))


async def _until_all_wait(running: House) -> int:
    """Return the most calls that the model had open at once, as soon as all are, or when the first ones end."""
    while True:
        seen = await running.model_seen()
        if seen["open"] >= TURNS or seen["open"] < seen["peak"] > TURNS // 2:
            return seen["peak"]
        await asyncio.sleep(0.2)
