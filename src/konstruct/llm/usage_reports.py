"""What the language model has cost a business: by day, conversation and channel."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Self, TypeVar
from uuid import UUID

from konstruct.db.session import Record, TenantSession
from konstruct.kit.errors import KonstructError
from konstruct.llm import usage_reports_repository as repository

DEFAULT_DAYS = 30
LONGEST_DAYS = 366
DEAREST = 10
K = TypeVar("K", bound=Hashable)


class PeriodError(KonstructError):
    """A period cannot be shown: a day that is none, an end before its beginning, more than a year."""


@dataclass(frozen=True, slots=True)
class Period:
    """Whole days, both ends included."""

    first: date
    last: date

    @property
    def days(self) -> list[date]:
        """Every day of it."""
        return [self.first + timedelta(days=number) for number in range((self.last - self.first).days + 1)]

    @classmethod
    def until(cls, today: date) -> Self:
        """Return the last DEFAULT_DAYS days."""
        return cls(today - timedelta(days=DEFAULT_DAYS - 1), today)

    @classmethod
    def of(cls, first: str, last: str, today: date) -> Self:
        """Return the period between two dates (2026-03-31); an empty one stands for its default. Raises PeriodError."""
        ends = _day(last) or today
        begins = _day(first) or min(ends, today) - timedelta(days=DEFAULT_DAYS - 1)
        if begins > ends:
            raise PeriodError("The first day must not be after the last one.")
        if (ends - begins).days >= LONGEST_DAYS:
            raise PeriodError(f"A period is at most {LONGEST_DAYS} days long.")
        return cls(begins, ends)


@dataclass(frozen=True, slots=True)
class Sums:
    """What calls add up to."""

    calls: int = 0
    failed_calls: int = 0
    unknown_cost_calls: int = 0
    input_tokens: int = 0
    cached_tokens: int = 0
    """Of the input tokens, those that the provider had in its cache."""
    output_tokens: int = 0
    known_cost_micro: int = 0
    """Millionths of a US dollar, of the calls whose cost is known."""

    @property
    def cost_micro(self) -> int | None:
        """The known cost; None where there were calls and the cost of none is known."""
        return None if self.calls and self.calls == self.unknown_cost_calls else self.known_cost_micro

    @property
    def tokens(self) -> int:
        """Tokens read and written."""
        return self.input_tokens + self.output_tokens

    @property
    def fresh_tokens(self) -> int:
        """Input tokens that were not in the provider's cache."""
        return self.input_tokens - self.cached_tokens

    def __add__(self, other: Sums) -> Sums:
        return Sums(*(getattr(self, name) + getattr(other, name) for name in _FIELDS))

    @classmethod
    def of(cls, row: Record) -> Self:
        """Return the sums that stand in a row of a report."""
        failed = row.get("failed_calls", 0)
        return cls(
            row["calls"], failed, row["unknown_cost_calls"], row["input_tokens"], row["cached_tokens"], row["output_tokens"],
            row["cost_micro"],
        )  # fmt: skip


_FIELDS = tuple(Sums.__dataclass_fields__)


@dataclass(frozen=True, slots=True)
class Account:
    """A channel's account as a report names it. `kind` and `external_id` are None for calls that no channel asked for."""

    id: UUID
    kind: str | None
    external_id: str | None


@dataclass(frozen=True, slots=True)
class ConversationUse:
    """What a conversation took. All but its id and sums are None once it is deleted."""

    id: UUID
    sums: Sums
    channel_kind: str | None
    account: str | None
    is_thread: bool
    channel_id: str | None
    person: str | None
    name: str | None

    @property
    def exists(self) -> bool:
        """Whether it can still be looked at."""
        return self.channel_id is not None


@dataclass(frozen=True, slots=True)
class MonthBudget:
    """The budget of the present month; `limit_micro` is None without a limit."""

    limit_micro: int | None
    spent_micro: int
    reserved_micro: int

    @property
    def share(self) -> float | None:
        """The part of the limit that is spent, from 0 to 1; None without a limit."""
        if self.limit_micro is None:
            return None
        return min(1.0, self.spent_micro / self.limit_micro) if self.limit_micro else 1.0


@dataclass(frozen=True, slots=True)
class Report:
    """The usage of a period."""

    period: Period
    today: date
    total: Sums
    by_day: Mapping[date, Sums]
    """Only days with calls."""
    by_day_and_kind: Mapping[tuple[date, str | None], Sums]
    by_account: Sequence[tuple[Account, Sums]]
    """The dearest first."""
    by_model: Sequence[tuple[str, Sums]]
    dearest: Sequence[ConversationUse]
    budget: MonthBudget


async def read(session: TenantSession, first: str = "", last: str = "") -> Report:
    """Return the usage between two days, in three queries. Raises PeriodError."""
    now = await repository.today(session)
    period = Period.of(first, last, now["today"])
    rows = await repository.days(session, period.first, period.last)
    dearest = await repository.dearest_conversations(session, period.first, period.last, DEAREST)
    return Report(
        period=period,
        today=now["today"],
        total=sum((Sums.of(row) for row in rows), Sums()),
        by_day=_grouped(rows, lambda row: row["day"]),
        by_day_and_kind=_grouped(rows, lambda row: (row["day"], row["kind"])),
        by_account=_dearest_first(_grouped(rows, account_of)),
        by_model=_dearest_first(_grouped(rows, lambda row: str(row["model"]))),
        dearest=[conversation_of(row) for row in dearest],
        budget=MonthBudget(now["limit_micro"], now["spent_micro"] or 0, now["reserved_micro"] or 0),
    )


async def period_of(session: TenantSession, first: str, last: str) -> Period:
    """Return the period between two days. Raises PeriodError."""
    return Period.of(first, last, (await repository.today(session))["today"])


def account_of(row: Record) -> Account:
    """Return the account that a row of days is about."""
    return Account(row["account_id"], row["kind"], row["external_id"])


def conversation_of(row: Record) -> ConversationUse:
    """Return the conversation that a row is about."""
    return ConversationUse(
        id=row["conversation_id"],
        sums=Sums.of(row),
        channel_kind=row["kind"],
        account=row["external_id"],
        is_thread=row["conversation_kind"] == "thread",
        channel_id=row["channel_id"],
        person=row["person"],
        name=row["display_name"],
    )


def _grouped(rows: Iterable[Record], key: Callable[[Record], K]) -> dict[K, Sums]:
    groups: dict[K, Sums] = {}
    for row in rows:
        name = key(row)
        groups[name] = groups.get(name, Sums()) + Sums.of(row)
    return groups


def _dearest_first(groups: Mapping[K, Sums]) -> list[tuple[K, Sums]]:
    return sorted(groups.items(), key=lambda item: (-item[1].known_cost_micro, -item[1].tokens))


def _day(text: str) -> date | None:
    text = text.strip()
    if not text:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise PeriodError("A day looks like 2026-03-31.") from None
    if not 2000 <= day.year <= 2999:
        raise PeriodError("A day lies between the years 2000 and 2999.")
    return day
