"""How fast we may call: the rates of each method and channel, and the pauses a provider asked for; shared by all workers.

Among the channels of a workspace it is fair: one that has to wait for the workspace's rate gets a place in its queue, one
place a channel. However much one channel has to say, each other waits for one message of it, not for all of them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from uuid import UUID

from konstruct.channels.limits_alone import AloneLimits, Name
from konstruct.channels.rates import CAREFUL, UNNAMED, Rate
from konstruct.db.redis import Redis, RedisUnavailableError
from konstruct.db.scope import TenantScope

PAUSE_MAX_S = 3600.0
_NO_WORKSPACE = "-"


class SendLimits:
    """Says when a call may be made. Without Redis it falls back to this process's own, slower count.

    `rates` are those of all the channels there are, by method.
    """

    def __init__(self, redis: Redis, rates: Mapping[str, Rate] = CAREFUL, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._redis = redis
        self._rates = {**CAREFUL, **rates}
        self._alone = AloneLimits(clock)

    async def take(
        self, scope: TenantScope, account_id: UUID, method: str, *, channel_id: str | None = None, workspace: str | None = None
    ) -> float:
        """Return 0 if `method` may be called now (it is then counted), else the seconds to wait before asking again.

        `channel_id`: what the call is about, where a channel's own rate counts or channels should have equal shares.
        `workspace`: the team, of an account that has several; each has limits of its own.
        """
        rate, place = self._rate(method), _Place.of(scope, account_id, self._bucket(method), workspace, channel_id)
        held = max(self._alone.paused(name) for name in place.pausing)
        if held > 0:
            return held
        own_s = 0.0 if channel_id is None else rate.spacing_s
        try:
            wait = await self._redis.tenant(scope).admit(
                "send",
                shared=place.shared[1:],
                interval_s=rate.interval_s,
                burst=rate.burst,
                own=None if place.channel is None else place.channel[1:],
                own_interval_s=own_s,
                pauses=[name[1:] for name in place.pausing],
            )
        except RedisUnavailableError:
            return self._alone.take(place.shared, rate.interval_s, place.channel, own_s)
        if wait == 0:
            self._alone.note(place.shared, rate.interval_s, place.channel, own_s)
        return wait

    def kept(self, method: str) -> Rate | None:
        """Return the rate that PostgreSQL has to hold for `method`, None if this count is enough."""
        rate = self._rate(method)
        return rate if rate.kept else None

    async def pause(
        self,
        scope: TenantScope,
        account_id: UUID,
        seconds: float,
        *,
        method: str | None = None,
        channel_id: str | None = None,
        workspace: str | None = None,
        alone: bool = False,
    ) -> None:
        """Let no such call be made for `seconds`, as a provider's Retry-After asks. Without a method: none of the account.

        With a channel, the method rests for that channel alone; but if a second channel is told to wait meanwhile, it was
        the workspace's rate that is used up, and the method rests for all of them. `alone`: the provider has said that it is
        the channel's.
        """
        seconds = min(seconds, PAUSE_MAX_S)
        if not seconds > 0:
            return
        account: Name = (str(scope.tenant_id), str(account_id))
        if method is None:
            await self._pause(scope, account, seconds)
            return
        place = _Place.of(scope, account_id, self._bucket(method), workspace, channel_id)
        if place.channel is None:
            await self._pause(scope, place.shared, seconds)
            return
        if not alone and await self._second_channel(scope, place, seconds):
            await self._pause(scope, place.shared, seconds)
        await self._pause(scope, place.channel, seconds)

    async def _pause(self, scope: TenantScope, name: Name, seconds: float) -> None:
        self._alone.pause(name, seconds)
        try:
            await self._redis.tenant(scope).hold("pause", *name[1:], seconds=seconds)
        except RedisUnavailableError:
            return  # Kept for this process above; the others meet the provider's own refusal.

    async def _second_channel(self, scope: TenantScope, place: _Place, seconds: float) -> bool:
        assert place.channel is not None
        keys, channel_id = self._redis.tenant(scope), place.channel[-1]
        try:
            known = await keys.get("limited", *place.shared[1:])
            await keys.set("limited", *place.shared[1:], value=channel_id, expiry_s=seconds)
        except RedisUnavailableError:
            known = None
        return known not in (None, channel_id) or self._alone.paused_beside(place.channel)

    def _rate(self, method: str) -> Rate:
        # A channel's own posts are `<kind>.post`; where its table does not name them, whatever holds for posts.
        return self._rates.get(method) or self._rates.get(method.rpartition(".")[2]) or UNNAMED

    def _bucket(self, method: str) -> str:
        return self._rate(method).bucket or method


class _Place:
    """The names of what one call is counted under."""

    __slots__ = ("channel", "pausing", "shared")

    def __init__(self, account: Name, shared: Name, channel: Name | None) -> None:
        self.shared = shared
        self.channel = channel
        self.pausing = [account, shared] if channel is None else [account, shared, channel]

    @classmethod
    def of(cls, scope: TenantScope, account_id: UUID, bucket: str, workspace: str | None, channel_id: str | None) -> _Place:
        account = (str(scope.tenant_id), str(account_id))
        shared = (*account, bucket, workspace or _NO_WORKSPACE)
        return cls(account, shared, None if channel_id is None else (*shared, channel_id))
