"""Erasing a business for good: rows, Valkey keys and key. Every step may be repeated, so a crash costs nothing.

The key goes first: from then on nothing sealed for the tenant opens, whatever becomes of the rest, and no dump of before
helps. The directory's entry goes last: as long as it stands, somebody finds what is left to do.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from konstruct.db.database import TRANSIENT_ERRORS, Database
from konstruct.db.redis import Redis
from konstruct.db.scope import TenantScope
from konstruct.db.tenant_tables import TenantTable, children_first, tenant_tables
from konstruct.jobs import tenant_jobs
from konstruct.jobs.tenant_jobs import Job
from konstruct.kit.errors import ConflictError, KonstructError, NotFoundError
from konstruct.tenants import erase_repository as repository
from konstruct.tenants.tenants_repository import tenant_name
from konstruct.tenants.vault import Vault

log = structlog.get_logger()

STEP = 2000
"""Rows of one transaction: short enough for its time-out, whatever hangs on each."""
PASSES_MAX = 20
"""What was under way when the erasing began may still write for a moment; each pass takes what came since the last."""
FAILURES_MAX = 10
_PASS_PAUSE_S = 0.5

Tell = Callable[[str], None]
"""Hears what is being done."""
Farewell = Callable[[TenantScope], Awaitable[object]]
"""Is called while the tenant's secrets still open, so that others can be told to forget them."""
FAREWELL_S = 20.0
"""Longest time for it: nobody else's silence keeps a business from being erased."""


class ConfirmationError(ConflictError):
    """The name that was typed is not the business's."""


async def begin(db: Database, scope: TenantScope, confirmation: str, *, grace_s: float = 0.0) -> None:
    """Take the business out of service at once, for good, and ask for its erasing, due after `grace_s` seconds.

    Raises NotFoundError, and ConfirmationError unless `confirmation` is the business's exact name. One that is being erased
    may have lost its name already: it is merely asked for again.
    """
    name = await db.run(scope, tenant_name)
    if name is not None and confirmation != name:
        raise ConfirmationError("that is not the exact name of the business: nothing was deleted")
    async with db.fleet("begin erasing") as fleet:
        if not await repository.mark(fleet, scope.tenant_id):
            raise NotFoundError(f"there is no tenant {scope.tenant_id}: `konstruct tenant list` shows them")
        await tenant_jobs.ask(fleet, scope, "erase", scope.tenant_id, wait_s=grace_s)
    log.info("erasing_begun", tenant_id=str(scope.tenant_id))


class Erasing:
    """The work of the job `erase`; its subject is the tenant."""

    def __init__(self, db: Database, redis: Redis, vault: Vault, farewell: Farewell | None = None) -> None:
        self._db = db
        self._redis = redis
        self._vault = vault
        self._farewell = farewell

    async def __call__(self, job: Job) -> None:
        """Erase the tenant, from wherever an earlier attempt ended."""
        await self.erase(job.scope)

    async def erase(self, scope: TenantScope, tell: Tell = lambda _: None) -> None:
        """Erase the tenant, whose status must be `erasing`. Raises ConflictError for another status, KonstructError when
        something cannot be reached; then call it again."""
        async with self._db.fleet("erase") as fleet:
            status = await repository.status(fleet, scope.tenant_id)
            shared = {table.name: table for table in await tenant_tables(fleet) if table.deletable}
        if status not in ("erasing", None):
            raise ConflictError(f"tenant {scope.tenant_id} is {status}: its erasing was not asked for")
        await self._take_leave(scope)
        await self._vault.shred(scope)
        tell("its key is destroyed")
        tables = await self._rows(scope, shared, tell)
        if self._redis.is_set:
            gone = await self._redis.tenant(scope).purge()
            tell(f"{gone} keys of Valkey or Redis are deleted")
        await self._leave(scope, tables, shared)
        tell("the business is erased")
        log.info("tenant_erased", tenant_id=str(scope.tenant_id))

    async def _take_leave(self, scope: TenantScope) -> None:
        """Best effort: whatever comes of it, the erasing goes on."""
        if self._farewell is None:
            return
        try:
            async with asyncio.timeout(FAREWELL_S):
                await self._farewell(scope)
        except Exception as error:
            log.warning("farewell_failed", tenant_id=str(scope.tenant_id), error=type(error).__name__)

    async def _rows(self, scope: TenantScope, shared: dict[str, TenantTable], tell: Tell) -> list[TenantTable]:
        """Delete the rows that the app role may delete; return every table that it sees."""
        async with self._db.tenant(scope) as session:
            tables = children_first(await tenant_tables(session))
        # The job's own row stays until the end: it is what makes somebody go on after a crash.
        emptied = [table for table in tables if table.deletable and table.name not in ("tenants", "tenant_jobs")]
        for _ in range(PASSES_MAX):
            gone = sum([await self._empty(scope, table, tell) for table in emptied])
            # Rows that another process was deleting are neither gone yet nor counted here.
            if not gone and not await self._left(scope, emptied):
                return tables
            await asyncio.sleep(_PASS_PAUSE_S)
        raise KonstructError(f"rows of tenant {scope.tenant_id} keep appearing: is a process of an older version running?")

    async def _empty(self, scope: TenantScope, table: TenantTable, tell: Tell) -> int:
        gone = failures = 0
        while True:
            try:
                async with self._db.tenant(scope) as session:
                    some = await repository.delete_some(session, table, STEP)
            except TRANSIENT_ERRORS:
                # A turn that is ending, or another process that erases the same rows, has some of them locked.
                failures += 1
                if failures > FAILURES_MAX:
                    raise
                await asyncio.sleep(_PASS_PAUSE_S)
                continue
            gone += some
            if some:
                tell(f"{table.name}: {gone} rows deleted")
            if some < STEP:
                return gone

    async def _leave(self, scope: TenantScope, tables: list[TenantTable], shared: dict[str, TenantTable]) -> None:
        """Delete the tenant, look that nothing but its entry is left and what hangs on that, and delete it too."""
        async with self._db.tenant(scope) as session:
            await repository.delete_tenant(session)
        standing = {"tenant_jobs"} | {t.name for t in tables if not t.deletable and t.parents <= {"tenant_directory"}}
        await self._look(scope, [table for table in tables if table.name not in standing])
        # Children first here too: the directory, which the others name, is the last.
        async with self._db.fleet("leave directory") as fleet:
            await repository.delete_shared(fleet, children_first(list(shared.values())), scope.tenant_id)
        await self._look(scope, tables)

    async def _left(self, scope: TenantScope, tables: list[TenantTable]) -> list[str]:
        async with self._db.tenant(scope) as session:
            return await repository.leftovers(session, tables)

    async def _look(self, scope: TenantScope, tables: list[TenantTable]) -> None:
        if left := await self._left(scope, tables):
            raise KonstructError(f"rows of tenant {scope.tenant_id} are left in {', '.join(left)}")
