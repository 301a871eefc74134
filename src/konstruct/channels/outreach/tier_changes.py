"""The provider says how many people may be written to first: by an event, when it is polled, or by refusing a message."""

from __future__ import annotations

from uuid import UUID

import structlog

from konstruct.channels.events_handling import Received
from konstruct.channels.outreach import line_repository, places_repository, pools_repository, volume
from konstruct.channels.outreach.pools_repository import PortfolioPool, Source
from konstruct.channels.outreach.tiers import LOWERED_S, UNLIMITED, lowered
from konstruct.channels.port_events import CapacityChanged
from konstruct.db.database import Database
from konstruct.db.session import TenantSession

log = structlog.get_logger()


class Capacity:
    """Handles `CapacityChanged`."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def __call__(self, received: Received) -> None:
        """Note the limit, if the event tells one."""
        event: CapacityChanged = received.event
        limit = event.daily_limit
        if limit is None or limit < UNLIMITED:
            return
        await self._db.run(received.scope, lambda s: set_tier(s, received.account_id, limit, "webhook"))
        log.info("capacity_changed", account_id=str(received.account_id), daily_limit=limit)


async def set_tier(session: TenantSession, account_id: UUID, limit: int, source: Source) -> bool:
    """Note what the portfolio of a number may do in 24 hours, in people; UNLIMITED. Returns whether that is news.

    It holds from the next send on. After a rise, those who wait are told that there is room.
    """
    portfolio = await _portfolio(session, account_id)
    if not await pools_repository.note_limit(session, portfolio.id, limit, source):
        return False
    await places_repository.clear(session, [portfolio.id])
    await line_repository.hasten(session, portfolio.id, line_repository.HASTENED_MAX)
    return True


async def refused(session: TenantSession, account_id: UUID) -> None:
    """The provider refused a message because there have been too many: its count is above ours. Less is used for a day."""
    portfolio = await _portfolio(session, account_id)
    await places_repository.clear(session, [portfolio.id])
    portfolio = await pools_repository.lock_portfolio(session, portfolio.id)
    if portfolio.limits.lowered_to is not None and portfolio.limits.lowered_to < portfolio.used:
        # Lowered already, and this one was under way, or is said a second time.
        return
    await pools_repository.lower(session, portfolio.id, lowered(portfolio.used), LOWERED_S)
    log.warning("volume_lowered", account_id=str(account_id), used=portfolio.used)


async def set_quality(session: TenantSession, account_id: UUID, good: bool) -> None:
    """Let the warm-up of a number go on, or hold it, one step back, while its quality is not good."""
    await volume.settle(session, account_id)
    await pools_repository.hold(session, account_id, not good)


async def _portfolio(session: TenantSession, account_id: UUID) -> PortfolioPool:
    """Lock and return the portfolio in which a number counts."""
    await volume.settle(session, account_id)
    number = await pools_repository.lock_number(session, account_id)
    assert number is not None and number.part_of is not None
    return await pools_repository.lock_portfolio(session, number.part_of)
