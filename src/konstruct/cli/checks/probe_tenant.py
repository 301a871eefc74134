"""The doctor's own tenant: a business that no real one can meet, made for one check and taken away after it.

Its id begins with PREFIX, which no UUID of ours does (they begin with the time), so that a doctor that was killed leaves
nothing that the next one does not find. It has no member, no key and no secret that opens.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID, uuid4

from konstruct.cli.checks import probe_repository as repository
from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.db.tenant_tables import children_first, tenant_tables
from konstruct.kit.errors import KonstructError
from konstruct.kit.ids import uuid7
from konstruct.tenants import erase_repository, tenants_repository

PREFIX = repository.PREFIX
PASSES = 5
"""A worker may still write for the tenant while it goes: its indexer, the count of its figures."""


@dataclass(frozen=True, slots=True)
class Probe:
    """A probe tenant with a Slack account that no workspace has."""

    scope: TenantScope
    account_id: UUID
    agent_id: UUID
    team: str
    """Its workspace id. Slack's begin with T or E and have no underscore."""


APP = "A_DOCTOR"
"""The Slack app of the probe's account."""


@asynccontextmanager
async def probe_tenant(db: Database) -> AsyncIterator[Probe]:
    """Yield a new probe tenant, and delete it with everything that was stored for it. What killed doctors left goes too."""
    for old in await repository.leftovers(db):
        await _remove(db, old)
    tenant_id = UUID(PREFIX + str(uuid4())[len(PREFIX) :])
    probe = Probe(TenantScope(tenant_id), uuid7(), uuid7(), f"T_DOCTOR_{tenant_id.hex[-12:].upper()}")
    try:
        async with db.fleet("doctor probe") as fleet:
            await tenants_repository.enter(fleet, tenant_id)
        async with db.tenant(probe.scope) as session:
            await tenants_repository.insert_tenant(session, "konstruct doctor")
            await tenants_repository.insert_agent(session, probe.agent_id, "Probe", "A probe of the doctor.", "")
            await repository.insert_account(session, probe.account_id, probe.agent_id, probe.team, APP)
        yield probe
    finally:
        await _remove(db, probe.scope)


async def _remove(db: Database, scope: TenantScope) -> None:
    async with db.fleet("doctor probe") as fleet:
        # From here on nothing works for it any more.
        await erase_repository.mark(fleet, scope.tenant_id)
        shared = [table for table in await tenant_tables(fleet) if table.deletable]
    async with db.tenant(scope) as session:
        tables = children_first(await tenant_tables(session))
    left: list[str] = []
    for _ in range(PASSES):
        async with db.tenant(scope) as session:
            for name in await erase_repository.leftovers(session, tables):
                table = next(table for table in tables if table.name == name)
                if table.deletable:
                    await erase_repository.delete_some(session, table, 10_000)
        async with db.fleet("doctor probe") as fleet:
            await erase_repository.delete_shared(fleet, children_first(shared), scope.tenant_id)
        async with db.tenant(scope) as session:
            left = await erase_repository.leftovers(session, tables)
        if not left:
            return
    raise KonstructError(f"rows of the doctor's own tenant {scope.tenant_id} are left in {', '.join(left)}")
