"""A circuit breaker: after a failure, calls are refused at once for a while, then one of them tries again."""

from __future__ import annotations

from collections.abc import Callable

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 5.0


class Circuit:
    """Whether a server is worth a call. `clock` gives monotonic seconds. For one event loop; it never waits."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._failures = 0
        self._closed_at = 0.0

    def allows(self) -> bool:
        """Return whether to make a call now. While the server is down, one call per pause is let through as a probe."""
        if self._failures == 0:
            return True
        now = self._clock()
        if now < self._closed_at:
            return False
        self._closed_at = now + FIRST_PAUSE_S
        return True

    def succeeded(self) -> None:
        """Record an answer: calls flow again."""
        self._failures = 0

    def failed(self) -> None:
        """Record a failure: the pause doubles with each, up to `LONGEST_PAUSE_S`."""
        self._failures = min(self._failures + 1, 16)
        pause = min(FIRST_PAUSE_S * 2 ** (self._failures - 1), LONGEST_PAUSE_S)
        self._closed_at = self._clock() + pause
