"""How far a number may still be used, from everything to nothing."""

from __future__ import annotations

from typing import Literal, get_args

Level = Literal["open", "no_outreach", "replies_only", "suspended"]
"""no_outreach: nobody is written to first. replies_only: likewise, and a person of the operator's side is told. suspended:
nothing is sent at all; what people write is kept."""
LEVELS: tuple[Level, ...] = get_args(Level)
"""From the best to the worst."""
SEVERE: frozenset[Level] = frozenset(("replies_only", "suspended"))
"""Operators are told of these, and a person has to look into them before anybody is written to first again."""


def worst(*levels: Level) -> Level:
    """Return the one that allows least."""
    return max(levels, key=LEVELS.index)


def worse(one: Level, than: Level) -> bool:
    """Return whether `one` allows less than `than`."""
    return LEVELS.index(one) > LEVELS.index(than)
