"""A watchdog over an event loop: a loop that does not turn any more renews no lease, and nobody but its own process knows why.

Everything else about a worker is seen from outside: others take over its conversations one lease later. What is left is a
process that holds its memory and its place, does nothing, and is not started anew as long as it lives.
"""

from __future__ import annotations

import asyncio
import contextlib
import faulthandler
import os
import sys
import threading
from collections.abc import Callable

import structlog

log = structlog.get_logger()

TICK_S = 1.0
STUCK_TICKS = 60
"""Ticks without an answer. Its leases (15 s) are long lost by then. Counted, not measured: a process that was frozen and
thawed has missed none."""
EXIT_CODE = 70


class Watchdog:
    """Rings the loop once a tick, from a thread of its own; calls `stuck` once when `patience` ticks go unanswered."""

    def __init__(self, loop: asyncio.AbstractEventLoop, stuck: Callable[[], None], *, patience: int = STUCK_TICKS) -> None:
        self._loop = loop
        self._stuck = stuck
        self._patience = patience
        self._answered = threading.Event()
        self._ended = threading.Event()
        self._missed = 0

    def start(self) -> None:
        """Watch until `stop`."""
        threading.Thread(target=self._watch, name="watchdog", daemon=True).start()

    def stop(self) -> None:
        """Watch no more."""
        self._ended.set()

    def tick(self) -> bool:
        """Count what the loop did since the last tick, and ring it again; return whether it is stuck."""
        self._missed = 0 if self._answered.is_set() else self._missed + 1
        self._answered.clear()
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._answered.set)
        return self._missed >= self._patience

    def _watch(self) -> None:
        self._answered.set()
        while not self._ended.wait(TICK_S):
            if self.tick() and not self._ended.is_set():
                self._stuck()
                return


def end_process() -> None:
    """Say where every thread stands, and end the process: its service manager starts another. No value is in what is said."""
    log.critical("loop_stuck", ticks=STUCK_TICKS)
    with contextlib.suppress(OSError, ValueError):
        faulthandler.dump_traceback(sys.stderr, all_threads=True)
    os._exit(EXIT_CODE)
