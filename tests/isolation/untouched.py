"""A tenant's rows and keys, byte for byte, to be compared before and after what others do."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import redis.asyncio as plain_redis

from konstruct.db.scope import TenantScope
from konstruct.kit.settings import Settings
from tests.support.house import House
from tests.tenants.filled import Overview

# A worker looks after all tenants. This one has nothing to do, so that whatever changes here was done to it by another.
_ASLEEP = (
    "UPDATE tenant_jobs SET due_at = now() + interval '1 day' WHERE tenant_id = $1",
    "UPDATE dedupe_keys SET seen_at = now() - interval '1 hour' WHERE tenant_id = $1",
    "UPDATE search_progress SET due_at = now() + interval '1 day' WHERE tenant_id = $1",
    "UPDATE document_jobs SET claimed_until = now() + interval '1 day' WHERE tenant_id = $1",
    "UPDATE tenant_health SET tried_at = now() + interval '1 day' WHERE tenant_id = $1",
)


async def fall_asleep(house: House, scope: TenantScope) -> None:
    """Let nothing of the tenant be due today."""
    async with house.db.tenant(scope) as session:
        for statement in _ASLEEP:
            await session.execute(statement, scope.tenant_id)
    await keep_keys(house.settings, scope)


async def keep_keys(settings: Settings, scope: TenantScope) -> None:
    """Let none of the tenant's keys run out by itself: rate limits do within a second."""
    assert settings.redis_url
    client = plain_redis.Redis.from_url(settings.redis_url.get_secret_value())
    for key in [key async for key in client.scan_iter(f"*{scope.tenant_id}*")]:
        await client.persist(key)
    await client.aclose()


@dataclass(frozen=True, slots=True)
class Untouched:
    """Looks at everything that belongs to one tenant."""

    view: Overview
    settings: Settings
    scope: TenantScope

    async def take(self) -> dict[str, str]:
        """Return a checksum of each table's rows of the tenant, its keys in Valkey, and its entry of the key ring."""
        return {**await self.view.checksums(self.scope), **await self._keys(), "the key ring": self._ring()}

    async def _keys(self) -> dict[str, str]:
        assert self.settings.redis_url
        client = plain_redis.Redis.from_url(self.settings.redis_url.get_secret_value())
        try:
            keys = sorted([key async for key in client.scan_iter(f"*{self.scope.tenant_id}*")])
            return {f"key {key!r}": f"{await client.dump(key)!r} until {await client.pexpiretime(key)}" for key in keys}
        finally:
            await client.aclose()

    def _ring(self) -> str:
        ring = json.loads(Path(str(self.settings.keyring)).read_text())
        return json.dumps(ring["tenants"][str(self.scope.tenant_id)])


def differences(before: dict[str, str], after: dict[str, str]) -> list[str]:
    """Return the names of what is not as before."""
    return sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
