"""Time that passes for the limits, without anybody waiting for it."""

from __future__ import annotations

import redis.asyncio

from konstruct.db.scope import TenantScope
from tests.support.house import House


async def pass_time(house: House, scope: TenantScope, seconds: float) -> None:
    """Let everything that was counted or held for the tenant, in Valkey and in the sender's own memory, be so much older."""
    alone = house.sends._limits._alone
    for held in (alone._next, alone._pauses, alone._places):
        for name, until in held.items():
            held[name] = until - seconds
    assert house.settings.redis_url
    client = redis.asyncio.Redis.from_url(house.settings.redis_url.get_secret_value(), decode_responses=True)
    try:
        for key in map(str, await client.keys(f"k1:{{{scope.tenant_id}}}:*")):
            domain = key.split(":")[2]
            left_ms = await client.pttl(key) - round(seconds * 1000)
            if left_ms <= 0:
                await client.delete(key)
            elif domain.startswith("send"):
                await client.set(key, int(str(await client.get(key))) - round(seconds * 1_000_000), px=left_ms)
            else:
                await client.pexpire(key, left_ms)
    finally:
        await client.aclose()
