"""Every query of the inbox finds its rows by an index, under row-level security: none reads a whole table."""

from __future__ import annotations

import re
from typing import Any

import pytest

from konstruct.conversations import (
    inbox_repository,
    live_repository,
    notes_repository,
    overview_repository,
    place,
    search_repository,
    thread_repository,
)
from konstruct.conversations.inbox_repository import Cursor, Filter, Show
from konstruct.conversations.search import search
from konstruct.db.session import Record, TenantSession
from konstruct.kit.ids import uuid7
from tests.support.hand import rows
from tests.support.house import House
from tests.support.slack_events import message


class Explained(TenantSession):
    """A session that also asks how each query would be answered if a sequential scan were the last resort."""

    __slots__ = ("plans",)

    def __init__(self, inner: TenantSession) -> None:
        super().__init__(inner._connection, inner.scope)
        self.plans: list[str] = []

    async def fetch(self, sql: str, *args: Any) -> list[Record]:
        await self._explain(sql, *args)
        return await super().fetch(sql, *args)

    async def fetchrow(self, sql: str, *args: Any) -> Record | None:
        await self._explain(sql, *args)
        return await super().fetchrow(sql, *args)

    async def _explain(self, sql: str, *args: Any) -> None:
        lines = await super().fetch(f"EXPLAIN {sql}", *args)
        self.plans.append("\n".join(line[0] for line in lines))


async def plans(still: House, *works: Any) -> list[str]:
    async with still.db.tenant(still.scopes[0]) as session:
        await session.execute("SET LOCAL enable_seqscan = off")
        explained = Explained(session)
        for work in works:
            await work(explained)
    return explained.plans


def scanned(plan: str) -> list[str]:
    """Return the tables that a plan reads as a whole; those of a handful of rows per tenant may be."""
    return [table for table in re.findall(r"Seq Scan on (\w+)", plan) if table not in ("tenants", "agents")]


@pytest.fixture
async def found(still: House) -> Any:
    """A conversation with a few messages, beside another business's."""
    for team in still.teams:
        await still.deliver(*(message(team, "D1", "U1", f"battery {n}") for n in range(5)))
    (row,) = await rows(still, still.scopes[0], "SELECT id, last_message_at AS at FROM conversations WHERE tenant_id = $1")
    return Cursor(row["at"], row["id"])


@pytest.mark.parametrize("show", ["all", "ai", "waiting", "human", "needs_me"])
async def test_lists(still: House, found: Cursor, show: Show) -> None:
    filters = (Filter(show), Filter(show, "slack"), Filter(show, account_id=uuid7()), Filter(show, contact_id=uuid7()))
    works = [
        lambda s, f=wanted, b=before: inbox_repository.list_conversations(s, f, b)
        for wanted in filters
        for before in (None, found)
    ]
    seen = await plans(still, *works)
    assert len(seen) == 8
    assert [scanned(plan) for plan in seen] == [[]] * 8


async def test_threads_and_what_is_beside_them(still: House, found: Cursor) -> None:
    seen = await plans(
        still,
        lambda s: thread_repository.messages_before(s, found.id, None),
        lambda s: thread_repository.messages_before(s, found.id, 3),
        lambda s: thread_repository.messages_from(s, found.id, 3),
        lambda s: overview_repository.overview(s, found.id),
        lambda s: notes_repository.notes_of(s, found.id),
        lambda s: live_repository.pulse(s, found.id),
        lambda s: place.lock(s, found.id),
    )
    assert [scanned(plan) for plan in seen] == [[]] * len(seen)


async def test_searches(still: House, found: Cursor) -> None:
    seen = await plans(
        still,
        lambda s: search(s, "battery"),
        lambda s: search(s, "battery 3 empty"),
        lambda s: search_repository.unindexed(s, uuid7(), 10),
        search_repository.lock_progress,
    )
    assert len(seen) == 7
    assert [scanned(plan) for plan in seen] == [[]] * 7
