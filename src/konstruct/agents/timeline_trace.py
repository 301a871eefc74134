"""When things of a turn happen, while it runs. What it holds is written by the transactions that the turn has anyway."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import orjson

from konstruct.agents.ports import Passage
from konstruct.llm.port import LlmError

NOTHING = "[]"
_LONGEST_MS = 2**31 - 1
"""25 days: a turn may be cut off by a suspension, and go on after it."""


class Trace:
    """Moments as milliseconds after the turn was started, across crashes: its start is the database's, the rest is ours."""

    def __init__(self, elapsed_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        """`elapsed_s`: how long ago the turn was started, by the database's clock."""
        self._clock = clock
        self.began = clock() - elapsed_s
        """The moment of the turn's start on the monotonic clock."""
        self._recalls: list[dict[str, Any]] = []
        self._failure: dict[str, Any] | None = None

    def ms(self, moment: float | None = None) -> int:
        """Return how long after the start `moment` of the monotonic clock (now, if None) was; at most what its column holds."""
        return min(_LONGEST_MS, max(0, round(((self._clock() if moment is None else moment) - self.began) * 1000)))

    def recalled(self, started_ms: int, query: str, passages: Sequence[Passage]) -> None:
        """Note what the documents were asked and which passages they gave, without their text: that stays in the documents."""
        self._recalls.append(
            {
                "started_ms": started_ms,
                "ended_ms": self.ms(),
                "query_chars": len(query),
                "passages": [
                    {"rank": rank, "title": passage.title, "chars": len(passage.text), "recorded_at": passage.recorded_at}
                    for rank, passage in enumerate(passages, 1)
                ],
            }
        )

    def failed(self, error: LlmError) -> None:
        """Note why no model answered; an error's text holds neither prompt nor answer."""
        self._failure = {"kind": error.kind, "status": error.status, "text": str(error)[:500]}

    @property
    def recalls(self) -> str:
        """The recalls that are not stored yet, as a JSON array."""
        return orjson.dumps(self._recalls).decode()

    @property
    def failure(self) -> str | None:
        """Why no model answered, as a JSON object; None if one did."""
        return None if self._failure is None else orjson.dumps(self._failure).decode()

    def stored(self) -> None:
        """Forget the recalls that a transaction has committed."""
        self._recalls.clear()
