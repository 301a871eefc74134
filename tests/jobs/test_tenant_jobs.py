"""Jobs of tenants are claimed from each tenant in turn: what one asks for in great numbers does not hold up the others."""

from __future__ import annotations

from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.jobs import tenant_jobs
from konstruct.kit.ids import uuid7


async def test_a_flood_of_one_tenant_is_its_own(db: Database, tenants: tuple[TenantScope, TenantScope]) -> None:
    await db.fleet_fetch("test", "DELETE FROM tenant_jobs WHERE kind = 'channel_event'")
    busy, quiet = tenants
    async with db.tenant(busy) as session:
        for _ in range(30):
            await tenant_jobs.ask(session, busy, "channel_event", uuid7())
    async with db.tenant(quiet) as session:
        for _ in range(2):
            await tenant_jobs.ask(session, quiet, "channel_event", uuid7())
    first = await tenant_jobs.claim(db, "channel_event", 4)
    assert sorted(job.scope == quiet for job in first) == [False, False, True, True]
    second = await tenant_jobs.claim(db, "channel_event", 40)
    assert len(second) == 28 and {job.scope for job in second} == {busy}
    assert await tenant_jobs.claim(db, "channel_event", 40) == []
