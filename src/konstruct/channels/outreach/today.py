"""How many people a number may still write to first today, for whoever asks and for the portal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from konstruct.channels.outreach import today_repository as repository
from konstruct.channels.outreach.tiers import LOWEST, UNLIMITED, Limits, allowance
from konstruct.db.session import Record, TenantSession


@dataclass(frozen=True, slots=True)
class LimitNote:
    """A limit that the provider told of. Without an end it is None."""

    daily_limit: int | None
    source: str
    noted_at: datetime


@dataclass(frozen=True, slots=True)
class Today:
    """What a number has used of today's volume, in people; a ceiling of None has no end."""

    used: int
    """Whom the portfolio has written to first in the last 24 hours."""
    ceiling: int | None
    """To how many it may."""
    daily_limit: int | None
    """The provider's limit, of which the ceiling is a part; None: without an end."""
    known: bool
    """Whether the provider has told the limit; else the lowest holds."""
    lowered: bool
    """Whether the provider refused something, so that less is used for a day."""
    number_used: int
    number_allowed: int | None
    """What the number may do while it is warmed up; None: it is warm."""
    held: bool
    """Whether the warm-up rests, because of the number's quality."""
    waiting: int
    """Messages that wait for a place."""
    next_s: float | None
    """In how many seconds the next place frees, where none is free."""
    counts_already: bool = False
    """Whether the person who was asked about counts, so that another message to them costs no place."""

    @property
    def left(self) -> int | None:
        """How many people may still be written to first now; None: any number."""
        free = [
            ceiling - used
            for ceiling, used in ((self.ceiling, self.used), (self.number_allowed, self.number_used))
            if ceiling is not None
        ]
        return max(0, min(free) - self.waiting) if free else None


async def today(session: TenantSession, account_id: UUID, *, contact_ids: Sequence[UUID] = ()) -> Today:
    """Return how a number stands today; `contact_ids` are one person's, who may count already."""
    number = await repository.number(session, account_id, contact_ids)
    portfolio = await repository.portfolio(session, account_id, contact_ids)
    limits = Limits(None, True, None) if portfolio is None else _limits(portfolio)
    allowed = allowance(0 if number is None else number["step"])
    limit = LOWEST if limits.daily_limit is None else limits.daily_limit
    rows = [row for row in (number, portfolio) if row is not None]
    bounding = [
        (row, top) for row, top in ((number, allowed), (portfolio, limits.ceiling)) if row is not None and top is not None
    ]
    full = [row for row, top in bounding if row["used"] >= top]
    return Today(
        used=0 if portfolio is None else portfolio["used"],
        ceiling=limits.ceiling,
        daily_limit=None if limit == UNLIMITED else limit,
        known=limits.daily_limit is not None,
        lowered=limits.lowered_to is not None,
        number_used=0 if number is None else number["used"],
        number_allowed=allowed,
        held=number is not None and number["held"],
        waiting=sum(row["waiting"] for row in rows),
        next_s=max((row["next_s"] or 0.0 for row in full), default=None),
        counts_already=bool(bounding) and all(row["counts_already"] for row, _ in bounding),
    )


async def history(session: TenantSession, account_id: UUID) -> list[LimitNote]:
    """Return the limits of the number's portfolio, newest first."""
    rows = await repository.history(session, account_id)
    return [
        LimitNote(None if row["daily_limit"] == UNLIMITED else row["daily_limit"], row["source"], row["noted_at"]) for row in rows
    ]


def _limits(row: Record) -> Limits:
    return Limits(row["daily_limit"], row["fresh"], row["lowered_to"])
