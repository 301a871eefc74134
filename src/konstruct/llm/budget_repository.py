"""SQL of `llm_budgets`: one row per tenant and month, the month by the database's clock (UTC)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

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
_RESERVE = f"""
UPDATE llm_budgets SET reserved_micro = reserved_micro + $2
WHERE tenant_id = $1 AND period = {_MONTH}
  AND (limit_micro IS NULL OR (spent_micro < limit_micro AND spent_micro + reserved_micro + $2 <= limit_micro))
RETURNING period
"""

_OPEN_MONTH = f"""
INSERT INTO llm_budgets (tenant_id, period, limit_micro)
VALUES ($1, {_MONTH}, (
    SELECT limit_micro FROM llm_budgets WHERE tenant_id = $1 AND period < {_MONTH} ORDER BY period DESC LIMIT 1
))
ON CONFLICT (tenant_id, period) DO NOTHING
"""

_SETTLE = """
UPDATE llm_budgets SET reserved_micro = greatest(0, reserved_micro - $3), spent_micro = spent_micro + $4
WHERE tenant_id = $1 AND period = $2
RETURNING limit_micro, old.spent_micro AS before_micro, new.spent_micro AS spent_micro, EXISTS (SELECT 1 FROM notices n
  WHERE n.tenant_id = $1 AND n.kind IN ('budget_low', 'budget_spent') AND n.resolved_at IS NULL) AS told
"""


async def reserve(session: TenantSession, amount_micro: int) -> date | None:
    """Set money aside; return the month it was taken from, or None if the limit does not allow it.

    The first call of a month opens its row with the limit of the month before.
    """
    tenant_id = session.scope.tenant_id
    period: date | None = await session.fetchval(_RESERVE, tenant_id, amount_micro)
    if period is None:
        # The month may be new; another call may have opened it meanwhile, so its row is tried in any case.
        await session.execute(_OPEN_MONTH, tenant_id)
        period = await session.fetchval(_RESERVE, tenant_id, amount_micro)
    return period


async def settle(session: TenantSession, period: date, reserved_micro: int, spent_micro: int) -> Settled | None:
    """Give a reservation back and book what was spent; return where the month stands, None if it has no row."""
    row = await session.fetchrow(_SETTLE, session.scope.tenant_id, period, reserved_micro, spent_micro)
    return Settled(**row) if row else None
