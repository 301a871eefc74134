"""SQL of what operators did to a business and why: rows that are added, never changed, and that its owner reads."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from konstruct.db.session import TenantSession
from konstruct.kit.ids import uuid7
from konstruct.tenants.operators_repository import Operator

Action = Literal["suspend", "resume", "retry_dead_letter", "discard_dead_letter"]
SHOWN = 50


@dataclass(frozen=True, slots=True)
class Access:
    """An operator's leave to read a business's conversations, for a reason and a while."""

    id: UUID
    operator_id: UUID
    operator_name: str
    reason: str
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Done:
    """One thing that an operator did to a business."""

    operator_name: str
    action: str
    reason: str
    created_at: datetime


_COLUMNS = "id, operator_id, operator_name, reason, created_at, expires_at"


async def insert_access(session: TenantSession, operator: Operator, reason: str, lifetime: timedelta) -> Access:
    """Store an access that begins now."""
    row = await session.fetchrow(
        "INSERT INTO operator_accesses (tenant_id, id, operator_id, operator_name, reason, expires_at)"
        f" VALUES ($1, $2, $3, $4, $5, now() + $6) RETURNING {_COLUMNS}",
        session.scope.tenant_id,
        uuid7(),
        operator.id,
        operator.name,
        reason,
        lifetime,
    )
    assert row is not None
    return Access(**row)


async def find_access(session: TenantSession, operator_id: UUID) -> Access | None:
    """Return the operator's access that has not run out, or None."""
    row = await session.fetchrow(
        f"SELECT {_COLUMNS} FROM operator_accesses WHERE tenant_id = $1 AND operator_id = $2 AND expires_at > now()"
        " ORDER BY created_at DESC LIMIT 1",
        session.scope.tenant_id,
        operator_id,
    )
    return Access(**row) if row else None


async def list_accesses(session: TenantSession, limit: int = SHOWN) -> list[Access]:
    """Return who of the operators read the business's conversations, and why, the latest first."""
    rows = await session.fetch(
        f"SELECT {_COLUMNS} FROM operator_accesses WHERE tenant_id = $1 ORDER BY created_at DESC, id DESC LIMIT $2",
        session.scope.tenant_id,
        limit,
    )
    return [Access(**row) for row in rows]


async def status(session: TenantSession) -> str | None:
    """Return the business's status in the directory."""
    found: str | None = await session.fetchval(
        "SELECT status FROM tenant_directory WHERE tenant_id = $1", session.scope.tenant_id
    )
    return found


async def record(
    session: TenantSession, operator: Operator, action: Action, *, reason: str = "", subject_id: UUID | None = None
) -> None:
    """Write down what an operator does, in the transaction that does it, or before it."""
    await session.execute(
        "INSERT INTO operator_actions (tenant_id, id, operator_id, operator_name, action, reason, subject_id)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7)",
        session.scope.tenant_id,
        uuid7(),
        operator.id,
        operator.name,
        action,
        reason,
        subject_id,
    )


async def list_done(session: TenantSession, limit: int = SHOWN) -> list[Done]:
    """Return what operators did to the business, the latest first."""
    rows = await session.fetch(
        "SELECT operator_name, action, reason, created_at FROM operator_actions WHERE tenant_id = $1"
        " ORDER BY created_at DESC, id DESC LIMIT $2",
        session.scope.tenant_id,
        limit,
    )
    return [Done(**row) for row in rows]
