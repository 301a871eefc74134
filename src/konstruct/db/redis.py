"""Redis (or Valkey) behind a tenant's scope: short-lived counters, limits and pauses, never the truth.

Without it, or when it fails, every call raises RedisUnavailableError quickly and the caller goes on without.
"""

from __future__ import annotations

import asyncio
import math
import re
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, TypeVar

import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from konstruct.db.circuit import Circuit
from konstruct.db.scope import TenantScope
from konstruct.kit.errors import KonstructError, SettingsError
from konstruct.kit.settings import Settings

T = TypeVar("T")

SOCKET_TIMEOUT_S = 0.25
"""Redis is near; who waits longer for it is better off without."""

_CONNECTIONS = 32
_SCAN_STEP = 1000
SURVEY_STEPS = 100
"""Steps of a survey: about 100,000 keys, more than a busy installation has, and a second at most."""
_PLACE = re.compile(r"k1:\{(?:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|platform)\}:")
"""How a key begins."""
_DOMAIN = re.compile(r"[a-z][a-z0-9_]{0,31}", re.ASCII)
_PART_MAX = 200
_EXPIRY_MAX_S = 32 * 24 * 3600.0

_INCR: Final = """
local count = redis.call('INCR', KEYS[1])
if count == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return count
"""
_HOLD: Final = """
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[1]) then redis.call('SET', KEYS[1], '1', 'PX', ARGV[1]) end
return 1
"""
_HELD: Final = """
local longest = 0
for _, key in ipairs(KEYS) do longest = math.max(longest, redis.call('PTTL', key)) end
return longest
"""
_TAKE: Final = """
local interval, tolerance = tonumber(ARGV[1]), tonumber(ARGV[2])
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local arrival = tonumber(redis.call('GET', KEYS[1]) or '') or now
arrival = math.max(now, math.min(arrival, now + tolerance + interval))
local wait = arrival - tolerance - now
if wait > 0 then return math.ceil(wait) end
arrival = arrival + interval
redis.call('SET', KEYS[1], string.format('%.0f', arrival), 'PX', math.ceil((arrival - now) / 1000) + 1)
return -math.floor((now + tolerance - arrival) / interval) - 1
"""

# A count that is not known (new, or lost with a server's memory) has earned no burst. `place`: the moment that a channel was
# given in the queue for the shared rate; it is kept a while for whoever comes for it late.
_ADMIT: Final = """
local wait = 0
for i = 4, #KEYS do wait = math.max(wait, redis.call('PTTL', KEYS[i]) * 1000) end
if wait > 0 then return wait end
local interval, tolerance, own = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local placed, longest, kept = ARGV[4] == '1', tonumber(ARGV[5]), tonumber(ARGV[6])
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
if own > 0 then
  wait = math.min(tonumber(redis.call('GET', KEYS[2]) or '') or now, now + own) - now
  if wait > 0 then return math.ceil(wait) end
end
if interval == 0 then placed = false end
local place = nil
if placed then place = tonumber(redis.call('GET', KEYS[3]) or '') end
if place then
  wait = math.min(place - now, longest)
  if wait > 0 then return math.ceil(wait) end
  redis.call('DEL', KEYS[3])
elseif interval > 0 then
  local arrival = tonumber(redis.call('GET', KEYS[1]) or '') or now + tolerance
  arrival = math.max(now, math.min(arrival, now + tolerance + longest))
  wait = arrival - tolerance - now
  if wait > 0 and (not placed or wait >= longest) then return math.ceil(wait) end
  local until_ms = math.ceil((arrival + interval - now) / 1000)
  redis.call('SET', KEYS[1], string.format('%.0f', arrival + interval), 'PX', math.max(until_ms, 3600000))
  if wait > 0 then
    redis.call('SET', KEYS[3], string.format('%.0f', now + wait), 'PX', math.ceil(wait / 1000) + kept)
    return math.ceil(wait)
  end
end
if own > 0 then redis.call('SET', KEYS[2], string.format('%.0f', now + own), 'PX', math.ceil(own / 1000) + 1) end
return 0
"""
LONGEST_QUEUE_S = 60.0
"""For a place further behind than this nobody queues: it is asked for again."""
PLACE_KEPT_S = 30.0


class RedisUnavailableError(KonstructError):
    """Redis is not set, did not answer in time, or refused. Go on without it."""


@dataclass(frozen=True, slots=True)
class Survey:
    """What the keys of the whole database look like."""

    seen: int
    foreign: int
    """Keys under no tenant and not under the platform."""
    whole: bool
    """Whether every key was looked at."""


class Redis:
    """The process's connections. `tenant(scope)` and `platform()` are the only ways to a key."""

    def __init__(
        self, url: str | None, *, timeout_s: float = SOCKET_TIMEOUT_S, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._circuit = Circuit(clock)
        # A place in the pool, a connection and an answer may take one time-out each.
        self._call_timeout_s = 3 * timeout_s
        self._client = None if url is None else _client(url, timeout_s)
        scripts = (_INCR, _HOLD, _HELD, _TAKE, _ADMIT)
        self._scripts = {} if self._client is None else {text: self._client.register_script(text) for text in scripts}
        self._under_way: set[asyncio.Future[Any]] = set()

    @classmethod
    def open(cls, settings: Settings) -> Redis:
        """Return a client for the address in `settings`; nothing is connected yet. Without an address every call is refused.

        Raises SettingsError for an address that cannot be read.
        """
        return cls(None if settings.redis_url is None else settings.redis_url.get_secret_value())

    def tenant(self, scope: TenantScope) -> TenantRedis:
        """Return the keys of one tenant."""
        return TenantRedis(self, scope)

    def platform(self) -> PlatformRedis:
        """Return the keys that belong to no tenant; they hold ids and counts, never content."""
        return PlatformRedis(self)

    @property
    def is_set(self) -> bool:
        """Whether there is an address at all."""
        return self._client is not None

    async def ping(self) -> None:
        """Raise RedisUnavailableError unless the server answers."""
        await self._call(lambda client: client.ping())

    async def survey(self, steps: int = SURVEY_STEPS) -> Survey:
        """Return whether every key has its place, in at most `steps` steps of about a thousand keys. Reads no value."""
        seen, foreign, cursor = 0, 0, 0
        for _ in range(steps):
            cursor, keys = await self._call(partial(_scan, cursor=cursor, pattern="*"))
            seen += len(keys)
            foreign += sum(_PLACE.match(key) is None for key in keys)
            if cursor == 0:
                break
        return Survey(seen, foreign, cursor == 0)

    async def close(self) -> None:
        """Close the connections, once the calls that nobody waits for any more have ended."""
        if self._client is not None:
            await asyncio.gather(*self._under_way, return_exceptions=True)
            await self._client.aclose()

    async def _script(self, text: str, keys: list[str], *args: int) -> int:
        return int(await self._call(lambda _: self._scripts[text](keys=keys, args=list(args))))

    async def _call(self, command: Callable[[Any], Awaitable[T]]) -> T:
        if self._client is None:
            raise RedisUnavailableError("KONSTRUCT_REDIS_URL is not set")
        if not self._circuit.allows():
            raise RedisUnavailableError("the Redis of KONSTRUCT_REDIS_URL failed a moment ago")
        # A call is never cancelled: redis-py loses a place of its pool for good if that happens while it gives the connection
        # back. Whoever leaves early leaves the call to its own time-outs, and no connection with an answer still to be read.
        call = asyncio.ensure_future(command(self._client))
        self._under_way.add(call)
        call.add_done_callback(self._ended)
        done, _ = await asyncio.wait({call}, timeout=self._call_timeout_s)
        try:
            if not done:
                raise TimeoutError
            answer = call.result()
        except (RedisError, OSError) as error:
            self._circuit.failed()
            # The error's own text may name the address.
            raise RedisUnavailableError(f"the Redis of KONSTRUCT_REDIS_URL failed: {type(error).__name__}") from None
        self._circuit.succeeded()
        return answer

    def _ended(self, call: asyncio.Future[Any]) -> None:
        self._under_way.discard(call)
        if not call.cancelled():
            # Asked for, so that an error which nobody waits for any more is not reported as lost.
            call.exception()


class _Keyspace:
    """Typed commands on keys with one prefix. `domain` says what a key is for; `name` is one part or several."""

    __slots__ = ("_prefix", "_redis")

    def __init__(self, owner: Redis, braced: str) -> None:
        self._redis = owner
        # The braces are literal: Redis hashes what they hold, so a tenant's keys share one slot of a cluster.
        self._prefix = f"k1:{{{braced}}}:"

    def key(self, domain: str, *name: str) -> str:
        """Return the full key. Raises ValueError for a domain or a part that could reach out of its place."""
        if not _DOMAIN.fullmatch(domain) or not name:
            raise ValueError("a key needs a domain of [a-z0-9_] and a name")
        return self._prefix + ":".join((domain, *(_part(part) for part in name)))

    async def get(self, domain: str, *name: str) -> str | None:
        """Return the value, None if there is none."""
        key = self.key(domain, *name)
        value: str | None = await self._redis._call(lambda client: client.get(key))
        return value

    async def set(self, domain: str, *name: str, value: str, expiry_s: float) -> None:
        """Store `value` for `expiry_s` seconds."""
        key, millis = self.key(domain, *name), _millis(expiry_s)
        await self._redis._call(lambda client: client.set(key, value, px=millis))

    async def incr(self, domain: str, *name: str, expiry_s: float) -> int:
        """Add one and return the count, which starts again `expiry_s` seconds after its first."""
        return await self._redis._script(_INCR, [self.key(domain, *name)], _millis(expiry_s))

    async def delete(self, domain: str, *name: str) -> bool:
        """Remove the key; return whether it was there."""
        key = self.key(domain, *name)
        count: int = await self._redis._call(lambda client: client.delete(key))
        return count > 0

    async def hold(self, domain: str, *name: str, seconds: float) -> None:
        """Hold the name for `seconds` from now; a longer hold that stands is kept."""
        await self._redis._script(_HOLD, [self.key(domain, *name)], _millis(seconds))

    async def held(self, domain: str, *names: tuple[str, ...]) -> float:
        """Return for how many more seconds the longest-held of `names` is held, 0 for none."""
        return await self._redis._script(_HELD, [self.key(domain, *name) for name in names]) / 1000

    async def take(self, domain: str, *name: str, rate_per_s: float, burst: int) -> float:
        """Take one from a limit of `rate_per_s` with `burst` at once (GCRA, by the server's clock).

        Returns 0 if it was taken, else the seconds until it may be; then nothing was taken.
        """
        return (await self.draw(domain, *name, rate_per_s=rate_per_s, burst=burst))[0]

    async def draw(self, domain: str, *name: str, rate_per_s: float, burst: int) -> tuple[float, int]:
        """Take one as `take` does; return also how many more may be taken at this moment."""
        if not (rate_per_s > 0 and math.isfinite(rate_per_s)) or burst < 1:
            raise ValueError("a limit needs a rate above 0 and a burst of 1 or more")
        interval = max(1, round(1_000_000 / rate_per_s))
        answer = await self._redis._script(_TAKE, [self.key(domain, *name)], interval, interval * (burst - 1))
        return (answer / 1_000_000, 0) if answer > 0 else (0.0, -answer)

    async def admit(
        self,
        domain: str,
        *,
        shared: tuple[str, ...],
        interval_s: float,
        burst: int,
        own: tuple[str, ...] | None,
        own_interval_s: float,
        pauses: Sequence[tuple[str, ...]],
    ) -> float:
        """Take one call from a rate that several share and, for `own`, from its own; both or none. By the server's clock.

        Returns 0 if it was taken, else the seconds until it is worth asking again. An interval of 0 is no limit. Whoever has to
        wait for the shared rate keeps a place in its queue: one place for each `own`. While one of `pauses` is held, nothing
        is taken.
        """
        if not (0 <= interval_s < math.inf and 0 <= own_interval_s < math.inf) or burst < 1:
            raise ValueError("a limit needs intervals of 0 seconds or more and a burst of 1 or more")
        interval, own_name = round(interval_s * 1_000_000), own or shared
        keys = [self.key(domain, *shared), self.key(f"{domain}_own", *own_name), self.key(f"{domain}_place", *own_name)]
        answer = await self._redis._script(
            _ADMIT,
            [*keys, *(self.key("pause", *name) for name in pauses)],
            interval,
            interval * (burst - 1),
            0 if own is None else round(own_interval_s * 1_000_000),
            0 if own is None else 1,
            round(LONGEST_QUEUE_S * 1_000_000),
            round(PLACE_KEPT_S * 1000),
        )
        return answer / 1_000_000


class TenantRedis(_Keyspace):
    """One tenant's keys: `k1:{<tenant>}:<domain>:<name>`."""

    __slots__ = ()

    def __init__(self, owner: Redis, scope: TenantScope) -> None:
        super().__init__(owner, str(scope.tenant_id))

    async def purge(self) -> int:
        """Delete every key of the tenant, in small steps; return how many. It goes over the whole server once."""
        gone, cursor = 0, 0
        while True:
            # A UUID has nothing that a pattern would take for more than itself; braces stand for themselves.
            cursor, keys = await self._redis._call(partial(_scan, cursor=cursor, pattern=f"{self._prefix}*"))
            if keys:
                gone += await self._redis._call(partial(_unlink, keys=keys))
            if cursor == 0:
                return gone


class PlatformRedis(_Keyspace):
    """Keys without a tenant: `k1:{platform}:<domain>:<name>`."""

    __slots__ = ()

    def __init__(self, owner: Redis) -> None:
        super().__init__(owner, "platform")


async def _scan(client: redis.asyncio.Redis, *, cursor: int, pattern: str) -> tuple[int, list[str]]:
    found, keys = await client.scan(cursor, match=pattern, count=_SCAN_STEP)
    return int(found), [str(key) for key in keys]


async def _unlink(client: redis.asyncio.Redis, *, keys: list[str]) -> int:
    return int(await client.unlink(*keys))


def _client(url: str, timeout_s: float) -> redis.asyncio.Redis:
    try:
        pool = redis.asyncio.BlockingConnectionPool.from_url(
            url,
            max_connections=_CONNECTIONS,
            timeout=timeout_s,
            socket_timeout=timeout_s,
            socket_connect_timeout=timeout_s,
            retry=Retry(NoBackoff(), 0),
            decode_responses=True,
            encoding_errors="replace",
            protocol=2,
        )
    except ValueError:
        raise SettingsError("KONSTRUCT_REDIS_URL is wrong: it must look like redis://host:6379/0") from None
    return redis.asyncio.Redis.from_pool(pool)


def _part(part: str) -> str:
    """A part of a name, its colons escaped, so that two names never meet in one key."""
    if not part or len(part) > _PART_MAX or not part.isprintable() or any(char in "{} " or char.isspace() for char in part):
        raise ValueError("a key's part must be 1 to 200 printable characters without blanks and braces")
    return part.replace("%", "%25").replace(":", "%3A")


def _millis(seconds: float) -> int:
    if not 0 < seconds <= _EXPIRY_MAX_S:
        raise ValueError("an expiry must be above 0 and at most 32 days")
    return max(1, math.ceil(seconds * 1000))
