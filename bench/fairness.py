"""Fairness: what a tenant that sends fifty times as much does to the others."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from bench.client import House, house
from bench.quantiles import summary
from bench.stack import Parts

QUIET, EACH = 10, 10
NOISE = 4000
CAPACITY = 30
MODEL_S = 1.0
EVERY_S = 1.0
GOAL = 2.0


async def measure(parts: Parts) -> dict[str, Any]:
    """Return the quiet tenants' latencies alone, and while one tenant's thousands of conversations wait before theirs."""
    async with house(parts, QUIET + 1, worker_turns=CAPACITY) as running:
        await running.hold(MODEL_S)
        solo = summary(await _quiet(running, "SOLO"))
        noisy = running.site.teams[QUIET]
        noise = list(await asyncio.gather(*(running.ask(noisy, f"DNOISE{number:05}") for number in range(NOISE))))
        before = await _waiting(running, noise)
        crowded = summary(await _quiet(running, "CROWD"))
        after = await _waiting(running, noise)
        if not before > after > CAPACITY:
            raise RuntimeError(f"of the noise {before} waited at first and {after} at last: it was not there all the time")
        ratio = crowded["p50_ms"] / solo["p50_ms"]
        return {
            "quiet_solo": solo,
            "quiet_beside_noise": crowded,
            "noise": NOISE,
            "noise_waiting_at_first": before,
            "noise_waiting_at_last": after,
            "capacity": CAPACITY,
            "model_s": MODEL_S,
            "p50_ratio": round(ratio, 2),
            "ratio_goal": GOAL,
            "met": ratio <= GOAL,
        }


async def _waiting(running: House, noise: list[str]) -> int:
    await running.look()
    return sum(ts not in running.answered for ts in noise)


async def _quiet(running: House, mark: str) -> list[float]:
    """Every quiet tenant sends one message a second, each in a conversation of its own; return what each waited."""
    teams = running.site.teams[:QUIET]
    start = time.perf_counter()
    asked = []
    for number in range(QUIET * EACH):
        await asyncio.sleep(max(0.0, start + number * EVERY_S / QUIET - time.perf_counter()))
        asked.append(await running.ask(teams[number % QUIET], f"D{mark}{number // QUIET:03}"))
    async with asyncio.timeout(120.0):
        while any(ts not in running.answered for ts in asked):
            await running.look()
    return running.latencies(asked)
