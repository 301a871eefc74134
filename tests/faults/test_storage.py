"""A database that takes nothing more, in the middle of turns: nothing acknowledged is lost, and nothing is started again."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg

from konstruct.db.bootstrap import APP, OWNER, RoleUrls
from konstruct.kit.settings import Settings
from konstruct.local.postgres import Postgres
from tests.faults.plant import PATIENCE_S, Plant, Unit, plant
from tests.faults.shown import verdict
from tests.support import slack_events
from tests.support.house import until

FULL = Path("/dev/full")
"""The kernel's own disk without space: it answers each write with ENOSPC."""


async def test_a_database_that_takes_nothing_is_waited_out(
    settings: Settings, cluster: Postgres, urls: RoleUrls, tmp_path: Path
) -> None:
    async with plant(settings, tmp_path, TURN_ATTEMPTS="2") as made:
        web, worker = await asyncio.gather(made.start("web"), made.start("worker"))
        await made.round(1)
        await made.idle()
        await _in_the_middle_of_turns(made, worker, 2, _read_only(cluster, made), failures=4)
        # More often than a turn may fail in all: a full disk is no fault of what was asked.
        await _in_the_middle_of_turns(made, worker, 4, _out_of_space(cluster, urls), failures=12)
        await made.round(6)
        await made.idle()
        await verdict(made)
        # One line for each refused delivery says what the trouble is.
        told = [line["error"] for line in _lines(web, "ingest_unavailable")]
        assert told == ["ReadOnlySQLTransactionError"] * 4 + ["DiskFullError"] * 4
        assert {line["error"] for line in _lines(worker, "claim_not_stored")} == set(told)


async def _in_the_middle_of_turns(
    made: Plant, worker: Unit, number: int, fault: AbstractAsyncContextManager[None], *, failures: int
) -> None:
    """Let the fault begin while four turns are under way, and last until so many answers could not be stored."""
    asked, failed = len(made.model.requests), len(_lines(worker, "claim_not_stored"))
    made.thinking.clear()
    await made.round(number)
    await until(lambda: len(made.model.requests) == asked + 4, PATIENCE_S)
    assert await made.turns(worker) == 4
    late = {
        (team.team_id, channel): slack_events.message(team, channel, "U1", f"#{number + 1}#")
        for team in made.teams
        for channel in made.channels
    }
    async with fault:
        assert [await made.post(delivery) for delivery in late.values()] == [503] * 4
        made.thinking.set()
        await until(lambda: len(_lines(worker, "claim_not_stored")) >= failed + failures, PATIENCE_S)
    for place, delivery in late.items():
        await made.deliver(delivery)
        made.acked[place].append(number + 1)
    await made.idle()


def _lines(unit: Unit, event: str) -> list[dict[str, Any]]:
    """The lines of a process's log about `event`."""
    whole = unit.log.read_text().rpartition("\n")[0]
    return [line for text in whole.splitlines() if f'"{event}"' in text and (line := json.loads(text))["event"] == event]


@asynccontextmanager
async def _read_only(cluster: Postgres, made: Plant) -> AsyncIterator[None]:
    """As a primary that became a standby."""

    async def is_so() -> bool:
        async with made.db.unscoped() as session:
            return bool(await session.fetchval("SELECT current_setting('transaction_read_only') = 'on'"))

    admin = await asyncpg.connect(cluster.admin_url)
    try:
        await admin.execute("ALTER SYSTEM SET default_transaction_read_only = on")
        await admin.execute("SELECT pg_reload_conf()")
        await until(is_so, PATIENCE_S)
        yield
    finally:
        await admin.execute("SET default_transaction_read_only = off")
        await admin.execute("ALTER SYSTEM RESET default_transaction_read_only")
        await admin.execute("SELECT pg_reload_conf()")
        await admin.close()


@asynccontextmanager
async def _out_of_space(cluster: Postgres, urls: RoleUrls) -> AsyncIterator[None]:
    """Each new message, from whichever side, meets a table whose file is on a disk without space.

    A small file system of its own would need rights that not every machine gives.
    """
    owner = await asyncpg.connect(urls.maintenance)
    try:
        await owner.execute(
            f"SET ROLE {OWNER}; CREATE TABLE ballast (words text); GRANT INSERT ON ballast TO {APP};"
            "CREATE FUNCTION fill_up() RETURNS trigger LANGUAGE plpgsql AS"
            "  $$ BEGIN INSERT INTO ballast VALUES ('more'); RETURN NEW; END $$"
        )
        # Nothing of it is left for a checkpoint to bring to the disk, and the next one is minutes away.
        await _checkpoint(cluster)
        file = cluster.folder / await owner.fetchval("SELECT pg_relation_filepath('ballast')")
        assert file.stat().st_size == 0
        own = file.rename(file.with_name(f"{file.name}.aside"))
        file.symlink_to(FULL)
        await owner.execute("CREATE TRIGGER fill_up BEFORE INSERT ON messages FOR EACH ROW EXECUTE FUNCTION fill_up()")
        try:
            yield
        finally:
            await owner.execute("DROP TRIGGER fill_up ON messages; DROP FUNCTION fill_up()")
            # Its own file again: the server could not drop the table otherwise.
            own.replace(file)
            await owner.execute("DROP TABLE ballast")
    finally:
        await owner.close()


async def _checkpoint(cluster: Postgres) -> None:
    admin = await asyncpg.connect(cluster.admin_url)
    try:
        await admin.execute("CHECKPOINT")
    finally:
        await admin.close()
