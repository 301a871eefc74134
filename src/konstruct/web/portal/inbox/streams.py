"""How many live pages this process serves, and the end of all of them when it stops."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator
from uuid import UUID

from fastapi import Request

MOST = 300
MOST_OF_ONE = 12
"""Of one member: a browser opens six at most, and somebody may use two."""


class Streams:
    """Counts the open streams. It keeps nothing of what they show."""

    def __init__(self, most: int = MOST, most_of_one: int = MOST_OF_ONE) -> None:
        self._most = most
        self._most_of_one = most_of_one
        self._open: Counter[UUID] = Counter()
        self.closed = False

    def full(self, member_id: UUID) -> bool:
        """Return whether this member has to wait for another stream to end."""
        return self.closed or self._open.total() >= self._most or self._open[member_id] >= self._most_of_one

    @contextlib.contextmanager
    def hold(self, member_id: UUID) -> Iterator[None]:
        """Count a stream for as long as the block lasts."""
        self._open[member_id] += 1
        try:
            yield
        finally:
            self._open[member_id] -= 1
            if not self._open[member_id]:
                del self._open[member_id]

    def close(self) -> None:
        """End every stream within a second: a server that waits for them would never stop."""
        self.closed = True


def streams_of(request: Request) -> Streams:
    """Return the streams of the process that serves `request`."""
    state = request.app.state
    if not hasattr(state, "streams"):
        state.streams = Streams()
    streams: Streams = state.streams
    return streams
