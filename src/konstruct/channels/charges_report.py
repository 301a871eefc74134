"""How many messages the provider bills, in its own categories: for a period, by conversation, and as a file.

Counts are exact. What they cost is not said: Meta's prices differ by country, category and volume and change by the month, and
its invoice names them; a number of ours beside it would be another one.
"""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from konstruct.channels import charges_repository as repository
from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.db.session import TenantSession

HEAD = ("day", "channel", "account", "category", "type", "billed", "messages")


@dataclass(frozen=True, slots=True)
class Category:
    """Messages of a category."""

    category: str
    billed: int = 0
    free: int = 0


@dataclass(frozen=True, slots=True)
class Messages:
    """Messages of a period, in the provider's categories, the most frequent first."""

    categories: Sequence[Category] = ()

    @property
    def billed(self) -> int:
        """All that cost."""
        return sum(each.billed for each in self.categories)

    @property
    def free(self) -> int:
        """All that do not."""
        return sum(each.free for each in self.categories)


async def read(session: TenantSession, first: date, last: date) -> Messages:
    """Return the messages of a period."""
    found: dict[str, Category] = {}
    for row in await repository.by_category(session, first, last):
        known = found.get(row["category"], Category(row["category"]))
        billed, free = (row["messages"], 0) if row["billable"] else (0, row["messages"])
        found[row["category"]] = Category(known.category, known.billed + billed, known.free + free)
    return Messages(sorted(found.values(), key=lambda each: (-each.billed - each.free, each.category)))


async def of_conversations(session: TenantSession, first: date, last: date, ids: Sequence[UUID]) -> dict[UUID, Category]:
    """Return the messages of a period by conversation, for those of `ids` that have some."""
    rows = await repository.of_conversations(session, first, last, list(ids)) if ids else []
    return {row["conversation_id"]: Category("", row["billed"] or 0, row["free"] or 0) for row in rows}


async def lines(db: Database, scope: TenantScope, first: date, last: date) -> AsyncIterator[str]:
    """Yield the messages by day, account and category as CSV, its head first."""
    async with db.tenant(scope) as session:
        rows = await repository.by_day(session, first, last)
    yield _text([HEAD])
    yield _text(
        [
            (
                row["day"].isoformat(),
                row["kind"] or "",
                row["external_id"] or "",
                row["category"],
                row["charge_type"],
                "yes" if row["billable"] else "no",
                str(row["messages"]),
            )
            for row in rows
        ]
    )


def _text(rows: Sequence[Sequence[str]]) -> str:
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    return out.getvalue()
