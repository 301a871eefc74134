"""How many requests a key may make: counted in Redis for all processes, and without it in this one."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from konstruct.db.redis import Redis, RedisUnavailableError
from konstruct.db.scope import TenantScope

RATE_PER_S = 20.0
BURST = 100
ALONE_FACTOR = 2.0
"""Without Redis a process does not see the others: it lets half as many through."""
_REMEMBERED_MAX = 10_000


@dataclass(frozen=True, slots=True)
class Allowance:
    """What is left to a key. `wait_s` is 0 if the request may be made, else the seconds until one may."""

    wait_s: float
    left: int

    def headers(self) -> dict[str, str]:
        """Return what the caller is told, as in draft-ietf-httpapi-ratelimit-headers-10."""
        full_s = math.ceil((BURST - self.left) / RATE_PER_S)
        told = {
            "RateLimit-Policy": f'"key";q={BURST};w={math.ceil(BURST / RATE_PER_S)}',
            "RateLimit": f'"key";r={self.left};t={max(1, full_s)}',
        }
        return told | ({"Retry-After": str(max(1, math.ceil(self.wait_s)))} if self.wait_s else {})


class KeyLimits:
    """Counts the requests of each key."""

    def __init__(self, redis: Redis, clock: Callable[[], float] = time.monotonic) -> None:
        self._redis = redis
        self._clock = clock
        self._full_at: OrderedDict[UUID, float] = OrderedDict()
        """When each key of this process will have its whole burst again."""

    async def draw(self, scope: TenantScope, key_id: UUID) -> Allowance:
        """Count a request of the key; return what is left to it."""
        try:
            return Allowance(*await self._redis.tenant(scope).draw("api", str(key_id), rate_per_s=RATE_PER_S, burst=BURST))
        except RedisUnavailableError:
            return self._draw_alone(key_id)

    def _draw_alone(self, key_id: UUID) -> Allowance:
        now, interval = self._clock(), ALONE_FACTOR / RATE_PER_S
        burst = int(BURST / ALONE_FACTOR)
        full_at = max(now, self._full_at.pop(key_id, now))
        wait = full_at - (burst - 1) * interval - now
        # Rounding must not keep a key waiting for no time at all.
        if wait > 1e-9:
            self._full_at[key_id] = full_at
            return Allowance(wait, 0)
        self._full_at[key_id] = full_at + interval
        while len(self._full_at) > _REMEMBERED_MAX:
            self._full_at.popitem(last=False)
        return Allowance(0.0, max(0, int(burst - (full_at + interval - now) / interval + 1e-9)))
