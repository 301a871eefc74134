"""How often somebody may ask to sign in, by where they ask from. The limit per member is in `tenants/sign_in.py`."""

from __future__ import annotations

import hashlib
import time
from collections import deque
from collections.abc import Callable

from konstruct.db.redis import Redis, RedisUnavailableError

TRIES = 30
WITHIN_S = 600.0
"""Requests from one address in this time: an office behind one address gets in, a list of addresses is not tried."""
ALONE_TRIES = 300
"""Without Redis a process counts for itself, all addresses together, and forgets nothing it would need."""


class EntranceLimits:
    """Counts attempts per address in Redis; without it, this process's own for all addresses."""

    def __init__(self, redis: Redis, clock: Callable[[], float] = time.monotonic) -> None:
        self._redis = redis
        self._clock = clock
        self._own: deque[float] = deque(maxlen=ALONE_TRIES)

    async def allows(self, address: str) -> bool:
        """Count an attempt from `address`; return whether it may be made."""
        # The address itself is kept nowhere.
        name = hashlib.sha256(address.encode()).hexdigest()[:32]
        try:
            wait = await self._redis.platform().take("entrance", name, rate_per_s=TRIES / WITHIN_S, burst=TRIES)
        except RedisUnavailableError:
            return self._allows_alone()
        return wait == 0

    def _allows_alone(self) -> bool:
        now = self._clock()
        if len(self._own) == ALONE_TRIES and now - self._own[0] < WITHIN_S:
            return False
        self._own.append(now)
        return True
