"""Sessions: one transaction on one connection, bound to a tenant or to the fleet role."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

import asyncpg

from konstruct.db.scope import TenantScope

Record = asyncpg.Record
UniqueViolation = asyncpg.UniqueViolationError
CheckViolation = asyncpg.CheckViolationError
ExclusionViolation = asyncpg.ExclusionViolationError
CheckViolation = asyncpg.CheckViolationError
Connection: TypeAlias = "asyncpg.pool.PoolConnectionProxy[asyncpg.Record] | asyncpg.Connection[asyncpg.Record]"


class Session:
    """Plain SQL with positional arguments inside an open transaction. Values are never put into the text."""

    __slots__ = ("_connection",)

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def fetch(self, sql: str, *args: Any) -> list[asyncpg.Record]:
        """Return all rows."""
        rows: list[asyncpg.Record] = await self._connection.fetch(sql, *args)
        return rows

    async def fetchrow(self, sql: str, *args: Any) -> asyncpg.Record | None:
        """Return the first row, or None."""
        return await self._connection.fetchrow(sql, *args)

    async def fetchval(self, sql: str, *args: Any) -> Any:
        """Return the first column of the first row, or None."""
        return await self._connection.fetchval(sql, *args)

    async def execute(self, sql: str, *args: Any) -> int:
        """Run a statement; return how many rows it touched."""
        status = await self._connection.execute(sql, *args)
        last = status.rpartition(" ")[2]
        return int(last) if last.isdigit() else 0

    async def executemany(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """Run a statement once per row, pipelined in one round trip."""
        await self._connection.executemany(sql, rows)


class TenantSession(Session):
    """A transaction in which row-level security shows exactly one tenant's rows."""

    __slots__ = ("scope",)

    def __init__(self, connection: Connection, scope: TenantScope) -> None:
        super().__init__(connection)
        self.scope = scope


class FleetSession(Session):
    """A transaction of the fleet role: platform tables of all tenants, no tenant table."""

    __slots__ = ()
