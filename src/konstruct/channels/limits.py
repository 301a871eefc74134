"""How fast we may send: one message a second and channel, and the pauses a provider asked for; shared by all workers."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from uuid import UUID

from konstruct.db.redis import Redis, RedisUnavailableError
from konstruct.db.scope import TenantScope

RATE_PER_S = 1.0
"""Messages a second and channel. Source: Slack, chat.postMessage, "Rate limiting"; WhatsApp allows more."""

BURST = 1
ALONE_FACTOR = 2.0
"""Without Redis a worker does not see the others: it goes at half the rate."""

PAUSE_MAX_S = 3600.0
_REMEMBERED_MAX = 10_000

_Name = tuple[UUID, UUID, str]


class SendLimits:
    """Says when a message may be sent. Without Redis it falls back to this process's own, slower count."""

    def __init__(self, redis: Redis, clock: Callable[[], float] = time.monotonic) -> None:
        self._redis = redis
        self._local = _LocalLimits(clock)

    async def acquire(self, scope: TenantScope, account_id: UUID, channel_id: str) -> float:
        """Return 0 if a message may go to the channel now (it is then counted), else the seconds to wait before asking again."""
        account, channel = _names(scope, account_id, channel_id)
        paused = max(self._local.paused(account), self._local.paused(channel))
        if paused > 0:
            return paused
        keys, part = self._redis.tenant(scope), str(account_id)
        try:
            paused = await keys.held("pause", (part,), (part, channel_id))
            wait = paused or await keys.take("send", part, channel_id, rate_per_s=RATE_PER_S, burst=BURST)
        except RedisUnavailableError:
            return self._local.take(channel)
        if wait == 0:
            self._local.note(channel)
        return wait

    async def pause(self, scope: TenantScope, account_id: UUID, channel_id: str | None, seconds: float) -> None:
        """Let nothing go to the channel (None: to the whole account) for `seconds`, as a provider's Retry-After asks."""
        seconds = min(seconds, PAUSE_MAX_S)
        if not seconds > 0:
            return
        account, channel = _names(scope, account_id, channel_id or "")
        self._local.pause(account if channel_id is None else channel, seconds)
        name = (str(account_id),) if channel_id is None else (str(account_id), channel_id)
        try:
            await self._redis.tenant(scope).hold("pause", *name, seconds=seconds)
        except RedisUnavailableError:
            return  # Kept for this process above; the others meet the provider's own refusal.


def _names(scope: TenantScope, account_id: UUID, channel_id: str) -> tuple[_Name, _Name]:
    return (scope.tenant_id, account_id, ""), (scope.tenant_id, account_id, channel_id)


class _LocalLimits:
    """This process's own count, bounded: the names used longest ago are forgotten first, unless they are still waiting."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._next: OrderedDict[_Name, float] = OrderedDict()
        self._pauses: OrderedDict[_Name, float] = OrderedDict()

    def paused(self, name: _Name) -> float:
        return max(0.0, self._pauses.get(name, 0.0) - self._clock())

    def pause(self, name: _Name, seconds: float) -> None:
        until = max(self._pauses.get(name, 0.0), self._clock() + seconds)
        self._keep(self._pauses, name, until)

    def take(self, name: _Name) -> float:
        now = self._clock()
        wait = self._next.get(name, 0.0) - now
        if wait > 0:
            return wait
        if not self._keep(self._next, name, now + ALONE_FACTOR / RATE_PER_S):
            return ALONE_FACTOR / RATE_PER_S
        return 0.0

    def note(self, name: _Name) -> None:
        self._keep(self._next, name, self._clock() + ALONE_FACTOR / RATE_PER_S)

    def _keep(self, held: OrderedDict[_Name, float], name: _Name, until: float) -> bool:
        """Remember `until`; return False if the memory is full of names that still wait."""
        held[name] = until
        held.move_to_end(name)
        now = self._clock()
        while held and next(iter(held.values())) <= now:
            held.popitem(last=False)
        if len(held) <= _REMEMBERED_MAX:
            return True
        # Pauses differ in length, so some that are over may stand behind one that is not.
        for old in [old for old, end in held.items() if end <= now]:
            del held[old]
        if len(held) <= _REMEMBERED_MAX:
            return True
        del held[name]
        return False
