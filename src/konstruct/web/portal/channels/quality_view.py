"""What the page of a number's quality shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from konstruct.channels.accounts_status import AccountStatus
from konstruct.channels.outreach.tiers import UNLIMITED
from konstruct.channels.port_numbers import NumberSeen
from konstruct.channels.quality.breaker_rules import WHY
from konstruct.channels.quality.history_repository import Change
from konstruct.channels.quality.machine import COOL_S
from konstruct.channels.quality.report import Report
from konstruct.channels.quality.repository import Hold
from konstruct.channels.templates.template import Template
from konstruct.kit.channel_names import channel_name
from konstruct.web.portal.channels.verification_words import BADGES
from konstruct.web.portal.charts import short_day

DAYS = 30
_TONES = {"GREEN": "ok", "YELLOW": "warn", "RED": "bad"}
_QUALITY = {"GREEN": "high", "YELLOW": "medium", "RED": "low", "UNKNOWN": "not rated yet"}
_LEVELS = {
    "open": ("Everything may be sent", "ok"),
    "no_outreach": ("Nobody is written to first", "warn"),
    "replies_only": ("Only replies are sent", "bad"),
    "suspended": ("Suspended: nothing is sent", "bad"),
}
_CAUSES = {
    "quality_yellow": "the provider's rating fell to medium",
    "quality_red": "the provider's rating fell to low",
    "status_flagged": "the provider has flagged the number",
    "status_restricted": "the provider restricts the number",
    "status_rate_limited": "the provider has limited the number's rate",
    "status_banned": "the provider has banned the number",
    "health_blocked": "the provider says that messages cannot be sent",
    "number_blocked": "the provider refuses messages: the account is blocked or locked",
    "ACCOUNT_RESTRICTION": "the provider restricts the business account",
    "ACCOUNT_VIOLATION": "the provider says that its rules were broken",
    "DISABLED_UPDATE": "the provider disables the business account",
    "ACCOUNT_DELETED": "the business account was deleted",
    "FLAGGED": "the provider has flagged the number",
}
_FIGURES = {
    "sent": "written first", "sent_hour": "of them in the last hour", "usual_day": "usual in a day", "failed": "not delivered",
    "unwanted": "not wanted", "opted_out": "left", "heard": "people who wrote",
}  # fmt: skip
_TOLD = {
    "resumed": "Resumed. What was noted is kept below, with your name.",
    "replaced": "Begun. The contacts move within minutes; those who agreed to hear from you are told as the day's volume allows.",
}


@dataclass(frozen=True, slots=True)
class Day:
    """A day of the strip."""

    x: int
    tone: str
    title: str


@dataclass(frozen=True, slots=True)
class UsableTemplate:
    """A template with which contacts can be told of a new number: it has one place to fill in at the most."""

    value: str
    label: str


@dataclass(frozen=True, slots=True)
class QualityView:
    """The page."""

    account: AccountStatus
    report: Report
    templates: Sequence[UsableTemplate] = ()
    done: str = ""
    problem: str = ""
    note_error: str = ""

    @property
    def name(self) -> str:
        """The channel's name."""
        return channel_name(self.account.kind)

    @property
    def place(self) -> str:
        """The number, or what the provider calls it."""
        return f"+{self.account.phone_number}" if self.account.phone_number else self.account.account_name

    @property
    def seen(self) -> NumberSeen:
        """What the provider said last."""
        return self.report.changes[0].seen if self.report.changes else NumberSeen()

    @property
    def told(self) -> str:
        """What was just done."""
        return _TOLD.get(self.done, "")

    @property
    def level(self) -> tuple[str, str]:
        """(words, tone) of what may be sent."""
        return _LEVELS[self.report.stand.level if self.report.stand else "open"]

    @property
    def quality(self) -> tuple[str, str]:
        """(words, tone) of the provider's rating; a word that nobody knows yet is shown as it is."""
        word = self.seen.quality
        if word is None:
            return "not asked yet" if self.report.stand is None or self.report.stand.polled_at is None else "not rated", "mute"
        return _QUALITY.get(word.upper(), word), _TONES.get(word.upper(), "mute")

    @property
    def tier(self) -> str:
        """How many people may be written to first in 24 hours, as the provider says."""
        limit = self.report.stand.daily_limit if self.report.stand else None
        return "not known yet" if limit is None else "no limit" if limit == UNLIMITED else f"{limit:,}"

    @property
    def verified(self) -> tuple[str, str]:
        """(words, tone) of how the business stands at the provider."""
        return BADGES[self.report.verification.state if self.report.verification else "not_started"]

    @property
    def why(self) -> str:
        """Why something is stopped."""
        stand = self.report.stand
        return self.cause(stand.cause) if stand and stand.cause else ""

    @property
    def ends(self) -> str:
        """When it ends by itself, or that it does not."""
        stand = self.report.stand
        if stand is None or stand.level == "open":
            return ""
        if stand.restriction != "open" and stand.restricted_until is not None:
            return f"The provider's restriction ends on {_moment(stand.restricted_until)}."
        if stand.rating != "open":
            return "It cannot be resumed while the provider says so." if stand.hold != "open" else _BY_ITSELF
        if stand.hold != "open":
            return "The provider finds nothing wrong any more: look into it, and resume."
        if stand.calm_since is not None:
            return (
                f"The provider is content again. It resumes by itself on {_moment(stand.calm_since + timedelta(seconds=COOL_S))}."
            )
        return _BY_ITSELF

    @property
    def strip(self) -> list[Day]:
        """The rating of each of the last days, the worst of the day."""
        today = datetime.now(UTC).date()
        return [
            Day(number * 10, tone or "none", f"{short_day(day)}: {_QUALITY.get(word, word.lower()) if word else 'not known'}")
            for number, (day, word, tone) in enumerate(_days(self.report.changes, today))
        ]

    @staticmethod
    def cause(word: str) -> str:
        """Return why, in words; a word of the provider's that nobody knows yet stands as it is."""
        return WHY.get(word) or _CAUSES.get(word) or f"the provider says {word.replace('_', ' ').lower()}"

    @staticmethod
    def figures(hold: Hold) -> str:
        """Return what was counted, in words."""
        return ", ".join(f"{value:,} {_FIGURES[name]}" for name, value in hold.figures.items() if name in _FIGURES)

    @staticmethod
    def rating(change: Change) -> tuple[str, str]:
        """Return (words, tone) of a line of the history."""
        word = (change.seen.quality or "").upper()
        return _QUALITY.get(word, change.seen.quality or "not rated"), _TONES.get(word, "mute")

    @staticmethod
    def limit(change: Change) -> str:
        """Return the tier of a line of the history."""
        limit = change.seen.daily_limit
        return "–" if limit is None else "no limit" if limit == UNLIMITED else f"{limit:,}"


_BY_ITSELF = "It resumes by itself when the provider has found nothing wrong for a day."
_ORDER = ("RED", "YELLOW", "GREEN")


def template_of(template: Template) -> UsableTemplate | None:
    """Return the template if contacts can be told with it."""
    plain = all(place.piece == "body" for place in template.places) and len(template.places) <= 1 and not template.named
    if not (template.approved and template.usable and plain):
        return None
    return UsableTemplate(f"{template.name} {template.language}", f"{template.name} ({template.language})")


def _days(changes: Sequence[Change], today: date) -> list[tuple[date, str | None, str | None]]:
    """Return (day, rating, tone) of the last days, the oldest first; of several ratings of a day the worst."""
    moves = [(change.at.astimezone(UTC).date(), (change.seen.quality or "").upper()) for change in reversed(changes)]
    first = today - timedelta(days=DAYS - 1)
    held = next((word for day, word in reversed(moves) if day < first), None)
    found = []
    for day in (first + timedelta(days=number) for number in range(DAYS)):
        came = [word for moved, word in moves if moved == day]
        seen = [*came, *([held] if held else [])]
        word = next((each for each in _ORDER if each in seen), seen[0] if seen else None)
        found.append((day, word, _TONES.get(word or "")))
        held = came[-1] if came else held
    return found


def _moment(at: datetime) -> str:
    return f"{at.astimezone(UTC):%-d %B at %H:%M} UTC"
