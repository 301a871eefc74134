"""How a number stands, and how that changes: one pure function of what was and what is learned.

A level is the worst of four things that come and go each by its own rule: what the last poll said, what the provider said by
itself (perhaps until a time), what a person has to look into first, and a time of waiting after a warning has ended.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from konstruct.channels.quality.levels import SEVERE, Level, worse, worst

COOL_S = 24 * 3600.0
"""How long the provider must have found nothing wrong after a mere warning, before people are written to first again by itself.
Its rating looks back over seven days and moves a step at a time: an hour of green after yellow says little, a day says that
what caused it has stopped. After red nothing resumes by itself."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How a number stands. Times are Unix seconds."""

    rating: Level = "open"
    """What follows from the last poll."""
    restriction: Level = "open"
    """What follows from what the provider said by itself."""
    restricted_until: float | None = None
    """None: until the provider lifts it, or a person says that it did."""
    hold: Level = "open"
    """Stays until a person resumes."""
    cooling: bool = False
    """There was a warning, and it is not over for long enough."""
    calm_since: float | None = None
    """Since when polls have found nothing wrong; None: the last one did, or there was none."""
    cause: str | None = None

    @property
    def level(self) -> Level:
        """What may be sent."""
        return worst(self.rating, self.restriction, self.hold, "no_outreach" if self.cooling else "open")

    @property
    def resumable(self) -> bool:
        """Whether a person may resume: not while the provider itself says no, for that is nobody's to overrule."""
        waiting = self.hold != "open" or self.cooling or (self.restriction != "open" and self.restricted_until is None)
        return waiting and self.rating not in SEVERE and (self.restriction == "open" or self.restricted_until is None)


@dataclass(frozen=True, slots=True)
class Polled:
    """The provider was asked."""

    level: Level
    cause: str | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """The provider said by itself what may be done from now on; `open` lifts what it said before."""

    level: Level
    cause: str | None = None
    until: float | None = None


@dataclass(frozen=True, slots=True)
class Tripped:
    """Our own breaker: what was sent went so badly that a person has to look."""

    cause: str
    figures: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Resumed:
    """A person looked into it, and takes it on themselves."""


Observation = Polled | Told | Tripped | Resumed


def step(old: Standing, observation: Observation, now: float) -> Standing:
    """Return how the number stands after `observation`, at `now`."""
    new = was = _expired(old, now)
    match observation:
        case Polled(level):
            new = _polled(was, level, now)
        case Told("open"):
            new = replace(was, restriction="open", restricted_until=None)
        case Told(level, _, until):
            # One that is over already, and was heard of late, is looked into all the same.
            new = replace(was, hold=worst(was.hold, _held(level)), calm_since=None)
            if not worse(was.restriction, level) and (until is None or until > now):
                new = replace(new, restriction=level, restricted_until=until)
        case Tripped():
            new = replace(was, hold=worst(was.hold, "no_outreach"))
        case Resumed() if was.resumable:
            cooling = was.cooling and was.rating != "open"
            new = replace(was, hold="open", cooling=cooling, restriction="open", restricted_until=None)
    # Why it stands as it does is what made it so bad; what comes later, or is milder, does not change that.
    if worse(new.level, was.level):
        return replace(new, cause=getattr(observation, "cause", None))
    return new if new.level != "open" else replace(new, cause=None)


def _polled(old: Standing, level: Level, now: float) -> Standing:
    if level != "open":
        return replace(old, rating=level, calm_since=None, cooling=True, hold=worst(old.hold, _held(level)))
    calm_since = now if old.calm_since is None else min(old.calm_since, now)
    return replace(old, rating="open", calm_since=calm_since, cooling=old.cooling and now - calm_since < COOL_S)


def _held(level: Level) -> Level:
    """What a person has to look into first. After a ban that is all that is sent; after red, writing first."""
    return "suspended" if level == "suspended" else "no_outreach" if level in SEVERE else "open"


def _expired(old: Standing, now: float) -> Standing:
    if old.restricted_until is not None and now >= old.restricted_until:
        return replace(old, restriction="open", restricted_until=None)
    return old
