"""Maintenance: what only the tables' owner may do. Runs in the beat process, once a day, as the maintenance login.

Tables that only ever grow stand in partitions by month. New months are made ahead, and a month goes when all of it is older
than its table's age in `TABLES`: with it goes no more than how something came or was done, for what was said stands in
`messages`, what it cost in `usage_days`, and that there was a turn in `turns`.
"""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import asyncpg
import structlog

from konstruct.db.bootstrap import OWNER
from konstruct.kit.errors import KonstructError

log = structlog.get_logger()

MONTHS_AHEAD = 3
LOCK = timedelta(milliseconds=200)
"""Longest time that a job waits for a table. Whoever comes for the table meanwhile, ingest as well, waits behind it."""
TRIES = 10
PAUSE_S = 3.0
"""Longest pause between two tries."""


@dataclass(frozen=True, slots=True)
class Kept:
    """How long a partitioned table keeps its rows."""

    age: timedelta
    time: str
    """The column that says how old a row is: asked only of rows without a month of their own."""


TABLES = {
    "inbound_events": Kept(timedelta(days=30), "received_at"),
    "steps": Kept(timedelta(days=90), "created_at"),
    "llm_calls": Kept(timedelta(days=396), "created_at"),
    "delivery_archive": Kept(timedelta(days=396), "created_at"),
}
"""The partitioned tables. A row lives for its age at least, and for a month longer at most: months go whole."""


@dataclass(slots=True)
class Upkeep:
    """What a run did."""

    busy: bool = False
    """Another beat was at it: nothing was done."""
    made: list[str] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    deleted: int = 0
    """Rows of default partitions that were too old."""

    def __str__(self) -> str:
        if self.busy:
            return "another beat was at it"
        dropped = f"dropped {', '.join(self.dropped)}" if self.dropped else "none was old enough to drop"
        stray = f", {self.deleted} old rows without a month deleted" if self.deleted else ""
        return f"{len(self.made)} partitions made, {dropped}{stray}"


class TablesBusyError(KonstructError):
    """Somebody held a table for too long: what was left out is done at the next run."""


async def keep_partitions(owner_url: str) -> Upkeep:
    """Make the partitions of the months ahead and drop those that are too old; return what was done.

    Repeatable, and safe beside another one. Never waits longer than LOCK for a table: raises TablesBusyError at the end
    when one was held through all tries.
    """
    done = Upkeep()
    connection = await asyncpg.connect(owner_url, timeout=10)
    try:
        await connection.execute(f"SET ROLE {OWNER}; SET lock_timeout = {LOCK // timedelta(milliseconds=1)}")
        if not await connection.fetchval("SELECT pg_try_advisory_lock(hashtext('konstruct.partitions'))"):
            return Upkeep(busy=True)
        held = [name for name in TABLES if not await _keep(connection, name, done)]
    finally:
        # Its lock ends with it.
        await connection.close()
    if held:
        raise TablesBusyError(f"somebody holds {', '.join(held)}: partitions wait for the next run")
    return done


async def _keep(connection: asyncpg.Connection[asyncpg.Record], table: str, done: Upkeep) -> bool:
    """Keep one table; return whether nothing had to be left out."""
    kept, whole = TABLES[table], True
    for ahead in range(MONTHS_AHEAD + 1):
        sql = "SELECT konstruct_partition($1, ((now() AT TIME ZONE 'UTC') + make_interval(months => $2))::date)"
        made, free = await _patiently(connection, sql, table, ahead)
        done.made += [made] if made else []
        whole &= free
    deleted, free = await _patiently(connection, "SELECT konstruct_clear_default($1, $2, $3)", table, kept.time, kept.age)
    done.deleted += deleted or 0
    whole &= free
    for name in await _too_old(connection, table, kept.age):
        _, free = await _patiently(connection, f"DROP TABLE {name}")
        if free:
            done.dropped.append(name)
            log.info("partition_dropped", partition=name)
        whole &= free
    return whole


async def _patiently(connection: asyncpg.Connection[asyncpg.Record], sql: str, *values: object) -> tuple[Any, bool]:
    """Return the statement's value, and whether its tables were free at one of the tries."""
    for left in reversed(range(TRIES)):
        try:
            return await connection.fetchval(sql, *values), True
        except (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError):
            await asyncio.sleep(random.uniform(0, PAUSE_S) if left else 0)  # noqa: S311 # no secret
    return None, False


async def _too_old(connection: asyncpg.Connection[asyncpg.Record], table: str, age: timedelta) -> list[str]:
    """Return the quoted names of the months of which no row is younger than `age`, the oldest first."""
    rows = await connection.fetch(
        "SELECT quote_ident(c.relname) AS name FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
        " WHERE i.inhparent = $1::text::regclass AND c.relname ~ '_[0-9]{6}$'"
        " AND to_date(right(c.relname, 6), 'YYYYMM') + interval '1 month' < (now() AT TIME ZONE 'UTC') - $2::interval ORDER BY 1",
        table,
        age,
    )
    return [row["name"] for row in rows]
