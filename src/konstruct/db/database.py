"""The database: two pools, two logins, and the only two ways to a session."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import asyncpg

from konstruct.db.scope import TenantScope
from konstruct.db.session import FleetSession, Session, TenantSession
from konstruct.kit.errors import StorageUnavailableError
from konstruct.kit.settings import Settings

T = TypeVar("T")
STORAGE_ERRORS = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    # Seen out of a killed connection; it is neither a PostgresError nor an InterfaceError.
    asyncpg.InternalClientError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.CannotConnectNowError,
    asyncpg.LockNotAvailableError,
    # Of a process that was frozen in the middle of a transaction, or starved for as long.
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.TransactionTimeoutError,
)
"""What asyncpg raises when the server, not the statement, is the trouble: try later."""
OUTAGE_ERRORS = (
    asyncpg.DiskFullError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.TooManyConnectionsError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
)
"""Of these, the ones that no statement can cause: it would have met anybody."""
TRANSIENT_ERRORS = (*STORAGE_ERRORS, asyncpg.TransactionRollbackError)
"""Those, and what two transactions at once may do to each other (deadlock, serialization): the same again may succeed."""


class Database:
    """Opens sessions. `tenant(scope)` is the only way to a tenant's rows, `fleet(reason)` the greppable other one."""

    def __init__(self, app: asyncpg.Pool[asyncpg.Record], fleet: asyncpg.Pool[asyncpg.Record]) -> None:
        self._app = app
        self._fleet = fleet

    @classmethod
    async def open(cls, settings: Settings, *, pool: int | None = None) -> Database:
        """Connect both pools. Raises SettingsError for a missing address, StorageUnavailableError for a deaf server."""
        settings.need("database_url", "fleet_database_url")
        assert settings.database_url and settings.fleet_database_url
        size = pool or settings.database_pool
        app = await _open_pool(settings.database_url.get_secret_value(), size, "KONSTRUCT_DATABASE_URL")
        try:
            fleet_address = settings.fleet_database_url.get_secret_value()
            fleet = await _open_pool(fleet_address, max(2, size // 2), "KONSTRUCT_FLEET_DATABASE_URL")
        except BaseException:
            app.terminate()
            raise
        return cls(app, fleet)

    async def close(self) -> None:
        """Close both pools; sessions under way finish first."""
        await self._app.close()
        await self._fleet.close()

    @asynccontextmanager
    async def tenant(self, scope: TenantScope, *, timeout_s: float | None = None) -> AsyncIterator[TenantSession]:
        """One transaction as the app role, in which only `scope`'s rows exist. Commits unless an error leaves it.

        `timeout_s` bounds each statement on the server. No network call belongs inside.
        """
        # A UUID prints as hex and dashes only, so the literal cannot carry anything else.
        begin = f"BEGIN; SET LOCAL app.tenant_id = '{scope.tenant_id}'"
        if timeout_s is not None:
            begin += f"; SET LOCAL statement_timeout = {int(timeout_s * 1000)}"
        async with self._app.acquire() as connection, _transaction(connection, begin):
            yield TenantSession(connection, scope)

    @asynccontextmanager
    async def fleet(self, reason: str) -> AsyncIterator[FleetSession]:
        """One transaction as the fleet role, over the platform tables of all tenants. `reason` is shown by the server."""
        label = re.sub(r"[^a-z0-9 _-]", "", reason.lower())[:50]
        async with self._fleet.acquire() as connection:
            async with _transaction(connection, f"BEGIN; SET LOCAL application_name = 'konstruct fleet: {label}'"):
                yield FleetSession(connection)

    async def fleet_fetch(self, reason: str, sql: str, *args: Any) -> list[asyncpg.Record]:
        """Return the rows of one statement of the fleet role, in a transaction of its own and one round trip.

        `reason` is for the reader of the code: the server is told of it by `fleet` only, which takes two trips more.
        """
        assert reason
        async with self._fleet.acquire() as connection:
            rows: list[asyncpg.Record] = await connection.fetch(sql, *args)
            return rows

    async def call_unscoped(self, sql: str, *args: Any, timeout_s: float) -> Any:
        """Return the value of one statement of the app role without a tenant, in one round trip.

        For functions that set the scope themselves, row by row; whatever else it reads raises. Raises TimeoutError.
        """
        async with self._app.acquire(timeout=timeout_s) as connection:
            return await connection.fetchval(sql, *args, timeout=timeout_s)

    @asynccontextmanager
    async def unscoped(self) -> AsyncIterator[Session]:
        """One transaction as the app role without a tenant: for the self-test."""
        async with self._app.acquire() as connection, _transaction(connection, "BEGIN"):
            yield Session(connection)

    async def run(self, scope: TenantScope, work: Callable[[TenantSession], Awaitable[T]]) -> T:
        """Return `work(session)` in a transaction of `scope`, retried once where a migration changed a cached plan."""
        try:
            async with self.tenant(scope) as session:
                return await work(session)
        except asyncpg.InvalidCachedStatementError:
            async with self.tenant(scope) as session:
                return await work(session)


@asynccontextmanager
async def _transaction(connection: asyncpg.pool.PoolConnectionProxy[asyncpg.Record], begin: str) -> AsyncIterator[None]:
    """BEGIN and the scope in one round trip; asyncpg's own transaction object would take two."""
    await connection.execute(begin)
    try:
        yield
    except BaseException:
        if not connection.is_closed():
            await connection.execute("ROLLBACK")
        raise
    await connection.execute("COMMIT")


async def _open_pool(address: str, size: int, variable: str) -> asyncpg.Pool[asyncpg.Record]:
    try:
        return await asyncpg.create_pool(
            address, min_size=1, max_size=size, timeout=10, max_inactive_connection_lifetime=0, reset=_reset
        )
    except (*STORAGE_ERRORS, asyncpg.PostgresError, ValueError) as error:
        detail = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise StorageUnavailableError(f"cannot log in to the database of {variable}: {detail}") from error


async def _reset(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    """Undo what a cancelled task left open. asyncpg's default costs a round trip each time and undoes session settings,
    which nothing here makes: every setting is transaction-local."""
    if connection.is_in_transaction():
        await connection.execute("ROLLBACK")
