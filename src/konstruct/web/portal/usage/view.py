"""What the usage page shows: the report, with its drawings and the words for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from uuid import UUID

from konstruct.channels.charges_report import Category, Messages
from konstruct.conversations.ratings_repository import Share
from konstruct.kit.channel_names import channel_name
from konstruct.llm.usage_reports import ConversationUse, Period, Report, Sums
from konstruct.web.portal import charts
from konstruct.web.portal.charts import Chart

_CATEGORIES = {
    "service": "Answers to people who wrote",
    "utility": "Notifications",
    "marketing": "Marketing",
    "authentication": "Codes to sign in",
    "referral_conversion": "Answers after an advertisement",
    "general_purpose_ai": "General AI service",
}
TOKENS = ("Input", "Input from the cache", "Output")


@dataclass(frozen=True, slots=True)
class Drawing:
    """A chart in both sizes, with the names of its series."""

    wide: Chart
    narrow: Chart
    names: Sequence[str]


@dataclass(frozen=True, slots=True)
class UsageView:
    """The usage page."""

    report: Report
    share: Share
    """The ratings of the period."""
    error: str = ""
    entered: tuple[str, str] | None = None
    """The days as they were entered, where they are none."""
    messages: Messages = field(default_factory=Messages)
    """What the channels bill."""
    messages_of: Mapping[UUID, Category] = field(default_factory=dict)
    """The same by conversation."""

    @property
    def days(self) -> tuple[str, str]:
        """What stands in the fields of the period."""
        period = self.report.period
        return self.entered or (period.first.isoformat(), period.last.isoformat())

    @property
    def query(self) -> str:
        """The period as it stands in an address."""
        return f"from={self.report.period.first}&to={self.report.period.last}"

    @property
    def shortcuts(self) -> list[tuple[str, str, bool]]:
        """(label, address, whether it is shown) of the usual periods."""
        today = self.report.today
        periods = [
            ("7 days", Period(today - timedelta(days=6), today)),
            ("30 days", Period.until(today)),
            ("This month", Period(today.replace(day=1), today)),
            ("90 days", Period(today - timedelta(days=89), today)),
        ]
        return [(label, f"/usage?from={p.first}&to={p.last}", p == self.report.period) for label, p in periods]

    @property
    def cost(self) -> Drawing:
        """What each day cost, by channel."""
        kinds = sorted({kind for _, kind in self.report.by_day_and_kind}, key=lambda kind: (kind is None, kind or ""))
        values = [[self.report.by_day_and_kind.get((day, kind), Sums()).known_cost_micro for kind in kinds] for day in self._days]
        names = [self.channel(kind) for kind in kinds]
        wide, narrow = (charts.stacked(self._days, values, names, charts.dollars, size) for size in (charts.WIDE, charts.NARROW))
        return Drawing(wide, narrow, names)

    @property
    def tokens(self) -> Drawing:
        """How the tokens grew over the period."""
        sums = [self.report.by_day.get(day, Sums()) for day in self._days]
        values = [[each.fresh_tokens, each.cached_tokens, each.output_tokens] for each in sums]
        wide, narrow = (charts.growing(self._days, values, TOKENS, charts.compact, size) for size in (charts.WIDE, charts.NARROW))
        return Drawing(wide, narrow, TOKENS)

    @property
    def table(self) -> list[tuple[date, Sums]]:
        """The days with calls, the latest first: what the drawings show, in numbers."""
        return sorted(self.report.by_day.items(), reverse=True)

    @property
    def month(self) -> str:
        """The name of the present month."""
        return f"{self.report.today:%B}"

    @property
    def budget_width(self) -> int:
        """The spent part of the budget, in hundredths; 0 without a limit."""
        return round(100 * (self.report.budget.share or 0))

    @property
    def budget_tone(self) -> str:
        """Whether the budget holds."""
        share = self.report.budget.share or 0
        return "bad" if share >= 1 else "warn" if share >= 0.8 else "ok"

    @staticmethod
    def channel(kind: str | None) -> str:
        """Return a kind of channel as people call it."""
        return "Tried here" if kind is None else channel_name(kind)

    @staticmethod
    def category(word: str) -> str:
        """Return a category of the provider's in words."""
        return _CATEGORIES.get(word, word.replace("_", " "))

    @staticmethod
    def compact(value: int) -> str:
        """Return a count in few letters."""
        return charts.compact(value)

    @staticmethod
    def conversation(use: ConversationUse) -> str:
        """Return what to call a conversation: the person, or the channel of its thread."""
        if not use.exists:
            return "A conversation that was deleted"
        return f"A thread in {use.channel_id}" if use.is_thread else use.name or use.person or "Somebody"

    @property
    def _days(self) -> list[date]:
        return self.report.period.days
