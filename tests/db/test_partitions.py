"""Partitions by month: what stood before them is kept, and the daily job makes and drops them without stopping anybody."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit
from uuid import UUID

import asyncpg
import pytest

import konstruct.db.migrations
from konstruct.db import maintenance
from konstruct.db.bootstrap import OWNER, RoleUrls, bootstrap
from konstruct.db.catalogue import forced_problems, policy_problems
from konstruct.db.maintenance import TABLES, TablesBusyError, keep_partitions
from konstruct.db.session import Session
from konstruct.local.postgres import Postgres
from tests.conftest import PASSWORDS
from tests.db.past import AGO, business

SQL = Path(konstruct.db.migrations.__file__).parent / "sql"
BEFORE = [path for path in sorted(SQL.glob("*.sql")) if path.name < "0016"]
MOVED = ("steps", "llm_calls", "tool_calls", "turns", "deliveries", "inbound_events", "messages")


class Past:
    """A migrated database with a past, seen by its superuser, and its logins."""

    def __init__(
        self, admin: asyncpg.Connection[asyncpg.Record], urls: RoleUrls, tenants: tuple[UUID, UUID], before: dict[str, str]
    ) -> None:
        self.admin, self.urls, self.tenants, self.before = admin, urls, tenants, before

    async def rows(self, table: str) -> int:
        return int(await self.admin.fetchval(f"SELECT count(*) FROM {table}"))

    async def partitions(self, table: str) -> dict[str, int]:
        """Return the table's partitions, by what follows its name, and how many rows each holds."""
        found = await self.admin.fetch(
            "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
            " WHERE i.inhparent = $1::text::regclass ORDER BY 1",
            table,
        )
        return {row[0].removeprefix(f"{table}_"): await self.rows(row[0]) for row in found}

    async def month(self, away: str) -> str:
        """Return the suffix of the partition of now and an interval."""
        return str(await self.admin.fetchval("SELECT to_char((now() + $1::text::interval) AT TIME ZONE 'UTC', 'YYYYMM')", away))

    async def younger(self, table: str, kept: maintenance.Kept) -> int:
        """Return how many rows of a table are younger than its age."""
        sql = f"SELECT count(*) FROM {table} WHERE {kept.time} >= now() - $1::interval"
        return int(await self.admin.fetchval(sql, kept.age))


async def _sums(admin: asyncpg.Connection[asyncpg.Record]) -> dict[str, str]:
    sql = "SELECT md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), '')) || count(*) FROM {} t"
    return {table: await admin.fetchval(sql.format(table)) for table in MOVED}


@pytest.fixture(scope="module")
def template(cluster: Postgres) -> dict[str, str]:
    """A database with a past, brought to partitions; the sums of its tables before that."""
    return asyncio.run(_make_past(cluster))


async def _make_past(cluster: Postgres) -> dict[str, str]:
    urls = await bootstrap(cluster.admin_url, database="konstruct_past", passwords=PASSWORDS)
    admin = await asyncpg.connect(urlsplit(cluster.admin_url)._replace(path="/konstruct_past").geturl())
    owner = await asyncpg.connect(urls.maintenance)
    try:
        await owner.execute(f"SET ROLE {OWNER}; CREATE TABLE alembic_version (version_num text)")
        for path in BEFORE:
            await owner.execute(path.read_text(encoding="utf-8"))
        for _ in range(2):
            await business(owner)
        before = await _sums(admin)
        async with owner.transaction():
            await owner.execute("SET LOCAL app.tenant_id = ''; SET LOCAL lock_timeout = '5s'")
            await owner.execute((SQL / "0016_retention.sql").read_text(encoding="utf-8"))
    finally:
        await owner.close()
        await admin.close()
    return before


@pytest.fixture
async def past(cluster: Postgres, template: dict[str, str]) -> AsyncIterator[Past]:
    """A copy of the database with a past."""
    keeper = await asyncpg.connect(cluster.admin_url)
    await keeper.execute("DROP DATABASE IF EXISTS konstruct_past_copy")
    await keeper.execute("CREATE DATABASE konstruct_past_copy TEMPLATE konstruct_past STRATEGY file_copy")
    urls = await bootstrap(cluster.admin_url, database="konstruct_past_copy", passwords=PASSWORDS)
    admin = await asyncpg.connect(urlsplit(cluster.admin_url)._replace(path="/konstruct_past_copy").geturl())
    one, two = [row[0] for row in await admin.fetch("SELECT tenant_id FROM tenants ORDER BY 1")]
    yield Past(admin, urls, (one, two), template)
    await admin.close()
    await keeper.execute("DROP DATABASE konstruct_past_copy WITH (FORCE)")
    await keeper.close()


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that holds a table waits for the job to give up."""
    monkeypatch.setattr(maintenance, "PAUSE_S", 0.0)
    monkeypatch.setattr(maintenance, "TRIES", 2)
    monkeypatch.setattr(maintenance, "LOCK", timedelta(milliseconds=50))


async def test_the_migration_keeps_every_row_and_gives_each_its_month(past: Past) -> None:
    assert await _sums(past.admin) == past.before
    for table, each in (("steps", 2), ("llm_calls", 3)):
        found = await past.partitions(table)
        here = [await past.month(f"-{ago}") for ago in AGO]
        for month in here:
            # The calls of the turn whose id is no time were made today.
            turns = here.count(month) + (table == "llm_calls" and month == here[-1])
            assert found[month] == 2 * each * turns, (table, month)
        # The steps of a turn whose id is no time have no month; its calls, whose ids are times, have.
        assert found["default"] == (4 if table == "steps" else 0)
    session = Session(past.admin)
    assert await forced_problems(session) + await policy_problems(session) == []
    pointed = await past.admin.fetch(
        "SELECT f.conrelid::regclass::text FROM pg_constraint f JOIN pg_class c ON c.oid = f.confrelid"
        " WHERE f.contype = 'f' AND (c.relkind = 'p' OR c.relispartition)"
    )
    assert pointed == [], "no foreign key points at a partitioned table"
    # A turn takes along what it did, whatever its partition; the same place in a turn is taken once over all of them.
    turn = await past.admin.fetchval("SELECT turn_id FROM steps WHERE tenant_id = $1 ORDER BY turn_id LIMIT 1", past.tenants[0])
    with pytest.raises(asyncpg.UniqueViolationError):
        await past.admin.execute("INSERT INTO steps SELECT * FROM steps WHERE turn_id = $1", turn)
    await past.admin.execute("UPDATE messages SET turn_id = NULL WHERE turn_id = $1", turn)
    await past.admin.execute("DELETE FROM turns WHERE id = $1", turn)
    assert await past.admin.fetchval("SELECT count(*) FROM steps WHERE turn_id = $1", turn) == 0
    assert await past.admin.fetchval("SELECT count(*) FROM llm_calls WHERE turn_id = $1", turn) == 0
    assert await past.rows("llm_calls") == 2 * 3 * 6


async def test_old_months_go_and_young_ones_stay(past: Past) -> None:
    # A month that ended less than an age ago stays, and so does what has no month of its own and is young.
    await past.admin.execute("UPDATE steps SET created_at = now() - interval '100 days' WHERE tenant_id = $1", past.tenants[1])
    young = {table: await past.younger(table, kept) for table, kept in TABLES.items()}
    done = await keep_partitions(past.urls.maintenance)
    old = [await past.month(f"-{ago}") for ago in AGO[:3]]
    assert set(done.dropped) == {
        *(f"steps_{month}" for month in old),
        *(f"{table}_{month}" for table in ("llm_calls", "delivery_archive") for month in old[:2]),
    }
    assert {table: await past.younger(table, kept) for table, kept in TABLES.items()} == young
    assert young["steps"] == 2 * 3
    assert done.deleted == 2, "steps of the other business, without a month and too old"
    steps, calls = await past.partitions("steps"), await past.partitions("llm_calls")
    assert (sum(steps.values()), steps["default"], sum(calls.values())) == (2 * 2 * 2 + 2, 2, 2 * 3 * 4)
    assert {table: (await past.rows(table)) for table in ("turns", "messages", "deliveries")} == dict.fromkeys(
        ("turns", "messages", "deliveries"), 12
    ), "what was said, and that there was a turn, stays"
    again = await keep_partitions(past.urls.maintenance)
    assert (again.made, again.dropped, again.deleted) == ([], [], 0)


async def test_what_came_while_nobody_made_partitions_moves_into_its_month(past: Past) -> None:
    ahead = {table: f"{table}_{await past.month('2 months')}" for table in TABLES}
    for name in ahead.values():
        await past.admin.execute(f"DROP TABLE {name}")
    later = timedelta(days=65)
    app = await asyncpg.connect(past.urls.app)
    try:
        async with app.transaction():
            await app.execute("SELECT set_config('app.tenant_id', $1, true)", str(past.tenants[0]))
            await app.execute(
                "INSERT INTO inbound_events (tenant_id, received_at, id, account_id, event_key, body)"
                " SELECT $1, date_trunc('month', now()) + $2, uuidv7(), id, 'e', 'b' FROM channel_accounts WHERE tenant_id = $1",
                past.tenants[0], later,
            )  # fmt: skip
            await app.execute(
                "INSERT INTO llm_calls (tenant_id, id, backend, model, outcome, latency_ms)"
                " VALUES ($1, uuidv7(date_trunc('month', now()) + $2 - now()), 'b', 'm', 'ok', 1)",
                past.tenants[0], later,
            )  # fmt: skip
            await app.execute(
                "INSERT INTO llm_calls (tenant_id, id, backend, model, outcome, latency_ms)"
                " VALUES ($1, uuidv7(- interval '120 days'), 'b', 'm', 'ok', 1)", past.tenants[0],
            )  # fmt: skip
    finally:
        await app.close()
    assert [(await past.partitions(table))["default"] for table in ("inbound_events", "llm_calls")] == [1, 2]
    done = await keep_partitions(past.urls.maintenance)
    assert set(done.made) == set(ahead.values())
    for table in ("inbound_events", "llm_calls"):
        found = await past.partitions(table)
        assert (found["default"], found[await past.month("2 months")]) == (0, 1), table
    assert (await past.partitions("llm_calls")).get(await past.month("-120 days")) == 1, (
        "a month of the past, made for its one row"
    )
    session = Session(past.admin)
    assert await forced_problems(session) + await policy_problems(session) == []
    # Of what the job has made, as of what the migration made, no role but the owner reaches a partition.
    granted = await past.admin.fetch(
        "SELECT c.relname, r.rolname FROM pg_class c, pg_roles r WHERE c.relispartition AND c.relkind = 'r'"
        " AND r.rolname IN ('konstruct_app', 'konstruct_fleet', 'konstruct_maintenance')"
        " AND has_table_privilege(r.oid, c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER')"
    )
    assert granted == []
    app = await asyncpg.connect(past.urls.app)
    try:
        await app.execute("SELECT set_config('app.tenant_id', $1, false)", str(past.tenants[0]))
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await app.fetch("SELECT * FROM steps_default")
        assert await app.fetchval("SELECT count(*) FROM steps WHERE tenant_id = $1", past.tenants[0]) == 2 * 3
    finally:
        await app.close()


async def test_a_table_that_somebody_reads_stops_the_job_and_not_ingest(past: Past) -> None:
    name = f"inbound_events_{await past.month('-6 months')}"
    owner = await asyncpg.connect(past.urls.maintenance)
    await owner.execute(f"SET ROLE {OWNER}")
    made = await owner.fetchval("SELECT konstruct_partition('inbound_events', (now() - interval '6 months')::date)")
    assert made == name
    reader, app = await asyncpg.connect(past.urls.app), await asyncpg.connect(past.urls.app, command_timeout=30)
    try:
        begun = reader.transaction()
        await begun.start()
        await reader.execute("SELECT set_config('app.tenant_id', $1, true)", str(past.tenants[0]))
        await reader.fetch("SELECT count(*) FROM inbound_events WHERE tenant_id = $1", past.tenants[0])
        await app.execute("SELECT set_config('app.tenant_id', $1, false)", str(past.tenants[1]))
        # More than ingest has for a statement.
        await app.execute("SET lock_timeout = '3s'")
        job = asyncio.ensure_future(keep_partitions(past.urls.maintenance))
        refused = 0
        while not job.done():
            try:
                await app.execute(
                    "INSERT INTO inbound_events (tenant_id, id, account_id, event_key, body)"
                    " SELECT $1, uuidv7(), id, 'e', 'b' FROM channel_accounts WHERE tenant_id = $1",
                    past.tenants[1],
                )
            except asyncpg.LockNotAvailableError:
                refused += 1
        assert refused == 0
        with pytest.raises(TablesBusyError, match="inbound_events"):
            await job
        assert f"{await past.month('-6 months')}" in await past.partitions("inbound_events")
        await begun.rollback()
        assert name in (await keep_partitions(past.urls.maintenance)).dropped
        # Two beats at once: the second leaves it to the first.
        await owner.execute("SELECT pg_advisory_lock(hashtext('konstruct.partitions'))")
        assert str(await keep_partitions(past.urls.maintenance)) == "another beat was at it"
    finally:
        for connection in (reader, app, owner):
            await connection.close()
