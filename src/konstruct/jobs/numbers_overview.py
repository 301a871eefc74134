"""The numbers that operators have to know of: stopped by their provider or our breaker, taken for a general AI, not asked about.

Platform table only: ids, levels, times and the provider's own words, no tenant's content.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from konstruct.db.database import Database
from konstruct.db.session import FleetSession

SHOWN = 100
STALE_S = 2 * 3600.0
"""A number that nobody could ask about for so long may have gone bad unseen."""


@dataclass(frozen=True, slots=True)
class Number:
    """A number that something is the matter with."""

    tenant_id: UUID
    account_id: UUID
    level: str
    cause: str | None
    since: datetime
    held: bool
    """Whether a person of the business has to look into it."""
    polled_at: datetime | None
    poll_problem: str | None
    stale: bool
    ai_priced: int
    ai_priced_at: datetime | None


_ROUTED = "EXISTS (SELECT 1 FROM channel_routes r WHERE r.tenant_id = s.tenant_id AND r.account_id = s.account_id)"
_STALE = "coalesce(s.polled_at, s.since) < now() - make_interval(secs => $1)"
_TROUBLED = f"""
SELECT s.tenant_id, s.account_id, s.level, s.cause, s.since, s.hold <> 'open' AS held, s.polled_at, s.poll_problem,
  {_STALE} AS stale, s.ai_priced, s.ai_priced_at
FROM account_standings s
WHERE {_ROUTED} AND (s.level <> 'open' OR {_STALE} OR s.ai_priced_at > now() - interval '30 days')
ORDER BY array_position(ARRAY['suspended', 'replies_only', 'no_outreach', 'open'], s.level), s.since DESC LIMIT $2
"""
_STALE_ONES = f"""
SELECT s.tenant_id, s.account_id, s.polled_at, s.poll_problem, s.daily_limit IS NOT NULL AS tier_known FROM account_standings s
WHERE {_ROUTED} ORDER BY s.polled_at NULLS FIRST LIMIT $1
"""


async def troubled(db: Database) -> list[Number]:
    """Return the numbers that something is the matter with, the gravest first."""
    return [Number(**dict(row)) for row in await db.fleet_fetch("numbers in trouble", _TROUBLED, STALE_S, SHOWN)]


@dataclass(frozen=True, slots=True)
class Asked:
    """When a number was asked about last."""

    tenant_id: UUID
    account_id: UUID
    polled_at: datetime | None
    poll_problem: str | None
    tier_known: bool


async def asked_least(session: FleetSession, limit: int) -> list[Asked]:
    """Return the connected numbers that were asked about longest ago."""
    return [Asked(**dict(row)) for row in await session.fetch(_STALE_ONES, limit)]
