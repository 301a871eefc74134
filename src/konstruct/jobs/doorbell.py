"""The doorbell: tells the workers that something is ready, off the caller's loop and bounded in time."""

from __future__ import annotations

import threading

import structlog

from konstruct.jobs.broker import WAKE, WAKE_EVERY_S, create_celery
from konstruct.kit.settings import Settings

log = structlog.get_logger()

SHOWER_S = 0.02
"""Rings within this time are one: a wake-up carries no argument, so that one says as much as many."""
LONGEST_PAUSE_S = 5.0


class Doorbell:
    """Publishes wake-ups from one thread. When the broker is away, the workers' poll finds the work."""

    def __init__(self, settings: Settings) -> None:
        self._app = create_celery(settings, publisher=True)
        self._rung = threading.Event()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._work, name="doorbell", daemon=True)
        self._thread.start()

    def ring(self) -> None:
        """Ask for a wake-up. Returns at once, never raises; any thread may call it."""
        self._rung.set()

    def close(self) -> None:
        """Stop; a publish under way is given a moment."""
        self._closing.set()
        self._rung.set()
        self._thread.join(timeout=2.0)
        self._app.close()

    def _work(self) -> None:
        failures = 0
        while self._rung.wait() and not self._closing.is_set():
            self._rung.clear()
            try:
                self._app.send_task(WAKE, expires=WAKE_EVERY_S, ignore_result=True, retry=False)
                failures = 0
            except Exception as error:
                failures += 1
                if failures == 1:
                    log.warning("broker_unreachable", error=type(error).__name__)
            self._closing.wait(SHOWER_S if not failures else min(LONGEST_PAUSE_S, 0.25 * 2 ** min(failures, 6)))
