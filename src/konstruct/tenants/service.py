"""Tenants: made, listed, suspended; and the employee's persona, of which every version is kept."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

import structlog

from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.kit.errors import KonstructError, NotFoundError
from konstruct.kit.ids import uuid7
from konstruct.tenants import members
from konstruct.tenants import tenants_repository as repository
from konstruct.tenants.vault import Vault

log = structlog.get_logger()

DEFAULT_PERSONA = "You are friendly, precise and brief. You help the people of this business and its customers."
NAME_MAX = 200


@dataclass(frozen=True, slots=True)
class CreatedTenant:
    """A new tenant and its employee."""

    tenant_id: UUID
    agent_id: UUID

    @property
    def scope(self) -> TenantScope:
        """The tenant's scope."""
        return TenantScope(self.tenant_id)


@dataclass(frozen=True, slots=True)
class ListedTenant:
    """A tenant as the operator's list shows it."""

    tenant_id: UUID
    name: str
    status: str
    created_at: datetime


async def create_tenant(
    db: Database,
    vault: Vault,
    *,
    name: str,
    employee: str = "Alex",
    persona: str = DEFAULT_PERSONA,
    policy: str = "",
    email: str | None = None,
) -> CreatedTenant:
    """Make a tenant with its key, its owner and one employee. `email` is the owner's, for signing in.

    Raises KonstructError for an empty or over-long name, or what is no address.
    """
    email = members.clean_email(email) if email else None
    name, employee = name.strip(), employee.strip()
    if not name or len(name) > NAME_MAX:
        raise KonstructError(f"a business's name has 1 to {NAME_MAX} characters")
    created = CreatedTenant(uuid7(), uuid7())
    async with db.fleet("create tenant") as fleet:
        await repository.enter(fleet, created.tenant_id)
    try:
        await vault.enrol(created.scope)
        async with db.tenant(created.scope) as session:
            await repository.insert_tenant(session, name)
            await repository.insert_agent(session, created.agent_id, employee, persona, policy)
            await members.add_owner(session, email=email)
    except BaseException:
        # The two logins cannot share a transaction: an entry without a tenant behind it is taken back.
        async with db.fleet("take back tenant") as fleet:
            await repository.leave(fleet, created.tenant_id)
        raise
    log.info("tenant_created", tenant_id=str(created.tenant_id), agent_id=str(created.agent_id))
    return created


async def list_tenants(db: Database) -> list[ListedTenant]:
    """Return every tenant, the oldest first. Names lie behind each tenant's own scope, hence one read for each."""
    listed = []
    for entry in await repository.directory(db):
        name = await db.run(TenantScope(entry.tenant_id), repository.tenant_name)
        listed.append(ListedTenant(entry.tenant_id, name or "(no name)", entry.status, entry.created_at))
    return listed


async def set_status(db: Database, tenant_id: UUID, status: Literal["active", "suspended"]) -> None:
    """Suspend or resume a tenant: ingest, turns and sends look at it each time. Raises NotFoundError."""
    async with db.fleet(f"tenant {status}") as fleet:
        if not await repository.set_status(fleet, tenant_id, status):
            raise NotFoundError(f"there is no tenant {tenant_id}: `konstruct tenant list` shows them")
    log.info("tenant_status_changed", tenant_id=str(tenant_id), status=status)


async def change_persona(db: Database, scope: TenantScope, agent_id: UUID, persona: str, policy: str = "") -> int:
    """Put a new version of the persona in force for the turns that start from now on; return its number. What else the
    employee is (name, tone, hours …) stays; `employees.save` changes all of it.

    Raises NotFoundError.
    """
    async with db.tenant(scope) as session:
        version = await repository.next_persona_version(session, agent_id)
        if version is None:
            raise NotFoundError(f"there is no employee {agent_id}")
        await repository.insert_persona(session, agent_id, version, persona, policy)
    return version


async def require_tenant(db: Database, tenant_id: UUID) -> TenantScope:
    """Return the scope of a tenant that exists. Raises NotFoundError."""
    scope = TenantScope(tenant_id)
    if await db.run(scope, repository.tenant_name) is None:
        raise NotFoundError(f"there is no tenant {tenant_id}: `konstruct tenant list` shows them")
    return scope
