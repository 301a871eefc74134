"""SQL of exports: pages of any table of a tenant, and the state and pieces of the finished file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from konstruct.db.session import TenantSession
from konstruct.db.tenant_tables import TenantTable

State = Literal["queued", "running", "done", "failed", "expired"]
_WITHHELD = re.compile(r"(^|_)(hash|token|secret|password|wrapped_key|sealed)$")
"""Columns that never leave, in whatever table: what opens something, and hashes of such."""


@dataclass(frozen=True, slots=True)
class Export:
    """An export as its page shows it. `pieces_of` names the attempt whose pieces are the file."""

    id: UUID
    state: State
    progress: int
    total: int
    bytes: int
    reason: str | None
    created_at: datetime
    finished_at: datetime | None
    expires_at: datetime | None
    pieces_of: int | None

    @property
    def under_way(self) -> bool:
        """Whether it has not come to its end."""
        return self.state in ("queued", "running")

    @property
    def percent(self) -> int:
        """How much of it is done; never all before it is."""
        return 100 if self.state == "done" else min(99, self.progress * 100 // max(1, self.total))


def columns_of(table: TenantTable) -> list[str]:
    """Return the columns that leave."""
    return [column for column in table.columns if not _WITHHELD.search(column)]


async def count_rows(session: TenantSession, tables: Sequence[TenantTable]) -> int:
    """Return how many rows the tenant has in all of the tables."""
    counts = " + ".join(f"(SELECT count(*) FROM {table.quoted} WHERE tenant_id = $1)" for table in tables)
    return int(await session.fetchval(f"SELECT {counts}", session.scope.tenant_id))


async def read_page(
    session: TenantSession, table: TenantTable, after: tuple[object, ...] | None, limit: int
) -> list[tuple[str, tuple[Any, ...]]]:
    """Return rows as JSON with their keys, in the order of the key, after the key `after`. Names are the catalogue's."""
    columns = ", ".join(f"t.{column}" for column in columns_of(table))
    key = [f"t.{column}" for column in table.key]
    places = ", ".join(f"${number}" for number in range(3, 3 + len(key)))
    beyond = f" AND ({', '.join(key)}) > ({places})" if after is not None and key else ""
    order = f" ORDER BY {', '.join(key)}" if key else ""
    rows = await session.fetch(
        f"SELECT (SELECT row_to_json(r) FROM (SELECT {columns}) AS r)::text AS line{''.join(f', {column}' for column in key)}"
        f" FROM {table.quoted} AS t WHERE t.tenant_id = $1{beyond}{order} LIMIT $2",
        session.scope.tenant_id,
        limit,
        *(after or ()),
    )
    return [(row[0], tuple(row)[1:]) for row in rows]


_EXPORT = "SELECT id, state, progress, total, bytes, reason, created_at, finished_at, expires_at, pieces_of FROM exports"


async def find(session: TenantSession, export_id: UUID) -> Export | None:
    """Return one export, or None."""
    row = await session.fetchrow(f"{_EXPORT} WHERE tenant_id = $1 AND id = $2", session.scope.tenant_id, export_id)
    return Export(**row) if row else None


async def latest(session: TenantSession) -> Export | None:
    """Return the newest export, or None."""
    row = await session.fetchrow(
        f"{_EXPORT} WHERE tenant_id = $1 ORDER BY created_at DESC, id DESC LIMIT 1", session.scope.tenant_id
    )
    return Export(**row) if row else None


async def insert(session: TenantSession, export_id: UUID, member_id: UUID) -> bool:
    """Store a new export; False if one is under way already."""
    return bool(
        await session.execute(
            "INSERT INTO exports (tenant_id, id, requested_by) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
            session.scope.tenant_id,
            export_id,
            member_id,
        )
    )


async def start(session: TenantSession, export_id: UUID, total: int) -> None:
    """It begins, perhaps once more: pieces of earlier attempts go."""
    await session.execute("DELETE FROM export_pieces WHERE tenant_id = $1 AND export_id = $2", session.scope.tenant_id, export_id)
    await session.execute(
        "UPDATE exports SET state = 'running', progress = 0, bytes = 0, total = $3"
        " WHERE tenant_id = $1 AND id = $2 AND state IN ('queued', 'running')",
        session.scope.tenant_id,
        export_id,
        total,
    )


async def add_pieces(
    session: TenantSession, export_id: UUID, attempt: int, first: int, pieces: Sequence[bytes], progress: int
) -> None:
    """Store the next pieces of an attempt's file."""
    await session.executemany(
        "INSERT INTO export_pieces (tenant_id, export_id, attempt, position, data) VALUES ($1, $2, $3, $4, $5)",
        [(session.scope.tenant_id, export_id, attempt, first + number, piece) for number, piece in enumerate(pieces)],
    )
    await session.execute(
        "UPDATE exports SET progress = $3, bytes = bytes + $4 WHERE tenant_id = $1 AND id = $2 AND state = 'running'",
        session.scope.tenant_id,
        export_id,
        progress,
        sum(map(len, pieces)),
    )


async def finish(session: TenantSession, export_id: UUID, attempt: int, size: int, kept: timedelta) -> None:
    """The file is whole. Earlier files of the tenant go: one is enough."""
    tenant_id = session.scope.tenant_id
    await session.execute(
        "UPDATE exports SET state = 'done', finished_at = now(), expires_at = now() + $4, pieces_of = $3, bytes = $5,"
        " progress = greatest(progress, total) WHERE tenant_id = $1 AND id = $2 AND state = 'running'",
        tenant_id,
        export_id,
        attempt,
        kept,
        size,
    )
    await session.execute(
        "UPDATE exports SET state = 'expired' WHERE tenant_id = $1 AND id <> $2 AND state = 'done'", tenant_id, export_id
    )
    await session.execute(
        "DELETE FROM export_pieces WHERE tenant_id = $1 AND (export_id <> $2 OR attempt <> $3)", tenant_id, export_id, attempt
    )


async def fail(session: TenantSession, export_id: UUID, reason: str) -> None:
    """It is given up."""
    await session.execute(
        "UPDATE exports SET state = 'failed', finished_at = now(), reason = $3"
        " WHERE tenant_id = $1 AND id = $2 AND state IN ('queued', 'running')",
        session.scope.tenant_id,
        export_id,
        reason,
    )
    await session.execute("DELETE FROM export_pieces WHERE tenant_id = $1 AND export_id = $2", session.scope.tenant_id, export_id)


async def expire(session: TenantSession, export_id: UUID) -> float | None:
    """Delete the file if its time is over; return in how many seconds it will be, or None if there is no file (any more)."""
    tenant_id = session.scope.tenant_id
    gone = await session.execute(
        "UPDATE exports SET state = 'expired' WHERE tenant_id = $1 AND id = $2 AND state = 'done' AND expires_at <= now()",
        tenant_id,
        export_id,
    )
    if gone:
        await session.execute("DELETE FROM export_pieces WHERE tenant_id = $1 AND export_id = $2", tenant_id, export_id)
    left: float | None = await session.fetchval(
        "SELECT extract(epoch FROM expires_at - now())::float8 FROM exports WHERE tenant_id = $1 AND id = $2 AND state = 'done'",
        tenant_id,
        export_id,
    )
    return left


async def piece(session: TenantSession, export_id: UUID, attempt: int, position: int) -> bytes | None:
    """Return one piece of a finished file, None after the last."""
    data: bytes | None = await session.fetchval(
        "SELECT data FROM export_pieces WHERE tenant_id = $1 AND export_id = $2 AND attempt = $3 AND position = $4",
        session.scope.tenant_id,
        export_id,
        attempt,
        position,
    )
    return data
