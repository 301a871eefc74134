"""A database whose clock the test sets: its own `now()` and `clock_timestamp()` stand in the search path before the server's.

The whole schema is made under that path, so that defaults and functions in it go by the same clock as every query. Time still
passes while a test works, on top of what the test lets pass.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from konstruct.db.bootstrap import RolePasswords, RoleUrls, bootstrap
from konstruct.local.postgres import Postgres

DATABASE = "konstruct_simulated"
_SCHEMA = """
CREATE SCHEMA clock;
CREATE TABLE clock.ahead (by interval NOT NULL);
INSERT INTO clock.ahead VALUES ('0');
CREATE FUNCTION clock.now() RETURNS timestamptz LANGUAGE sql STABLE AS 'SELECT pg_catalog.now() + by FROM clock.ahead';
CREATE FUNCTION clock.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE
  AS 'SELECT pg_catalog.clock_timestamp() + by FROM clock.ahead';
GRANT USAGE ON SCHEMA clock TO PUBLIC;
GRANT SELECT ON clock.ahead TO PUBLIC;
ALTER DATABASE konstruct_simulated SET search_path = public, clock, pg_catalog;
"""


def _address(cluster: Postgres) -> str:
    return urlunsplit(urlsplit(cluster.admin_url)._replace(path=f"/{DATABASE}"))


async def prepare(cluster: Postgres, passwords: RolePasswords) -> RoleUrls:
    """Make the database, without tables as yet; return its addresses."""
    urls = await bootstrap(cluster.admin_url, database=DATABASE, passwords=passwords)
    connection = await asyncpg.connect(_address(cluster))
    await connection.execute(_SCHEMA)
    await connection.close()
    return urls


@dataclass
class Clock:
    """What time it is, for the database and for whoever else asks."""

    _connection: asyncpg.Connection[asyncpg.Record]
    _ahead_s: float = 0.0

    def now(self) -> float:
        """Return the time in Unix seconds."""
        return time.time() + self._ahead_s

    @property
    def passed_s(self) -> float:
        """Return how much time the test has let pass, in seconds."""
        return self._ahead_s

    async def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._ahead_s += seconds
        await self._connection.execute("UPDATE clock.ahead SET by = $1::float8 * interval '1 second'", self._ahead_s)

    async def sql(self, query: str, *args: object) -> list[asyncpg.Record]:
        """Return the rows of a query as a superuser, whom no policy holds."""
        rows: list[asyncpg.Record] = await self._connection.fetch(query, *args)
        return rows


@asynccontextmanager
async def clock(cluster: Postgres) -> AsyncIterator[Clock]:
    """The clock of the simulated database, which shows the real time at first."""
    connection = await asyncpg.connect(_address(cluster))
    try:
        made = Clock(connection)
        await made.advance(0.0)
        yield made
    finally:
        await connection.close()
