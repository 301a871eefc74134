"""The open dead letters of all tenants, for the operators' list: ids, codes and counts, read as the fleet role."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from konstruct.db.database import Database

PAGE = 50


@dataclass(frozen=True, slots=True)
class OpenLetter:
    """An open dead letter and whose it is."""

    tenant_id: UUID
    id: UUID
    kind: str
    conversation_id: UUID
    reason: str
    attempts: int
    created_at: datetime


async def list_open(
    db: Database, *, tenant_id: UUID | None = None, behind: tuple[datetime, UUID] | None = None
) -> tuple[list[OpenLetter], bool]:
    """Return a page of open letters, the oldest first, of one tenant or of all; and whether more come behind it."""
    rows = await db.fleet_fetch(
        "open dead letters",
        "SELECT tenant_id, id, kind, conversation_id, reason, attempts, created_at FROM dead_letters"
        " WHERE resolved_at IS NULL AND ($1::uuid IS NULL OR tenant_id = $1)"
        " AND ($2::timestamptz IS NULL OR (created_at, id) > ($2, $3::uuid)) ORDER BY created_at, id LIMIT $4",
        tenant_id,
        behind[0] if behind else None,
        behind[1] if behind else None,
        PAGE + 1,
    )
    return [OpenLetter(**row) for row in rows[:PAGE]], len(rows) > PAGE
