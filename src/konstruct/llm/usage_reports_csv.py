"""Usage as CSV (RFC 4180), a page of rows at a time: no transaction is open while a slow reader takes its time."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Iterable
from typing import Literal, get_args
from uuid import UUID

from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.llm import usage_reports_repository as repository
from konstruct.llm.usage_reports import Account, Period, Sums, account_of, conversation_of

By = Literal["day", "conversation", "channel"]
KINDS: tuple[By, ...] = get_args(By)
PAGE = 2000
_NUMBERS = (
    "calls", "calls_with_unknown_cost", "input_tokens", "cached_input_tokens", "output_tokens", "known_cost_usd",
)  # fmt: skip
_HEADS: dict[By, tuple[str, ...]] = {
    "day": ("day", *_NUMBERS),
    "channel": ("channel", "account", *_NUMBERS),
    "conversation": ("conversation_id", "channel", "account", "person", "name", *_NUMBERS),
}
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


async def lines(db: Database, scope: TenantScope, period: Period, by: By) -> AsyncIterator[str]:
    """Yield the file in pieces, its head first. A cost that nobody knows is an empty cell, never 0."""
    yield _text([_HEADS[by]])
    if by == "conversation":
        async for piece in _conversations(db, scope, period):
            yield piece
        return
    async with db.tenant(scope) as session:
        rows = await repository.days(session, period.first, period.last)
    if by == "day":
        days = dict.fromkeys(period.days, Sums())
        for row in rows:
            days[row["day"]] += Sums.of(row)
        yield _text((day.isoformat(), *_numbers(sums)) for day, sums in days.items())
    else:
        accounts: dict[Account, Sums] = {}
        for row in rows:
            accounts[account_of(row)] = accounts.get(account_of(row), Sums()) + Sums.of(row)
        yield _text((each.kind or "", each.external_id or "", *_numbers(sums)) for each, sums in accounts.items())


async def _conversations(db: Database, scope: TenantScope, period: Period) -> AsyncIterator[str]:
    after = UUID(int=0)
    while True:
        async with db.tenant(scope) as session:
            rows = await repository.conversations(session, period.first, period.last, after, PAGE)
        found = [conversation_of(row) for row in rows]
        yield _text(
            (str(each.id), each.channel_kind or "", each.account or "", each.person or "", each.name or "", *_numbers(each.sums))
            for each in found
        )
        if len(found) < PAGE:
            return
        after = found[-1].id


def _numbers(sums: Sums) -> tuple[str, ...]:
    cost = sums.cost_micro
    dollars = "" if cost is None else f"{cost // 1_000_000}.{cost % 1_000_000:06}"
    counts = (sums.calls, sums.unknown_cost_calls, sums.input_tokens, sums.cached_tokens, sums.output_tokens)
    return (*map(str, counts), dollars)


def _text(rows: Iterable[tuple[str, ...]]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer).writerows([safe(cell) for cell in row] for row in rows)
    return buffer.getvalue()


def safe(cell: str) -> str:
    """Return a cell that no spreadsheet takes for a formula (OWASP: CSV injection)."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell
