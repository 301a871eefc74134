"""SQL of tenants, their directory entry and their employees."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from konstruct.db.database import Database
from konstruct.db.session import FleetSession, TenantSession
from konstruct.jobs.queue import LANES


@dataclass(frozen=True, slots=True)
class DirectoryEntry:
    """What the fleet may know of a tenant."""

    tenant_id: UUID
    status: str
    created_at: datetime


async def enter(session: FleetSession, tenant_id: UUID) -> None:
    """Enter a new tenant into the directory, with its fair share of each lane."""
    await session.execute("INSERT INTO tenant_directory (tenant_id) VALUES ($1)", tenant_id)
    await session.execute("INSERT INTO fair_shares (tenant_id, lane) SELECT $1, unnest($2::text[])", tenant_id, list(LANES))


async def leave(session: FleetSession, tenant_id: UUID) -> None:
    """Take a tenant that has no rows left out of the directory."""
    await session.execute("DELETE FROM tenant_directory WHERE tenant_id = $1", tenant_id)


async def set_status(session: FleetSession, tenant_id: UUID, status: str) -> bool:
    """Set the tenant's status; False if there is no such tenant, or it is being erased, from which nothing comes back."""
    changed = await session.execute(
        "UPDATE tenant_directory SET status = $2, status_changed_at = now()"
        " WHERE tenant_id = $1 AND (status <> 'erasing' OR $2 = 'erasing')",
        tenant_id,
        status,
    )
    return changed > 0


async def directory(db: Database) -> list[DirectoryEntry]:
    """Return every tenant, the oldest first."""
    rows = await db.fleet_fetch(
        "tenant directory", "SELECT tenant_id, status, created_at FROM tenant_directory ORDER BY created_at, tenant_id"
    )
    return [DirectoryEntry(row["tenant_id"], row["status"], row["created_at"]) for row in rows]


async def insert_tenant(session: TenantSession, name: str) -> None:
    """Store the tenant itself."""
    await session.execute("INSERT INTO tenants (tenant_id, name) VALUES ($1, $2)", session.scope.tenant_id, name)


async def tenant_name(session: TenantSession) -> str | None:
    """Return the business's name, or None if there is no such tenant."""
    name: str | None = await session.fetchval("SELECT name FROM tenants WHERE tenant_id = $1", session.scope.tenant_id)
    return name


async def insert_agent(session: TenantSession, agent_id: UUID, name: str, persona: str, policy: str) -> None:
    """Store an employee with the first version of its persona."""
    await session.execute(
        "INSERT INTO agents (tenant_id, id, name, persona_version) VALUES ($1, $2, $3, 1)",
        session.scope.tenant_id,
        agent_id,
        name,
    )
    await session.execute(
        "INSERT INTO persona_versions (tenant_id, agent_id, version, name, persona, policy) VALUES ($1, $2, 1, $3, $4, $5)",
        session.scope.tenant_id,
        agent_id,
        name,
        persona,
        policy,
    )


async def insert_persona(session: TenantSession, agent_id: UUID, version: int, persona: str, policy: str) -> None:
    """Store the version after the last one, with another persona and policy; everything else stays as it was."""
    await session.execute(
        "INSERT INTO persona_versions (tenant_id, agent_id, version, persona, policy, name, tone, tone_note, languages,"
        " working_hours, outside_hours, must_not)"
        " SELECT tenant_id, agent_id, $3, $4, $5, name, tone, tone_note, languages, working_hours, outside_hours, must_not"
        " FROM persona_versions WHERE tenant_id = $1 AND agent_id = $2 AND version = $3::int - 1",
        session.scope.tenant_id,
        agent_id,
        version,
        persona,
        policy,
    )


async def next_persona_version(session: TenantSession, agent_id: UUID) -> int | None:
    """Lock the employee and put the next version in force; return its number, or None if there is no such employee."""
    # The one in force is always the last one.
    version: int | None = await session.fetchval(
        "UPDATE agents SET persona_version = persona_version + 1 WHERE tenant_id = $1 AND id = $2 RETURNING persona_version",
        session.scope.tenant_id,
        agent_id,
    )
    return version


async def first_agent(session: TenantSession) -> UUID | None:
    """Return the tenant's employee (v1 has one), or None."""
    agent_id: UUID | None = await session.fetchval(
        "SELECT id FROM agents WHERE tenant_id = $1 ORDER BY created_at, id LIMIT 1", session.scope.tenant_id
    )
    return agent_id
