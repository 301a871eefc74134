"""How fast a number may send: messages a second, and one message in six seconds to each person."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from konstruct.local.sandbox.meta.errors import GraphError

PER_S = {"STANDARD": 80, "HIGH": 1000, "COEXISTENCE": 20}
"""Messages a second by the level of a number's throughput."""
PAIR_S = 6.0
SLACK_S = 0.5
"""By how much two clocks may differ: a message after 5.5 seconds passes."""


class Pace:
    """Counts what was accepted. `clock` returns seconds that only grow."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._numbers: dict[str, deque[float]] = {}
        self._pairs: dict[tuple[str, str], float] = {}

    def take(self, phone_number_id: str, level: str, phone_id: str) -> None:
        """Count a message. Raises GraphError 130429 or 131056, uncounted."""
        now = self._clock()
        recent = self._numbers.setdefault(phone_number_id, deque())
        while recent and recent[0] <= now - 1.0:
            recent.popleft()
        if len(recent) >= PER_S.get(level, PER_S["STANDARD"]):
            raise GraphError(130429)
        pair = (phone_number_id, phone_id)
        if now - self._pairs.get(pair, now - PAIR_S) < PAIR_S - SLACK_S:
            raise GraphError(131056)
        recent.append(now)
        self._pairs[pair] = now

    def forget(self) -> None:
        """Forget everything that was counted."""
        self._numbers.clear()
        self._pairs.clear()
