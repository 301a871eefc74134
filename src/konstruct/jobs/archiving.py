"""Archiving: the outbox holds what is new, what is under way and what was never shown; the rest moves into partitions."""

from __future__ import annotations

import random
import time
from datetime import timedelta

import structlog

from konstruct.db.database import STORAGE_ERRORS, TRANSIENT_ERRORS, Database
from konstruct.db.scope import TenantScope
from konstruct.jobs import archive_repository as repository
from konstruct.kit.log_errors import error_name

log = structlog.get_logger()

AFTER = timedelta(days=30)
"""Since when a delivery must have been shown. Its echo came within minutes; a hand-back looks at the last takeover's only."""
STEP = 500
"""Rows of one transaction."""
BUDGET_S = 300.0
"""Longest time of one run; the next goes on."""


async def archive(db: Database, *, step: int = STEP, budget_s: float = BUDGET_S) -> int:
    """Move what is old, tenant by tenant, in small steps; return how many deliveries were moved.

    Two workers at once share the work. A tenant whose rows cannot be moved now is logged and waits for the next run.
    """
    rows = await db.fleet_fetch("tenants to archive", "SELECT tenant_id FROM tenant_directory WHERE status <> 'erasing'")
    scopes = [TenantScope(row["tenant_id"]) for row in rows]
    # A budget that ends early must not end before the same tenants each time.
    random.shuffle(scopes)
    ends_at, moved = time.monotonic() + budget_s, 0
    for scope in scopes:
        if time.monotonic() >= ends_at:
            break
        try:
            moved += await _archive(db, scope, step, ends_at)
        except (*TRANSIENT_ERRORS, *STORAGE_ERRORS) as error:
            log.warning("tenant_not_archived", tenant_id=str(scope.tenant_id), reason=error_name(error))
    return moved


async def _archive(db: Database, scope: TenantScope, step: int, ends_at: float) -> int:
    moved = 0
    while True:
        async with db.tenant(scope) as session:
            some = await repository.move_some(session, AFTER, step)
        moved += some
        if some < step or time.monotonic() >= ends_at:
            return moved
