"""One process's own count of what was sent: all there is without Valkey, and what remains of a count when that is lost.

The process does not see the others then: it goes at half the rate, and without bursts.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from konstruct.db.redis import LONGEST_QUEUE_S, PLACE_KEPT_S

FACTOR = 2.0
"""Others may be at work: so many times as slow."""
_REMEMBERED_MAX = 10_000

Name = tuple[str, ...]
"""Ids of ours and of the provider: a tenant, an account, a bucket, a workspace, a channel. Never content."""


class AloneLimits:
    """Bounded: the names used longest ago are forgotten first, unless they are still waiting."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._next: OrderedDict[Name, float] = OrderedDict()
        self._pauses: OrderedDict[Name, float] = OrderedDict()
        self._places: OrderedDict[Name, float] = OrderedDict()

    def paused(self, name: Name) -> float:
        """Return for how many more seconds `name` is paused."""
        return max(0.0, self._pauses.get(name, 0.0) - self._clock())

    def pause(self, name: Name, seconds: float) -> None:
        """Pause `name`; a longer pause that stands is kept."""
        self._keep(self._pauses, name, max(self._pauses.get(name, 0.0), self._clock() + seconds))

    def paused_beside(self, name: Name) -> bool:
        """Whether another name of the same length and with the same beginning is paused."""
        now = self._clock()
        return any(
            until > now and other != name and len(other) == len(name) and other[:-1] == name[:-1]
            for other, until in self._pauses.items()
        )

    def take(self, shared: Name, interval_s: float, channel: Name | None, channel_s: float) -> float:
        """Take one call, or return the seconds until one may be. See `Keyspace.admit`: the same rules, slower."""
        now, spacing = self._clock(), interval_s * FACTOR
        own = channel_s * FACTOR
        if channel is not None and (wait := self._next.get(channel, 0.0) - now) > 0:
            return wait
        place = self._places.get(channel) if channel is not None else None
        if place is not None and place + PLACE_KEPT_S > now:
            assert channel is not None
            if place > now:
                return place - now
            del self._places[channel]
        elif spacing > 0:
            arrival = max(now, self._next.get(shared, 0.0))
            wait = arrival - now
            if wait > 0 and (channel is None or wait >= LONGEST_QUEUE_S):
                return wait
            if not self._keep(self._next, shared, arrival + spacing):
                return spacing
            if wait > 0:
                assert channel is not None
                self._keep(self._places, channel, arrival)
                return wait
        if channel is not None and own > 0 and not self._keep(self._next, channel, now + own):
            return own
        return 0.0

    def note(self, shared: Name, interval_s: float, channel: Name | None, channel_s: float) -> None:
        """Valkey has granted one: should it be lost now, nothing goes faster for that."""
        now, spacing = self._clock(), interval_s * FACTOR
        if spacing > 0:
            self._keep(self._next, shared, now + spacing)
        if channel is not None and channel_s > 0:
            self._keep(self._next, channel, now + channel_s * FACTOR)

    def _keep(self, held: OrderedDict[Name, float], name: Name, until: float) -> bool:
        """Remember `until`; return False if the memory is full of names that still wait."""
        held[name] = until
        held.move_to_end(name)
        now = self._clock()
        while held and next(iter(held.values())) <= now:
            held.popitem(last=False)
        if len(held) <= _REMEMBERED_MAX:
            return True
        # Times differ in length, so some that are over may stand behind one that is not.
        for old in [old for old, end in held.items() if end <= now]:
            del held[old]
        if len(held) <= _REMEMBERED_MAX:
            return True
        del held[name]
        return False
