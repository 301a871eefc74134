"""Wakes the open pages of this process when something changed, and ends them when it stops."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator


class Bell:
    """One listener. It carries no content: who hears it reads the store."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._event = asyncio.Event()

    def ring(self) -> None:
        """Wake the listener, from any thread."""
        # A loop that has ended since has nobody left to wake.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._event.set)

    async def heard(self, timeout_s: float) -> bool:
        """Return True at the next ring since the last call, False after `timeout_s` seconds without one."""
        try:
            await asyncio.wait_for(self._event.wait(), timeout_s)
        except TimeoutError:
            return False
        self._event.clear()
        return True


class Hub:
    """All listeners of this process."""

    def __init__(self) -> None:
        self._bells: set[Bell] = set()
        self.closed = False

    @contextlib.contextmanager
    def listen(self) -> Iterator[Bell]:
        """Yield a bell that hears every ring from now on."""
        bell = Bell()
        self._bells.add(bell)
        try:
            yield bell
        finally:
            self._bells.discard(bell)

    def ring(self) -> None:
        """Wake everybody."""
        for bell in list(self._bells):
            bell.ring()

    def close(self) -> None:
        """Wake everybody for the last time: `closed` tells them to leave."""
        self.closed = True
        self.ring()
