"""Every connected number is asked about hourly: a job that was lost comes back here."""

from __future__ import annotations

from konstruct.db.database import Database

SPREAD_S = 240.0
"""Over which polls that had been lost begin anew."""
SILENT_S = 4500.0
"""A number that nobody tried to ask about for so long has no job that does."""
BATCH = 5000

_PLAN = """
INSERT INTO tenant_jobs (tenant_id, kind, subject_id, due_at)
SELECT s.tenant_id, 'number_poll', s.account_id, now() + random() * make_interval(secs => $1)
FROM account_standings s JOIN channel_routes r ON r.tenant_id = s.tenant_id AND r.account_id = s.account_id
WHERE coalesce(s.tried_at, '-infinity') < now() - make_interval(secs => $2)
ORDER BY coalesce(s.tried_at, '-infinity') LIMIT $3
ON CONFLICT DO NOTHING RETURNING tenant_id
"""


async def plan_polls(db: Database) -> int:
    """Plan a poll for every connected number that has none planned; return how many those were."""
    return len(await db.fleet_fetch("plan polls of numbers", _PLAN, SPREAD_S, SILENT_S, BATCH))
