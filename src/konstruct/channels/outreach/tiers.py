"""How many people may be written to first in 24 hours: the provider's tiers, what of them we use, and the first days of a number.

Meta counts the people whom a portfolio wrote to outside their windows in any 24 hours. We stay under it: others may use the same
portfolio, and our clock is not Meta's.
"""

from __future__ import annotations

from dataclasses import dataclass

UNLIMITED = -1
TIERS = (250, 2_000, 10_000, 100_000, UNLIMITED)
LOWEST = TIERS[0]
"""Holds until the provider has said something else."""
COUNTED_S = 24 * 3600.0 + 300.0
"""How long a person counts. The provider counts from when the message reached it, which is a little after our clock's start."""
_OURS = 80
"""Per cent of a limit that we use."""
_FRESH = 20
"""Per cent of it in the first 24 hours of a portfolio: who had it before us may have used the others."""
LOWERED = 80
"""Per cent of what we have sent, after a refusal for too much: others have used the rest of the limit."""
LOWERED_S = 24 * 3600.0
WARM_UP_FIRST = 50
"""People whom a new number may write to first on its first day. It doubles each day on which at least half of it was used."""
WARM_UP_DAY_S = 24 * 3600.0
STEP_MAX = 11
"""50 · 2^11 is above the highest tier with a number: the number is warm."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What bounds a portfolio now."""

    daily_limit: int | None
    """As the provider says; UNLIMITED; None: it has not said anything yet."""
    fresh: bool
    """Whether it has been ours for less than a day."""
    lowered_to: int | None
    """What a refusal taught us, while that holds."""

    @property
    def ceiling(self) -> int | None:
        """How many people may count at a time; None: without an end."""
        limit = LOWEST if self.daily_limit is None else self.daily_limit
        share = None if limit == UNLIMITED else limit * (_FRESH if self.fresh else _OURS) // 100
        bounds = [bound for bound in (share, self.lowered_to) if bound is not None]
        return min(bounds, default=None)


def allowance(step: int) -> int | None:
    """How many people a number may write to first in 24 hours at a step of its warm-up; None: it is warm."""
    return None if step >= STEP_MAX else WARM_UP_FIRST << step


def lowered(used: int) -> int:
    """Return what a portfolio may use from now on, after the provider refused a message when `used` people counted."""
    return used * LOWERED // 100
