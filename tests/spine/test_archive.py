"""Deliveries that were shown long ago leave the outbox, and nobody who reads sees a difference."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import orjson
import pytest

from konstruct.agents import timeline, turn_log_repository
from konstruct.channels import accounts_status, delivery_log_repository
from konstruct.conversations.thread_repository import messages_before
from konstruct.db.session import Record, TenantSession
from konstruct.jobs import archiving, tenant_health
from konstruct.jobs.archiving import archive
from tests.support.fake_slack import answers
from tests.support.hand import conversation, rows, send, take_turn
from tests.support.house import House
from tests.support.puppet import Puppet
from tests.support.slack_events import message

POST = "chat.postMessage"


@pytest.fixture(autouse=True)
def _all_is_old(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was shown this minute counts as shown long ago."""
    monkeypatch.setattr(archiving, "AFTER", timedelta(minutes=-1))


async def _answer(still: House, number: int, text: str) -> None:
    await still.deliver(message(still.teams[number], "D1", "U1", text))
    await take_turn(still)
    await send(still)


async def _count(still: House, number: int, table: str) -> int:
    sql = f"SELECT count(*) AS n FROM {table} WHERE tenant_id = $1"
    return int((await rows(still, still.scopes[number], sql))[0]["n"])


async def _everything(still: House, number: int, found: UUID) -> dict[str, Any]:
    """Return what each reader of deliveries shows of a business."""
    scope = still.scopes[number]
    await tenant_health.refresh(still.db, scope)
    sql = "SELECT id FROM turns WHERE tenant_id = $1 ORDER BY id"
    turns = [row["id"] for row in await rows(still, scope, sql)]
    async with still.db.tenant(scope) as session:
        log = await delivery_log_repository.page(session, 50)
        return {
            "timelines": [[e for e in (await timeline.read(session, turn)).events if e.kind == "delivery"] for turn in turns],
            "turns": [await turn_log_repository.find(session, turn) for turn in turns],
            "log": log,
            "pages": await _pages(session, found),
            "sent": await delivery_log_repository.page(session, 50, state="sent"),
            "failed": await delivery_log_repository.page(session, 50, state="failed"),
            "each": [await delivery_log_repository.find(session, delivery.id) for delivery in log],
            "accounts": [status.last_sent_at for status in await accounts_status.list_all(session)],
            "thread": await messages_before(session, found, None),
            "health": await session.fetch(
                "SELECT first_answer_at, last_sent_at FROM tenant_health WHERE tenant_id = $1", scope.tenant_id
            ),
        }


async def _pages(session: TenantSession, found: UUID) -> list[UUID]:
    """Return the deliveries of a conversation, read one by one."""
    ids: list[UUID] = []
    while page := await delivery_log_repository.page(session, 1, before=ids[-1] if ids else None, conversation_id=found):
        ids += [delivery.id for delivery in page]
    return ids


async def test_what_was_shown_moves_and_is_seen_as_before(still: House, model: Puppet) -> None:
    for number in (0, 1):
        for text in ("when do you open?", "and on Sundays?"):
            await _answer(still, number, text)
    # One more answer in two parts, of which the channel refuses the first.
    model.says = lambda _: "\n\n".join(f"Paragraph {n}. " + "All work. " * 60 for n in range(20))
    still.slack.fault, still.slack.accept, still.slack.fault_in = answers(200, '{"ok":false,"error":"is_archived"}'), False, POST
    still.slack.fault_times = 1
    await _answer(still, 0, "tell me everything")
    found = [await conversation(still, scope) for scope in still.scopes]
    before = [await _everything(still, number, found[number]) for number in (0, 1)]
    assert [shown.delivery for shown in before[0]["thread"] if shown.author == "ai"] == ["sent", "sent", "partly"]

    assert await archive(still.db, step=1) >= 4
    assert (await _count(still, 0, "delivery_archive"), await _count(still, 1, "delivery_archive")) == (2, 2)
    assert (await _count(still, 0, "deliveries"), await _count(still, 1, "deliveries")) == (2, 0)
    assert await _count(still, 0, "dead_letters") == 1, "what was not shown stays, and so does what points at it"
    assert [await _everything(still, number, found[number]) for number in (0, 1)] == before
    assert await archive(still.db) == 0
    # When the archive's partitions are dropped, nothing that was said is gone, nor seems not to have been shown.
    async with still.db.tenant(still.scopes[0]) as session:
        await session.execute("DELETE FROM delivery_archive WHERE tenant_id = $1", still.scopes[0].tenant_id)
        assert await messages_before(session, found[0], None) == before[0]["thread"]


async def test_young_ones_stay(still: House, monkeypatch: pytest.MonkeyPatch) -> None:
    await _answer(still, 0, "when do you open?")
    monkeypatch.setattr(archiving, "AFTER", timedelta(minutes=5))
    await archive(still.db)
    assert (await _count(still, 0, "deliveries"), await _count(still, 0, "delivery_archive")) == (1, 0)


class Opened(TenantSession):
    """A session that notes which partitions each query opens: what is pruned as it runs is never executed."""

    __slots__ = ("opened",)

    def __init__(self, inner: TenantSession) -> None:
        super().__init__(inner._connection, inner.scope)
        self.opened: set[str] = set()

    async def fetch(self, sql: str, *args: Any) -> list[Record]:
        await self._explain(sql, *args)
        return await super().fetch(sql, *args)

    async def fetchrow(self, sql: str, *args: Any) -> Record | None:
        await self._explain(sql, *args)
        return await super().fetchrow(sql, *args)

    async def _explain(self, sql: str, *args: Any) -> None:
        plan = orjson.loads(await self.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", *args))
        todo = [plan[0]["Plan"]]
        while todo:
            node = todo.pop()
            todo += node.get("Plans", [])
            if node.get("Actual Loops"):
                self.opened.add(node.get("Relation Name", ""))


async def test_whoever_reads_a_turn_opens_the_partitions_of_its_time(still: House) -> None:
    await _answer(still, 0, "when do you open?")
    await archive(still.db)
    found = await conversation(still, still.scopes[0])
    (turn,) = [row["id"] for row in await rows(still, still.scopes[0], "SELECT id FROM turns WHERE tenant_id = $1")]
    (near,) = await rows(
        still,
        still.scopes[0],
        "SELECT ARRAY(SELECT DISTINCT to_char(at, 'YYYYMM') FROM unnest(ARRAY[now() - interval '1 day', now(),"
        " now() + interval '7 days']) AS at) AS months FROM tenants WHERE tenant_id = $1",
    )
    readers: dict[str, Callable[[TenantSession], Awaitable[object]]] = {
        "timeline": lambda session: timeline.read(session, turn),
        "turn log": lambda session: turn_log_repository.find(session, turn),
        "turn list": lambda session: turn_log_repository.page(session, 50),
        "thread": lambda session: messages_before(session, found, None),
    }
    for name, read in readers.items():
        async with still.db.tenant(still.scopes[0]) as session:
            # Of these few rows the planner would read whole tables, and prune none as it runs.
            await session.execute(
                "SET LOCAL enable_seqscan = off; SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off"
            )
            opened = Opened(session)
            await read(opened)
        months = {one for one in opened.opened if one[-6:].isdigit() or one.endswith("_default")}
        wanted = {f"{table}_{month}" for table in ("steps", "llm_calls", "delivery_archive") for month in near["months"]}
        assert months and months <= wanted, name
