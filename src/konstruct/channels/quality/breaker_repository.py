"""SQL of what was written first from a number, and what came of it."""

from __future__ import annotations

from uuid import UUID

from konstruct.channels.quality.breaker_rules import UNWANTED, Counts
from konstruct.db.session import TenantSession

# What was begun up to a day after it was asked for counts from when it was begun; none lives longer. Whoever wrote within the
# last day has a window that is open, or opened since then.
_COUNT = """
WITH span AS (
  SELECT greatest(now() - interval '1 day', s.counted_from) AS since FROM account_standings s
  WHERE s.tenant_id = $1 AND s.account_id = $2
), begun AS (
  SELECT d.sending_since, d.receipt = 'failed' OR d.state = 'failed' AS failed, coalesce(d.receipt_reason, d.reason, '') AS why
  FROM deliveries d WHERE d.tenant_id = $1 AND d.account_id = $2 AND d.kind = 'outreach' AND d.attempt > 0
    AND d.created_at > now() - interval '9 days' AND d.sending_since > now() - interval '8 days'
)
SELECT
  count(*) FILTER (WHERE b.sending_since > span.since) AS sent,
  count(*) FILTER (WHERE b.sending_since > greatest(span.since, now() - interval '1 hour')) AS sent_hour,
  (count(*) FILTER (WHERE b.sending_since <= now() - interval '1 day') / 7) AS usual_day,
  count(*) FILTER (WHERE b.sending_since > span.since AND b.failed) AS failed,
  count(*) FILTER (WHERE b.sending_since > span.since AND b.failed AND b.why ~ $3) AS unwanted,
  (SELECT count(*) FROM contacts k WHERE k.tenant_id = $1 AND k.account_id = $2 AND k.opted_out_at > span.since) AS opted_out,
  (SELECT count(*) FROM contacts k WHERE k.tenant_id = $1 AND k.account_id = $2
     AND k.window_expires_at > span.since + interval '1 day') AS heard
FROM span LEFT JOIN begun b ON true GROUP BY span.since
"""


async def count(session: TenantSession, account_id: UUID) -> Counts:
    """Return what was sent from the account, and what came of it, since a day or since a person looked into it."""
    row = await session.fetchrow(_COUNT, session.scope.tenant_id, account_id, UNWANTED)
    return Counts(**dict(row)) if row else Counts()
