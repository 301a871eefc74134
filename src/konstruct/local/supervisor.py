"""Keeps the parts of an embedded instance running: starts again what dies, and stops all in order."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

FIRST_DELAY_S = 0.5
LONGEST_DELAY_S = 30.0
STEADY_S = 60.0
"""A part that ran this long has recovered: its next death starts the back-off anew."""

Say = Callable[[str], None]


class Part(Protocol):
    """Something that runs: PostgreSQL, Valkey, or one of our own processes."""

    @property
    def name(self) -> str:
        """What people call it."""

    @property
    def log(self) -> Path:
        """Where it writes."""

    async def start(self) -> None:
        """Start it, and wait until it serves. Raises KonstructError."""

    async def ended(self) -> int | None:
        """Wait until it has ended; return its exit code where that is known."""

    async def stop(self) -> None:
        """Stop it, in bounded time."""


class Supervisor:
    """Starts parts, then watches them. `say` prints a line for the person at the terminal."""

    def __init__(self, say: Say) -> None:
        self._say = say
        self._parts: list[Part] = []
        self._watches: list[asyncio.Task[None]] = []

    async def start(self, part: Part) -> None:
        """Start a part, and answer for it: `stop()` stops it even when this fails half way. Raises KonstructError."""
        self._parts.append(part)
        await part.start()

    def watch(self) -> None:
        """From now on start again what dies."""
        self._watches = [asyncio.create_task(self._keep_running(part), name=f"watch {part.name}") for part in self._parts]

    async def stop(self) -> None:
        """Stop all parts, the last started first; each has its own bound of time."""
        for watch in self._watches:
            watch.cancel()
        await asyncio.gather(*self._watches, return_exceptions=True)
        for part in reversed(self._parts):
            await part.stop()

    async def _keep_running(self, part: Part) -> None:
        delay = FIRST_DELAY_S
        while True:
            since = time.monotonic()
            code = await part.ended()
            if time.monotonic() - since > STEADY_S:
                delay = FIRST_DELAY_S
            self._say(f"{part.name} {describe_end(code)}; starting it again in {delay:g} s (log: {part.log})")
            while True:
                await asyncio.sleep(delay)
                delay = min(delay * 2, LONGEST_DELAY_S)
                if await self._started(part, delay):
                    break

    async def _started(self, part: Part, next_delay_s: float) -> bool:
        try:
            await part.start()
        except Exception as error:
            # Whatever it is: a supervisor that gives up is worse than one that repeats itself.
            self._say(f"{part.name} did not start: {error}; trying again in {next_delay_s:g} s")
            return False
        self._say(f"{part.name} runs again")
        return True


def describe_end(code: int | None) -> str:
    """Return how a process ended, in words."""
    if code is None:
        return "ended"
    return f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
