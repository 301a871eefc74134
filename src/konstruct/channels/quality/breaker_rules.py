"""When writing first has gone so badly that it is stopped until a person has looked: the thresholds, and why each is where it is.

Meta publishes none: it says that blocks, reports and recent templates count over seven days (developers.facebook.com, "Messaging
quality"), and that a paused template is a warning. So each threshold is set where a business that writes to people who asked
for it does not come, and well before the provider's own steps. They are guesses until real numbers correct them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass

from konstruct.channels.quality.machine import Tripped


@dataclass(frozen=True, slots=True)
class Counts:
    """What was written first from a number, and what came of it, in the last 24 hours or since a person looked into it."""

    sent: int = 0
    sent_hour: int = 0
    usual_day: int = 0
    """What was sent in a day, on average of the seven days before."""
    failed: int = 0
    """Of `sent`: those that the provider did not deliver."""
    unwanted: int = 0
    """Of `failed`: those of people who want no more of it, as the provider says (131049, 131050)."""
    opted_out: int = 0
    """People who said that they want to be written to no more."""
    heard: int = 0
    """People who wrote."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A threshold: it is passed if `passed` says so. `why` is for the owner, `source` for who wants to change it."""

    cause: str
    passed: Callable[[Counts], bool]
    why: str
    source: str


def _share(part: int, of: int, share: float, least: int) -> bool:
    return part >= least and part >= share * of


RULES: tuple[Rule, ...] = (
    Rule(
        "breaker_unwanted",
        lambda c: _share(c.unwanted, c.sent, 0.05, 5),
        "one in twenty messages went to people who do not want them, as the provider says",
        "131049 and 131050 are Meta's own words for it; one in twenty is ten times what senders of e-mail are held to"
        " (Gmail: 0.3 % of complaints)",
    ),
    Rule(
        "breaker_failed",
        lambda c: _share(c.failed, c.sent, 0.20, 10),
        "one in five messages could not be delivered",
        "an old or a bought list: of numbers that people gave themselves, few per cent are not on WhatsApp (131026)",
    ),
    Rule(
        "breaker_opted_out",
        lambda c: _share(c.opted_out, c.sent, 0.03, 5),
        "three in a hundred people said that they want no more of it",
        "for each that says so, several block in silence, and blocks are what Meta counts",
    ),
    Rule(
        "breaker_spike",
        lambda c: c.sent_hour >= 50 and 24 * c.sent_hour >= 10 * max(c.usual_day, 1) and 100 * c.heard < c.sent,
        "far more was sent within an hour than usual, and hardly anybody answered",
        "a flood that nobody answers is what a stolen or a careless account looks like; ten times the usual rate is no growth",
    ),
    Rule(
        "breaker_unanswered",
        lambda c: c.sent >= 100 and c.sent >= 4 * max(c.usual_day, 1) and 100 * c.heard < c.sent,
        "far more was sent within a day than usual, and hardly anybody answered",
        "as above, spread over a day: four times the usual, and less than one in a hundred has written",
    ),
)
TEMPLATE_PAUSED = "breaker_template_paused"
BY_PROVIDER = "breaker_provider"
WHY = {
    **{rule.cause: rule.why for rule in RULES},
    TEMPLATE_PAUSED: "the provider stopped a template, because people blocked or reported what it said",
    "breaker_template_disabled": "the provider disabled a template for good, because people blocked or reported what it said",
    BY_PROVIDER: "the provider refused a message because too many people blocked or reported the number",
}
"""What is said to the owner, by cause."""
UNWANTED = r"(^|\D)(131049|131050)(\D|$)"
"""The provider's codes for people who want no more, as PostgreSQL's regular expression."""
BLOCKED = frozenset(("number_blocked",))
"""Words with which an adapter says that the account itself is blocked or locked, whatever its token."""


def tripped(counts: Counts) -> Tripped | None:
    """Return what trips the breaker, with what was counted, or None."""
    for rule in RULES:
        if rule.passed(counts):
            return Tripped(rule.cause, asdict(counts))
    return None
