"""Platform time per turn: from a delivery to the answer at Slack, with a model that answers at once and no burst wait."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from bench.client import House, house
from bench.quantiles import summary
from bench.stack import Parts

TENANTS = 40
"""So many that no workspace comes near the posts that Slack takes of it in a minute."""
SEQUENTIAL = 150
RATE, RATE_S = 20.0, 8.0
GOAL_MS = 60.0


async def measure(parts: Parts) -> dict[str, Any]:
    """Return the latencies of turns one after the other, and of turns that arrive at RATE a second."""
    async with house(parts, TENANTS) as running:
        before = _cpu_s(parts, running)
        alone = [await _one(running, number) for number in range(SEQUENTIAL)]
        cpu = {name: round((after - before[name]) * 1000 / SEQUENTIAL, 1) for name, after in _cpu_s(parts, running).items()}
        crowd = await _open_loop(running)
        figures = {
            "sequential": {"turns": SEQUENTIAL, **summary(running.latencies(alone))},
            "open_loop": {"turns": len(crowd), "per_s": RATE, **summary(running.latencies(crowd))},
        }
        return {
            **figures,
            "cpu_ms_per_turn": cpu,
            "burst_s": 0,
            "model_s": 0,
            "p50_goal_ms": GOAL_MS,
            "met": figures["sequential"]["p50_ms"] < GOAL_MS,
        }


def _cpu_s(parts: Parts, running: House) -> dict[str, float]:
    return {"web": running.web.cpu_s(), "worker": running.worker.cpu_s(), "postgres": parts.postgres_cpu_s()}


async def _one(running: House, number: int) -> str:
    # A channel of its own each: Slack takes one message a second and channel.
    ts = await running.ask(running.site.teams[number % TENANTS], f"DSEQ{number:05}")
    await running.answers(30.0)
    return ts


async def _open_loop(running: House) -> list[str]:
    start = time.perf_counter()
    tasks = []
    for number in range(int(RATE * RATE_S)):
        await asyncio.sleep(max(0.0, start + number / RATE - time.perf_counter()))
        tasks.append(asyncio.create_task(running.ask(running.site.teams[number % TENANTS], f"DOPEN{number:05}")))
    asked = [await task for task in tasks]
    await running.answers(60.0)
    return asked
