"""What operators see of tenants: directory, counted figures, open dead letters and the queue; names read per scope."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from konstruct.db.database import Database
from konstruct.db.session import Record

PAGE = 25
NAMES_S = 2.0

_TENANT = """
SELECT d.tenant_id, d.status, d.created_at, d.status_changed_at, h.computed_at, h.first_answer_at, h.last_inbound_at,
  h.last_sent_at, h.oldest_unknown_at, coalesce(h.broken_accounts, 0) AS broken_accounts,
  coalesce(h.active_accounts, 0) AS active_accounts, coalesce(h.weekly_active, 0) AS weekly_active,
  (SELECT count(*) FROM dead_letters l WHERE l.tenant_id = d.tenant_id AND l.resolved_at IS NULL) AS open_dead_letters,
  q.waiting, q.age_s
FROM tenant_directory d
LEFT JOIN tenant_health h ON h.tenant_id = d.tenant_id
CROSS JOIN LATERAL (
  SELECT count(*) AS waiting, greatest(0, coalesce(extract(epoch FROM now() - min(r.due_at)), 0))::float8 AS age_s
  FROM unnest(ARRAY['turn', 'send']) AS lanes (lane)
  JOIN ready_queue r ON r.lane = lanes.lane AND r.tenant_id = d.tenant_id AND r.state = 'ready'
) q
"""


@dataclass(frozen=True, slots=True)
class TenantView:
    """A tenant as operators see it. Figures are as old as `computed_at`; dead letters and queue are of this moment."""

    tenant_id: UUID
    name: str
    status: str
    created_at: datetime
    status_changed_at: datetime
    computed_at: datetime | None
    first_answer_at: datetime | None
    last_inbound_at: datetime | None
    last_sent_at: datetime | None
    oldest_unknown_at: datetime | None
    broken_accounts: int
    active_accounts: int
    weekly_active: int
    open_dead_letters: int
    waiting: int
    age_s: float

    @property
    def last_activity_at(self) -> datetime | None:
        """When something was last said on either side."""
        return max((at for at in (self.last_inbound_at, self.last_sent_at) if at), default=None)


@dataclass(frozen=True, slots=True)
class TenantPage:
    """A page of tenants, the newest first. `older` is the tenant to go on behind, or None at the end."""

    tenants: list[TenantView]
    older: UUID | None


async def list_page(db: Database, *, status: str | None = None, behind: UUID | None = None) -> TenantPage:
    """Return the tenants behind `behind` (or the newest), of one status or of all. An unknown `behind` begins anew."""
    rows = await db.fleet_fetch(
        "operator tenants",
        f"{_TENANT} WHERE ($1::text IS NULL OR d.status = $1) AND ($2::uuid IS NULL"
        " OR NOT EXISTS (SELECT 1 FROM tenant_directory b WHERE b.tenant_id = $2)"
        " OR (d.created_at, d.tenant_id) < (SELECT b.created_at, b.tenant_id FROM tenant_directory b WHERE b.tenant_id = $2))"
        " ORDER BY d.created_at DESC, d.tenant_id DESC LIMIT $3",
        status,
        behind,
        PAGE + 1,
    )
    shown = await _named(db, rows[:PAGE])
    return TenantPage(shown, shown[-1].tenant_id if len(rows) > PAGE else None)


async def find(db: Database, tenant_id: UUID) -> TenantView | None:
    """Return one tenant, or None."""
    rows = await db.fleet_fetch("operator tenant", f"{_TENANT} WHERE d.tenant_id = $1", tenant_id)
    return (await _named(db, rows))[0] if rows else None


async def names(db: Database, tenant_ids: Sequence[UUID]) -> dict[UUID, str]:
    """Return the names of up to 100 businesses, each read inside its own scope, in one round trip (docs/adr/0008)."""
    ids = list(dict.fromkeys(tenant_ids))
    if not ids:
        return {}
    found = await db.call_unscoped("SELECT tenant_names($1)", ids, timeout_s=NAMES_S)
    return {tenant_id: name or "(no name)" for tenant_id, name in zip(ids, found, strict=True)}


async def _named(db: Database, rows: Sequence[Record]) -> list[TenantView]:
    found = await names(db, [row["tenant_id"] for row in rows])
    return [TenantView(name=found[row["tenant_id"]], **row) for row in rows]
