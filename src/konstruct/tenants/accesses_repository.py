"""SQL of the traces that access to a business leaves."""

from __future__ import annotations

from datetime import datetime

from konstruct.db.session import Record, TenantSession

_TRACES = """
SELECT created_at AS at, 'operator_access' AS kind, operator_name AS who, 'may read conversations: ' || reason AS what,
  expires_at AS until
FROM operator_accesses WHERE tenant_id = $1 AND expires_at >= $2
UNION ALL
SELECT created_at, 'operator_action', operator_name, action || CASE WHEN reason = '' THEN '' ELSE ': ' || reason END, NULL
FROM operator_actions WHERE tenant_id = $1 AND created_at >= $2
UNION ALL
SELECT e.created_at, 'export', coalesce(m.name, 'a member who is gone'), 'export ' || e.state || ', ' || e.bytes || ' bytes',
  e.expires_at
FROM exports e LEFT JOIN members m ON m.tenant_id = e.tenant_id AND m.id = e.requested_by
WHERE e.tenant_id = $1 AND coalesce(e.expires_at, e.created_at) >= $2
UNION ALL
SELECT s.created_at, 'session', m.name, 'signed in, last seen ' || to_char(s.seen_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI'),
  s.expires_at
FROM sessions s JOIN members m ON m.tenant_id = s.tenant_id AND m.id = s.member_id
WHERE s.tenant_id = $1 AND s.seen_at >= $2
UNION ALL
SELECT l.created_at, 'link', m.name, l.kind || CASE WHEN l.used_at IS NULL THEN ', not used'
  ELSE ', used or ended ' || to_char(l.used_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI') END, l.expires_at
FROM sign_in_links l JOIN members m ON m.tenant_id = l.tenant_id AND m.id = l.member_id
WHERE l.tenant_id = $1 AND coalesce(l.used_at, l.created_at) >= $2
UNION ALL
SELECT k.created_at, 'api_key', k.created_by_name, 'key ' || k.prefix || '…, last used '
  || coalesce(to_char(k.last_used_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI'), 'never'), coalesce(k.revoked_at, k.expires_at)
FROM api_keys k WHERE k.tenant_id = $1 AND coalesce(k.revoked_at, k.expires_at, now()) >= $2
ORDER BY 1
"""


async def traces(session: TenantSession, since: datetime) -> list[Record]:
    """Return what ended, or happened, since a moment: at, kind, who, what, until."""
    return await session.fetch(_TRACES, session.scope.tenant_id, since)
