"""What the owner hears of the budget: at four fifths, at its end, and nothing more once there is room again."""

from __future__ import annotations

from datetime import UTC, date, datetime

from konstruct.db.session import TenantSession
from konstruct.llm.budget_repository import Settled
from konstruct.tenants import notices
from konstruct.tenants.notices_troubles import budget_low, budget_spent

LOW_PERCENT = 80


async def refused(session: TenantSession) -> None:
    """A call was refused: this month's budget does not hold it."""
    await notices.raise_notice(session, budget_spent(datetime.now(UTC).date()))


async def spent(session: TenantSession, period: date, month: Settled) -> None:
    """Look at a month after a call was booked. Crossing a line raises a notice, once; below all lines none stays open."""
    limit = month.limit_micro
    before, after = (0, 0) if not limit else (month.before_micro * 100 // limit, month.spent_micro * 100 // limit)
    if before < 100 <= after:
        await notices.settle(session, "budget_low")
        await notices.raise_notice(session, budget_spent(period))
    elif before < LOW_PERCENT <= after < 100:
        await notices.raise_notice(session, budget_low(period, after))
    elif after < LOW_PERCENT and month.told:
        # The limit was raised, or a new month has begun.
        await notices.settle(session, "budget_low", "budget_spent")
    elif after < 100 and month.told:
        await notices.settle(session, "budget_spent")
