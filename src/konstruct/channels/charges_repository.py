"""SQL of what the provider bills: what holds for each message, and the sums of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from konstruct.db.session import Record, TenantSession


@dataclass(frozen=True, slots=True)
class Charge:
    """What a receipt says of a message's price. Without a category: nothing is billed for it."""

    rank: int
    """How far the receipt goes: of two the further one holds."""
    at: float
    """The provider's time, Unix seconds; 0: not said."""
    category: str | None = None
    billable: bool | None = None
    charge_type: str = ""
    pricing_model: str = ""


# The delivery's row is locked first, so that two receipts of one message come one after the other. What was counted is taken
# back with what is counted instead, in one statement and in the order of the key.
_NOTE = """
WITH told AS (
  SELECT d.tenant_id, d.id, d.conversation_id, d.account_id,
    (CASE WHEN $4::float8 > 0 THEN to_timestamp($4::float8) ELSE now() END AT TIME ZONE 'UTC')::date AS day
  FROM deliveries d WHERE d.tenant_id = $1 AND d.id = $2
), was AS (
  SELECT c.* FROM delivery_charges c WHERE c.tenant_id = $1 AND c.delivery_id = $2
), noted AS (
  INSERT INTO delivery_charges AS c (tenant_id, delivery_id, rank, day, category, billable, charge_type, pricing_model)
  SELECT tenant_id, id, $3, day, $5, $6, nullif($7, ''), nullif($8, '') FROM told
  ON CONFLICT (tenant_id, delivery_id) DO UPDATE SET rank = excluded.rank, day = excluded.day, category = excluded.category,
    billable = excluded.billable, charge_type = excluded.charge_type, pricing_model = excluded.pricing_model
  WHERE c.rank < excluded.rank RETURNING c.*
), moved AS (
  SELECT day, category, coalesce(charge_type, '') AS charge_type, coalesce(pricing_model, '') AS pricing_model, billable, 1 AS n
  FROM noted WHERE category IS NOT NULL
  UNION ALL
  SELECT w.day, w.category, coalesce(w.charge_type, ''), coalesce(w.pricing_model, ''), w.billable, -1
  FROM was w WHERE w.category IS NOT NULL AND EXISTS (SELECT 1 FROM noted)
), net AS (
  SELECT day, category, charge_type, pricing_model, billable, sum(n) AS n FROM moved GROUP BY 1, 2, 3, 4, 5 HAVING sum(n) <> 0
)
INSERT INTO charge_days AS s (tenant_id, day, conversation_id, category, charge_type, pricing_model, billable, account_id,
  messages)
SELECT t.tenant_id, n.day, t.conversation_id, n.category, n.charge_type, n.pricing_model, n.billable, t.account_id,
  greatest(n.n, 0)
FROM net n CROSS JOIN told t ORDER BY n.day, n.category, n.charge_type, n.pricing_model, n.billable
ON CONFLICT (tenant_id, day, conversation_id, category, charge_type, pricing_model, billable, account_id)
DO UPDATE SET messages = greatest(0, s.messages + (SELECT n.n FROM net n WHERE n.day = s.day AND n.category = s.category
  AND n.charge_type = s.charge_type AND n.pricing_model = s.pricing_model AND n.billable = s.billable))
"""


async def note(session: TenantSession, delivery_id: UUID, charge: Charge) -> None:
    """Let the message cost what `charge` says, if no receipt that goes as far has said so before."""
    locked = await session.fetchval(
        "SELECT 1 FROM deliveries WHERE tenant_id = $1 AND id = $2 FOR NO KEY UPDATE", session.scope.tenant_id, delivery_id
    )
    if locked is None:
        return
    await session.execute(
        _NOTE,
        session.scope.tenant_id,
        delivery_id,
        charge.rank,
        charge.at,
        charge.category,
        charge.billable,
        charge.charge_type,
        charge.pricing_model,
    )


async def place_of(session: TenantSession, account_id: UUID) -> tuple[str, str]:
    """Return the account's kind, and what it is called."""
    row = await session.fetchrow(
        "SELECT kind, coalesce(phone_number, nullif(account_name, ''), external_id) AS place FROM channel_accounts"
        " WHERE tenant_id = $1 AND id = $2",
        session.scope.tenant_id,
        account_id,
    )
    return (row["kind"], row["place"]) if row else ("", "")


async def by_category(session: TenantSession, first: date, last: date) -> list[Record]:
    """Return category, whether it costs, and how many messages, of a period, the most frequent first."""
    return await session.fetch(
        "SELECT category, charge_type, billable, sum(messages)::bigint AS messages FROM charge_days"
        " WHERE tenant_id = $1 AND day BETWEEN $2 AND $3 GROUP BY category, charge_type, billable HAVING sum(messages) > 0"
        " ORDER BY sum(messages) DESC, category, charge_type, billable LIMIT 100",
        session.scope.tenant_id,
        first,
        last,
    )


async def by_day(session: TenantSession, first: date, last: date) -> list[Record]:
    """Return day, account, category, kind of charge, whether it costs, and how many messages, of a period, in order."""
    return await session.fetch(
        "SELECT s.day, s.account_id, a.kind, a.external_id, s.category, s.charge_type, s.billable,"
        "   sum(s.messages)::bigint AS messages"
        " FROM charge_days s LEFT JOIN channel_accounts a ON a.tenant_id = s.tenant_id AND a.id = s.account_id"
        " WHERE s.tenant_id = $1 AND s.day BETWEEN $2 AND $3"
        " GROUP BY s.day, s.account_id, a.kind, a.external_id, s.category, s.charge_type, s.billable HAVING sum(s.messages) > 0"
        " ORDER BY s.day, s.account_id, s.category, s.charge_type, s.billable LIMIT 100000",
        session.scope.tenant_id,
        first,
        last,
    )


async def of_conversations(session: TenantSession, first: date, last: date, conversation_ids: list[UUID]) -> list[Record]:
    """Return of each conversation how many messages of a period were billed, and how many were free."""
    return await session.fetch(
        "SELECT conversation_id, sum(messages) FILTER (WHERE billable)::bigint AS billed,"
        "   sum(messages) FILTER (WHERE NOT billable)::bigint AS free FROM charge_days"
        " WHERE tenant_id = $1 AND conversation_id = ANY ($4) AND day BETWEEN $2 AND $3 GROUP BY conversation_id",
        session.scope.tenant_id,
        first,
        last,
        conversation_ids,
    )
