"""Runs the load generator in its own process."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Sequence
from typing import Any

from bench.stack import SECRET, Team

CONNECTIONS = 64
WARM_UP_S = 2.0
CHANNELS = 250
"""Direct messages per tenant over which the load is spread."""


async def generate(
    teams: Sequence[Team],
    ports: Sequence[int],
    run: str,
    *,
    seconds: float,
    rate: float | None,
    ceiling: float,
    warmup_s: float = WARM_UP_S,
    channels: int = CHANNELS,
    connections: int = CONNECTIONS,
    keep: bool = False,
) -> dict[str, Any]:
    """Return what the generator measured: open loop at `rate` a second, or closed loop (None).

    `run` makes the events' ids its own; `ceiling` is the highest rate for which events are made ahead; `keep` returns the
    latencies themselves as well.
    Raises RuntimeError if the generator fails or runs out of events.
    """
    order = {
        "teams": [(team.team_id, team.app_id, team.bot_user_id) for team in teams],
        "ports": list(ports),
        "run": run,
        "secret": SECRET,
        "count": int((seconds + warmup_s) * (rate or ceiling)) + connections,
        "channels": channels,
        "connections": connections,
        "seconds": seconds,
        "warmup_s": warmup_s,
        "rate": rate,
        "keep": keep,
    }
    result = await _load(order, seconds + warmup_s + 60)
    if result.pop("ran_dry") and rate is None:
        raise RuntimeError("the load generator ran out of events: raise its ceiling")
    return result


async def _load(order: dict[str, Any], within_s: float) -> dict[str, Any]:
    """Run the load in a process of its own; return what it found."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bench.load",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(within_s):
            out, err = await process.communicate(json.dumps(order).encode())
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        raise RuntimeError(f"the load generator failed: {err.decode()[-2000:]}")
    result: dict[str, Any] = json.loads(out)
    return result
