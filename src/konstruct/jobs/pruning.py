"""Pruning: what has served its time goes, in small steps."""

from __future__ import annotations

import structlog

from konstruct.db.database import Database
from konstruct.jobs import workers_repository

log = structlog.get_logger()

DEDUPE_DAYS = 14
"""Meta delivers again for up to 7 days; twice that."""
STEP = 5000


async def prune(db: Database) -> int:
    """Delete dedupe keys older than DEDUPE_DAYS, and fold processes that are long gone; return how many keys went."""
    gone = 0
    while True:
        rows = await db.fleet_fetch(
            "prune dedupe keys",
            "WITH old AS (SELECT tenant_id, key FROM dedupe_keys WHERE seen_at < now() - make_interval(days => $1) LIMIT $2),"
            " gone AS (DELETE FROM dedupe_keys k USING old WHERE k.tenant_id = old.tenant_id AND k.key = old.key RETURNING 1)"
            " SELECT count(*) AS n FROM gone",
            DEDUPE_DAYS,
            STEP,
        )
        gone += int(rows[0]["n"])
        if rows[0]["n"] < STEP:
            break
    async with db.fleet("prune workers") as session:
        await workers_repository.prune(session)
    log.info("pruned", dedupe_keys=gone)
    return gone
