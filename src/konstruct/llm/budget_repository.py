"""SQL of `llm_budgets`, one row per tenant and month, and of `llm_reservations`, one row per model call under way.

The month is by the database's clock (UTC). `reserved_micro` is the sum of its reservations, kept in the month's row: there one
update weighs calls at the same time against each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID

from konstruct.db.session import TenantSession


@dataclass(frozen=True, slots=True)
class Settled:
    """A month before and after a call was booked. `told`: a notice about a budget is open."""

    limit_micro: int | None
    before_micro: int
    spent_micro: int
    told: bool


_MONTH = "date_trunc('month', now() AT TIME ZONE 'UTC')::date"

# `spent < limit` refuses a tenant at its limit also where the price, and so the amount, is not known.
_FITS = (
    "({row}.limit_micro IS NULL OR ({row}.spent_micro < {row}.limit_micro"
    " AND {row}.spent_micro + greatest(0, {row}.reserved_micro - gone.micro) + $2 <= {row}.limit_micro))"
)

# What has expired is taken back also where the new one does not fit. Months that are over need no sum any more.
_RESERVE = f"""
WITH expired AS (
  DELETE FROM llm_reservations WHERE tenant_id = $1 AND expires_at <= now() RETURNING period, amount_micro
), gone AS (
  SELECT coalesce(sum(amount_micro) FILTER (WHERE period = {_MONTH}), 0)::bigint AS micro FROM expired
), month AS (
  UPDATE llm_budgets b SET reserved_micro =
    greatest(0, b.reserved_micro - gone.micro) + CASE WHEN {_FITS.format(row="b")} THEN $2 ELSE 0 END
  FROM gone WHERE b.tenant_id = $1 AND b.period = {_MONTH}
  RETURNING b.period, {_FITS.format(row="old")} AS fits
), kept AS (
  INSERT INTO llm_reservations (tenant_id, period, id, amount_micro, expires_at)
  SELECT $1, period, $3, $2, now() + $4 FROM month WHERE fits
)
SELECT period, fits FROM month
"""

_OPEN_MONTH = f"""
INSERT INTO llm_budgets (tenant_id, period, limit_micro)
VALUES ($1, {_MONTH}, (
    SELECT limit_micro FROM llm_budgets WHERE tenant_id = $1 AND period < {_MONTH} ORDER BY period DESC LIMIT 1
))
ON CONFLICT (tenant_id, period) DO NOTHING
"""

# One that has expired meanwhile was taken back by another call, but what was spent is spent.
_SETTLE = """
WITH given AS (
  DELETE FROM llm_reservations WHERE tenant_id = $1 AND period = $2 AND id = $3 RETURNING amount_micro
), back AS (
  SELECT coalesce(sum(amount_micro), 0)::bigint AS micro FROM given
)
UPDATE llm_budgets b SET reserved_micro = greatest(0, b.reserved_micro - back.micro), spent_micro = b.spent_micro + $4
FROM back WHERE b.tenant_id = $1 AND b.period = $2
RETURNING b.limit_micro, old.spent_micro AS before_micro, new.spent_micro AS spent_micro, EXISTS (SELECT 1 FROM notices n
  WHERE n.tenant_id = $1 AND n.kind IN ('budget_low', 'budget_spent') AND n.resolved_at IS NULL) AS told
"""


async def reserve(session: TenantSession, reservation_id: UUID, amount_micro: int, lasts_s: float) -> date | None:
    """Set money aside for `lasts_s`; return the month it was taken from, or None if the limit does not allow it.

    The first call of a month opens its row with the limit of the month before.
    """
    args = session.scope.tenant_id, amount_micro, reservation_id, timedelta(seconds=lasts_s)
    row = await session.fetchrow(_RESERVE, *args)
    if row is None:
        # The month is new; another call may open it at the same time.
        await session.execute(_OPEN_MONTH, session.scope.tenant_id)
        row = await session.fetchrow(_RESERVE, *args)
    period: date | None = row["period"] if row and row["fits"] else None
    return period


async def settle(session: TenantSession, period: date, reservation_id: UUID, spent_micro: int) -> Settled | None:
    """Give a reservation back and book what was spent; return where the month stands, None if it has no row."""
    row = await session.fetchrow(_SETTLE, session.scope.tenant_id, period, reservation_id, spent_micro)
    return Settled(**row) if row else None
