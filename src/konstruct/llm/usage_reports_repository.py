"""SQL of the usage reports: the sums that `usage_repository` keeps, never the calls themselves."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from konstruct.db.session import Record, TenantSession

_NAMES = ("calls", "unknown_cost_calls", "input_tokens", "cached_tokens", "output_tokens", "cost_micro")
# Of one conversation: sums of bigint are numeric in PostgreSQL, which took four times as long, and whole numbers up to 2^53,
# nine thousand million dollars, are exact as floats.
_QUICK_SUMS = ", ".join(f"sum(u.{name}::float8)::bigint AS {name}" for name in _NAMES)
_SUMS = ", ".join(f"sum(u.{name})::bigint AS {name}" for name in _NAMES)

# The budget's month is the database's, in UTC: see budget_repository.
_TODAY = """
SELECT usage_day($1, now()) AS today, b.limit_micro, b.spent_micro, b.reserved_micro
FROM (SELECT date_trunc('month', now() AT TIME ZONE 'UTC')::date AS period) m
LEFT JOIN llm_budgets b ON b.tenant_id = $1 AND b.period = m.period
"""

_DAYS = f"""
SELECT u.day, u.account_id, a.kind, a.external_id, u.model, sum(u.failed_calls)::bigint AS failed_calls, {_SUMS}
FROM usage_days u LEFT JOIN channel_accounts a ON a.tenant_id = u.tenant_id AND a.id = u.account_id
WHERE u.tenant_id = $1 AND u.day BETWEEN $2 AND $3
GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 3, 4, 5
"""

_ABOUT = """
  c.kind AS conversation_kind, c.channel_id, c.last_message_at, a.kind, a.external_id, k.display_name,
  coalesce(k.external_id, c.audience_key) AS person
"""
_WHERE_FROM = """
LEFT JOIN conversations c ON c.tenant_id = $1 AND c.id = s.conversation_id
LEFT JOIN channel_accounts a ON a.tenant_id = $1 AND a.id = c.account_id
LEFT JOIN contacts k ON k.tenant_id = $1 AND k.account_id = c.account_id
  AND c.audience = 'person' AND k.external_id = c.audience_key
"""

# Ranked by one sum, and added up for the few that are shown: a busy month has tens of thousands of rows. Tokens decide
# between conversations of which nobody knows the cost.
_DEAREST = f"""
WITH dearest AS MATERIALIZED (
  SELECT u.conversation_id FROM usage_conversations u WHERE u.tenant_id = $1 AND u.day BETWEEN $2 AND $3
  GROUP BY u.conversation_id
  ORDER BY sum(u.cost_micro::float8 + (u.input_tokens + u.output_tokens)::float8 * 1e-9) DESC, u.conversation_id LIMIT $4
)
SELECT s.*, {_ABOUT} FROM (
  SELECT u.conversation_id, {_QUICK_SUMS} FROM dearest d
  JOIN usage_conversations u ON u.tenant_id = $1 AND u.day BETWEEN $2 AND $3 AND u.conversation_id = d.conversation_id
  GROUP BY u.conversation_id
) s {_WHERE_FROM} ORDER BY s.cost_micro DESC, s.input_tokens + s.output_tokens DESC, s.conversation_id
"""

_CONVERSATIONS = f"""
SELECT s.*, {_ABOUT} FROM (
  SELECT u.conversation_id, {_QUICK_SUMS} FROM usage_conversations u
  WHERE u.tenant_id = $1 AND u.day BETWEEN $2 AND $3 AND u.conversation_id > $4
  GROUP BY u.conversation_id ORDER BY u.conversation_id LIMIT $5
) s {_WHERE_FROM} ORDER BY s.conversation_id
"""


async def today(session: TenantSession) -> Record:
    """Return the business's day of today, and the budget of this month: null where it has no limit, or no row yet."""
    row = await session.fetchrow(_TODAY, session.scope.tenant_id)
    assert row is not None
    return row


async def days(session: TenantSession, first: date, last: date) -> list[Record]:
    """Return the sums of each day, account and model, in the order of days."""
    return await session.fetch(_DAYS, session.scope.tenant_id, first, last)


async def dearest_conversations(session: TenantSession, first: date, last: date, limit: int) -> list[Record]:
    """Return the conversations that cost most, the dearest first."""
    return await session.fetch(_DEAREST, session.scope.tenant_id, first, last, limit)


async def conversations(session: TenantSession, first: date, last: date, after: UUID, limit: int) -> list[Record]:
    """Return up to `limit` conversations in the order of their ids, after `after`."""
    return await session.fetch(_CONVERSATIONS, session.scope.tenant_id, first, last, after, limit)
