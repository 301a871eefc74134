"""SQL of how the channel accounts are: their state, what last came and went, and the history of their status."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from konstruct.db.session import Record, TenantSession

HISTORY = 100
"""Changes of status that are read of an account, the newest first."""

# What came in last is looked for in the conversations that were busy last: messages do not name their account.
_ACCOUNTS = """
SELECT a.id, a.kind, a.external_id, a.app_id, a.bot_user_id, a.status, a.status_reason, a.connected_at, a.status_changed_at,
  a.answers_strangers, a.paused_at, a.paused_by, a.account_name, a.org_wide, a.scopes, a.business_account_id,
  a.portfolio_id, a.phone_number, a.token_expires_at, a.refresh_secret_id IS NOT NULL AS renewable,
  coalesce((SELECT s.level FROM account_standings s WHERE s.tenant_id = $1 AND s.account_id = a.id), 'open') AS level,
  now() AS read_at, i.last_inbound_at,
  coalesce(
    (SELECT max(d.sent_at) FROM deliveries d WHERE d.tenant_id = $1 AND d.account_id = a.id AND d.state = 'sent'),
    (SELECT max(d.sent_at) FROM delivery_archive d WHERE d.tenant_id = $1 AND d.account_id = a.id)) AS last_sent_at,
  (SELECT count(*) FROM deliveries d
   WHERE d.tenant_id = $1 AND d.account_id = a.id AND d.state IN ('pending', 'sending', 'unknown')) AS open_deliveries,
  (SELECT count(*) FROM deliveries d
   WHERE d.tenant_id = $1 AND d.account_id = a.id AND d.state = 'failed'
     AND d.created_at > now() - $2::interval) AS failed_deliveries
FROM channel_accounts a CROSS JOIN LATERAL (
  SELECT max(m.created_at) AS last_inbound_at FROM (
    SELECT c.id FROM conversations c WHERE c.tenant_id = $1 AND c.account_id = a.id ORDER BY c.last_message_at DESC LIMIT 10
  ) busy CROSS JOIN LATERAL (
    SELECT n.created_at FROM messages n WHERE n.tenant_id = $1 AND n.conversation_id = busy.id AND n.direction = 'in'
    ORDER BY n.seq DESC LIMIT 1
  ) m
) i
WHERE a.tenant_id = $1 AND ($3::uuid IS NULL OR a.id = $3) ORDER BY a.status = 'disconnected', a.kind, a.connected_at, a.id
"""

_CHANGES = """
SELECT a.id AS account_id, h.at, h.status, h.reason FROM channel_accounts a CROSS JOIN LATERAL (
  SELECT c.id, c.at, c.status, c.reason FROM channel_health c WHERE c.tenant_id = $1 AND c.account_id = a.id
  ORDER BY c.id DESC LIMIT $2
) h
WHERE a.tenant_id = $1 AND ($3::uuid IS NULL OR a.id = $3) ORDER BY a.id, h.id
"""


async def accounts(session: TenantSession, within: timedelta, account_id: UUID | None = None) -> list[Record]:
    """Return every account of the tenant, or the one named, those in use first. Failures count if they began `within`."""
    return await session.fetch(_ACCOUNTS, session.scope.tenant_id, within, account_id)


async def changes(session: TenantSession, account_id: UUID | None = None) -> list[Record]:
    """Return the last HISTORY changes of status of each account, or of the one named, oldest first."""
    return await session.fetch(_CHANGES, session.scope.tenant_id, HISTORY, account_id)


async def note(session: TenantSession, account_id: UUID, reason: str) -> None:
    """Add a line to the history of an account whose status stays as it is."""
    await session.execute(
        "INSERT INTO channel_health (tenant_id, account_id, status, reason)"
        " SELECT tenant_id, id, status, $3 FROM channel_accounts WHERE tenant_id = $1 AND id = $2",
        session.scope.tenant_id,
        account_id,
        reason,
    )
