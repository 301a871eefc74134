"""The five signals of the beta (docs/scope.md), over all tenants, from the figures that are counted per tenant."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from konstruct.db.database import Database

Verdict = Literal["held", "missed", "unknown"]

FIRST_ANSWER_SHARE = 0.60
WEEKLY_ACTIVE_MEDIAN = 5.0
ANSWERED_SHARE = 0.80
RATED_SHARE = 0.80
HANDED_OVER_SHARE = (0.05, 0.25)
RETAINED_SHARE = 0.60
"""What is held for a working beta, as docs/scope.md says. Guesses, to be corrected there and here together."""


@dataclass(frozen=True, slots=True)
class Signal:
    """A figure over `of` cases, and the bounds between which it is held; None without cases."""

    value: float | None
    of: int
    least: float
    most: float | None = None

    @property
    def verdict(self) -> Verdict:
        """Whether it is held; unknown without cases."""
        if self.value is None or not self.of:
            return "unknown"
        return "held" if self.value >= self.least and (self.most is None or self.value <= self.most) else "missed"


@dataclass(frozen=True, slots=True)
class Signals:
    """All five, one of them in two forms, and how old the oldest figure behind them is."""

    first_answer: Signal
    weekly_active: Signal
    active_by_week: list[float]
    """Medians of the first to the fourth week after sign-up, as far as there are any: it should grow."""
    rated: Signal
    """Ratings that are good."""
    answered: Signal
    """Stands in for ratings as long as there are none."""
    handed_over: Signal
    retained: Signal
    counted: int
    uncounted: int
    counted_at: datetime | None


_SIGNALS = """
SELECT
  count(*) FILTER (WHERE h.computed_at IS NOT NULL) AS counted,
  count(*) FILTER (WHERE h.computed_at IS NULL) AS uncounted,
  min(h.computed_at) AS counted_at,
  count(*) FILTER (WHERE h.signed_up_at <= now() - interval '1 hour') AS signed_up,
  count(*) FILTER (WHERE h.signed_up_at <= now() - interval '1 hour'
    AND h.first_answer_at <= h.signed_up_at + interval '1 hour') AS quick,
  count(*) FILTER (WHERE d.status = 'active' AND h.computed_at IS NOT NULL) AS active,
  percentile_cont(0.5) WITHIN GROUP (ORDER BY h.weekly_active)
    FILTER (WHERE d.status = 'active' AND h.computed_at IS NOT NULL) AS weekly_active,
  percentile_cont(0.5) WITHIN GROUP (ORDER BY h.active_by_week[1]) AS week_1,
  percentile_cont(0.5) WITHIN GROUP (ORDER BY h.active_by_week[2]) AS week_2,
  percentile_cont(0.5) WITHIN GROUP (ORDER BY h.active_by_week[3]) AS week_3,
  percentile_cont(0.5) WITHIN GROUP (ORDER BY h.active_by_week[4]) AS week_4,
  coalesce(sum(h.ratings), 0) AS ratings, coalesce(sum(h.ratings_good), 0) AS ratings_good,
  coalesce(sum(h.turns), 0) AS turns, coalesce(sum(h.turns_answered), 0) AS turns_answered,
  coalesce(sum(h.conversations), 0) AS conversations, coalesce(sum(h.conversations_handed_over), 0) AS handed_over,
  count(h.active_by_week[4]) AS grown, count(*) FILTER (WHERE h.active_by_week[4] > 0) AS retained
FROM tenant_directory d LEFT JOIN tenant_health h ON h.tenant_id = d.tenant_id
WHERE d.status <> 'erasing'
"""


async def read_signals(db: Database) -> Signals:
    """Return the signals over all tenants that are not being erased."""
    (row,) = await db.fleet_fetch("beta signals", _SIGNALS)
    weeks = [row[f"week_{week}"] for week in (1, 2, 3, 4)]
    return Signals(
        first_answer=_share(row["quick"], row["signed_up"], FIRST_ANSWER_SHARE),
        weekly_active=Signal(row["weekly_active"], row["active"], WEEKLY_ACTIVE_MEDIAN),
        active_by_week=[median for median in weeks if median is not None],
        rated=_share(row["ratings_good"], row["ratings"], RATED_SHARE),
        answered=_share(row["turns_answered"], row["turns"], ANSWERED_SHARE),
        handed_over=_share(row["handed_over"], row["conversations"], *HANDED_OVER_SHARE),
        retained=_share(row["retained"], row["grown"], RETAINED_SHARE),
        counted=row["counted"],
        uncounted=row["uncounted"],
        counted_at=row["counted_at"],
    )


def _share(part: int, of: int, least: float, most: float | None = None) -> Signal:
    return Signal(int(part) / int(of) if of else None, int(of), least, most)
