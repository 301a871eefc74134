"""SQL of erasing: a tenant's rows in any table, a step at a time, and its place in the directory."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from konstruct.db.session import FleetSession, TenantSession
from konstruct.db.tenant_tables import TenantTable


async def mark(session: FleetSession, tenant_id: UUID) -> bool:
    """Set the tenant's last status: ingest, claims, sends and sessions end at once. False if there is no such tenant."""
    sql = "UPDATE tenant_directory SET status = 'erasing', status_changed_at = now() WHERE tenant_id = $1 AND status <> 'erasing'"
    if await session.execute(sql, tenant_id):
        return True
    return bool(await session.fetchval("SELECT 1 FROM tenant_directory WHERE tenant_id = $1", tenant_id))


async def status(session: FleetSession, tenant_id: UUID) -> str | None:
    """Return the tenant's status, or None if it is in the directory no more."""
    found: str | None = await session.fetchval("SELECT status FROM tenant_directory WHERE tenant_id = $1", tenant_id)
    return found


async def delete_some(session: TenantSession, table: TenantTable, limit: int) -> int:
    """Delete up to `limit` of the tenant's rows; return how many. Names are the catalogue's."""
    if not table.key:
        return await session.execute(f"DELETE FROM {table.quoted} WHERE tenant_id = $1", session.scope.tenant_id)
    key = ", ".join(table.key)
    same = " AND ".join(f"t.{column} = d.{column}" for column in table.key)
    return await session.execute(
        f"DELETE FROM {table.quoted} AS t USING (SELECT {key} FROM {table.quoted} WHERE tenant_id = $1 LIMIT $2) AS d"
        f" WHERE t.tenant_id = $1 AND {same}",
        session.scope.tenant_id,
        limit,
    )


async def delete_tenant(session: TenantSession) -> None:
    """Delete the tenant itself, and with it what the app role may only add to."""
    await session.execute("DELETE FROM tenants WHERE tenant_id = $1", session.scope.tenant_id)


async def leftovers(session: TenantSession, tables: Sequence[TenantTable]) -> list[str]:
    """Return the tables that still have rows of the tenant."""
    looks = " UNION ALL ".join(
        f"SELECT '{table.name}' WHERE EXISTS (SELECT 1 FROM {table.quoted} WHERE tenant_id = $1)" for table in tables
    )
    return [str(row[0]) for row in await session.fetch(looks, session.scope.tenant_id)]


async def delete_shared(session: FleetSession, tables: Sequence[TenantTable], tenant_id: UUID) -> None:
    """Delete what only the fleet role may: the tenant's rows of platform tables, and at last its entry."""
    for table in tables:
        # One statement for each of a handful of tables, the directory among them, whose deletion takes the rest along.
        await session.execute(f"DELETE FROM {table.quoted} WHERE tenant_id = $1", tenant_id)
