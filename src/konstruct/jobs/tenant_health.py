"""The periodic count of each tenant's figures for the operators' pages: inside each tenant's scope, a few at a time."""

from __future__ import annotations

import time
from datetime import timedelta
from uuid import UUID

import structlog

from konstruct.db.database import STORAGE_ERRORS, TRANSIENT_ERRORS, Database
from konstruct.db.scope import TenantScope
from konstruct.kit.log_errors import error_name

log = structlog.get_logger()

EVERY = timedelta(minutes=10)
"""How old a tenant's figures may become."""
BATCH = 25
BUDGET_S = 45.0
"""Longest time of one run; the next run goes on with those that have waited longest."""
STATEMENT_S = 5.0

_CLAIM = """
WITH due AS (
  SELECT d.tenant_id FROM tenant_directory d LEFT JOIN tenant_health h ON h.tenant_id = d.tenant_id
  WHERE d.status <> 'erasing' AND (h.tried_at IS NULL OR h.tried_at <= now() - $1::interval)
  ORDER BY h.tried_at NULLS FIRST, d.tenant_id LIMIT $2
)
INSERT INTO tenant_health AS h (tenant_id, tried_at) SELECT tenant_id, now() FROM due ORDER BY tenant_id
ON CONFLICT (tenant_id) DO UPDATE SET tried_at = now() WHERE h.tried_at <= now() - $1::interval
RETURNING tenant_id
"""


async def refresh_due(db: Database, *, every: timedelta = EVERY, budget_s: float = BUDGET_S) -> int:
    """Count the figures of the tenants whose last count is `every` old or older; return how many were counted.

    Two workers at once share the work. A tenant whose count fails is logged and waits its time like the others.
    """
    ends_at, counted = time.monotonic() + budget_s, 0
    while time.monotonic() < ends_at:
        rows = await db.fleet_fetch("tenants to count", _CLAIM, every, BATCH)
        for row in rows:
            counted += await _try(db, row["tenant_id"])
        if len(rows) < BATCH:
            break
    return counted


async def refresh(db: Database, scope: TenantScope) -> None:
    """Count one tenant's figures now."""
    async with db.tenant(scope, timeout_s=STATEMENT_S) as session:
        await session.execute("SELECT tenant_health_refresh($1)", scope.tenant_id)


async def _try(db: Database, tenant_id: UUID) -> bool:
    try:
        await refresh(db, TenantScope(tenant_id))
    except (*TRANSIENT_ERRORS, *STORAGE_ERRORS) as error:
        log.warning("tenant_not_counted", tenant_id=str(tenant_id), reason=error_name(error))
        return False
    return True
