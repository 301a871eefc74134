"""Every number that is connected is asked about again and again: whoever lost the job for it gets it back here."""

from __future__ import annotations

from konstruct.db.database import Database

SPREAD_S = 240.0
"""Over which polls that had been lost begin anew."""
BATCH = 5000

_PLAN = """
INSERT INTO tenant_jobs (tenant_id, kind, subject_id, due_at)
SELECT s.tenant_id, 'number_poll', s.account_id, now() + random() * make_interval(secs => $1)
FROM account_standings s JOIN channel_routes r ON r.tenant_id = s.tenant_id AND r.account_id = s.account_id
WHERE NOT EXISTS (SELECT 1 FROM tenant_jobs j
  WHERE j.tenant_id = s.tenant_id AND j.kind = 'number_poll' AND j.subject_id = s.account_id)
ORDER BY s.polled_at NULLS FIRST LIMIT $2
ON CONFLICT DO NOTHING RETURNING tenant_id
"""


async def plan_polls(db: Database) -> int:
    """Plan a poll for every connected number that has none planned; return how many those were."""
    return len(await db.fleet_fetch("plan polls of numbers", _PLAN, SPREAD_S, BATCH))
