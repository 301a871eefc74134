"""Ports for servers that tests start: below those that the system gives to connections, which would take one meanwhile."""

from __future__ import annotations

import os
import random

from konstruct.local.ports import is_free

_FIRST, _EACH = 20_000, 2_000
"""Each test process has a stretch of its own."""
_chosen: set[int] = set()


def free_port() -> int:
    """Return a port that nobody listens on, and that no other test of this run is given."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 6
    stretch = range(_FIRST + worker * _EACH, _FIRST + (worker + 1) * _EACH)
    while True:
        # By the system's own chance: tests seed the module's.
        port = random.SystemRandom().choice(stretch)
        if port not in _chosen and is_free(port):
            _chosen.add(port)
            return port
