"""The database's own record of a fault run, kept by triggers of a database that is the run's own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import IntEnum
from pathlib import Path

import asyncpg

from konstruct.db.bootstrap import APP, OWNER
from konstruct.db.scope import TenantScope
from konstruct.db.session import Record
from tests.faults.plant import PATIENCE_S
from tests.support.house import until

FROZEN_S = 5
_SQL = Path(__file__).with_suffix(".sql")

_UNFENCED = """
SELECT w.kind, w.state, w.who, w.epoch, w.held_epoch, w.leased, w.fenced, holder.who AS holder
FROM faults.history w
LEFT JOIN LATERAL (
  SELECT c.who FROM faults.history c
  WHERE c.tenant_id = w.tenant_id AND c.conversation_id = w.conversation_id AND c.lane = w.lane AND c.n < w.n
    AND c.kind = 'lease' AND c.state = 'leased' AND c.epoch = w.held_epoch ORDER BY c.n DESC LIMIT 1
) holder ON true
WHERE w.kind <> 'lease' AND (w.fenced AND w.leased AND coalesce(w.epoch, w.held_epoch) = w.held_epoch AND holder.who = w.who)
  IS NOT TRUE
ORDER BY w.n
"""

_BROKEN = """
SELECT * FROM (
  SELECT conversation_id, lane, state, epoch, lag(state) OVER w AS last_state, lag(epoch) OVER w AS last_epoch
  FROM faults.history WHERE kind = 'lease' WINDOW w AS (PARTITION BY tenant_id, conversation_id, lane ORDER BY n)
) s WHERE state = 'leased' AND (last_state = 'leased' OR epoch <> last_epoch + 1)
"""


class Gate(IntEnum):
    """Where a commit can be made to wait."""

    SEND = 1
    INGEST = 2


class History:
    """Reads the record as the server's administrator, whose connections come and go with the server."""

    def __init__(self, admin_url: str) -> None:
        self._url = admin_url

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
        """A connection for the block."""
        connection = await asyncpg.connect(self._url, timeout=10)
        try:
            yield connection
        finally:
            connection.terminate()

    async def install(self) -> None:
        """Make the triggers, as the owner of the tables."""
        async with self.connected() as connection:
            database = await connection.fetchval("SELECT quote_ident(current_database())")
            # What a frozen process has locked is free again soon after its lease, not half a minute later.
            await connection.execute(f"ALTER ROLE {APP} IN DATABASE {database} SET transaction_timeout = '{FROZEN_S}s'")
            await connection.execute(f"GRANT CREATE ON DATABASE {database} TO {OWNER}")
            await connection.execute(f"SET ROLE {OWNER}")
            await connection.execute(_SQL.read_text(encoding="utf-8"))
            # Our processes refuse to start beside a table of ours without policies. This one is none: it came along with
            # an extension, and is the administrator's choice.
            await connection.execute("RESET ROLE; ALTER EXTENSION vector ADD TABLE faults.history")

    async def forget(self) -> None:
        """Begin anew."""
        async with self.connected() as connection:
            await connection.execute("TRUNCATE faults.history")

    async def fetch(self, sql: str, *args: object) -> list[Record]:
        """Return the rows of a query over all tenants."""
        async with self.connected() as connection:
            found: list[Record] = await connection.fetch(sql, *args)
            return found

    async def fenced(self) -> None:
        """Every step, turn and delivery was written by the lane's holder, in a transaction that had proved its epoch.

        The epochs of a lane follow each other without a gap, and no lane was leased while it was leased.
        """
        assert [dict(row) for row in await self.fetch(_UNFENCED)] == []
        assert [dict(row) for row in await self.fetch(_BROKEN)] == []
        seen = {row["kind"] for row in await self.fetch("SELECT DISTINCT kind FROM faults.history")}
        assert seen == {"lease", "turn", "step", "answer", "delivery"}

    @asynccontextmanager
    async def closed(self, gate: Gate, scope: TenantScope) -> AsyncIterator[None]:
        """For the block, the tenant's commits wait at the gate."""
        async with self.connected() as connection:
            await connection.fetchval("SELECT pg_advisory_lock($1, hashtext($2::uuid::text))", gate, scope.tenant_id)
            yield

    async def at_gate(self) -> str:
        """Wait until a commit waits at a gate; return the name of its process."""
        names: list[str] = []

        async def caught() -> bool:
            names[:] = [
                row["application_name"]
                for row in await self.fetch(
                    "SELECT a.application_name FROM pg_locks l JOIN pg_stat_activity a USING (pid)"
                    " WHERE l.locktype = 'advisory' AND NOT l.granted"
                )
            ]
            return bool(names)

        await until(caught, PATIENCE_S)
        (name,) = names
        return name
