"""Exports as jobs: asked for on a page, made by a worker, kept in the database for seven days.

In the database and not on a disk, because any web process must be able to hand the file out; and made beforehand and not
while it is downloaded, because a browser that loses its connection would begin anew.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID

import structlog

from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.db.session import TenantSession
from konstruct.jobs import tenant_jobs
from konstruct.jobs.tenant_jobs import Job
from konstruct.kit.errors import NotFoundError
from konstruct.kit.ids import uuid7
from konstruct.tenants import export_repository as repository
from konstruct.tenants.export import PIECE_BYTES, tables_of, write_export
from konstruct.tenants.export_repository import Export

log = structlog.get_logger()

KEPT = timedelta(days=7)
ATTEMPTS_MAX = 3


async def ask(session: TenantSession, member_id: UUID) -> None:
    """Ask for an export; while one is under way, that one is it."""
    export_id = uuid7()
    if await repository.insert(session, export_id, member_id):
        await tenant_jobs.ask(session, session.scope, "export", export_id)


async def finished(session: TenantSession, export_id: UUID) -> Export:
    """Return an export whose file is there. Raises NotFoundError."""
    export = await repository.find(session, export_id)
    if export is None or export.state != "done":
        raise NotFoundError("there is no such file, or no more")
    return export


async def read_file(db: Database, scope: TenantScope, export: Export) -> AsyncIterator[bytes]:
    """Yield the file of a finished export, a piece at a time. Ends early, and so too short, if it is deleted meanwhile."""
    position = 0
    while True:
        async with db.tenant(scope) as session:
            data = await repository.piece(session, export.id, export.pieces_of or 0, position)
        if data is None:
            return
        yield data
        position += 1


class Exports:
    """The work of the job `export`; its subject is an export. Done once to make the file, and once more to delete it."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def __call__(self, job: Job) -> float | None:
        """Make the file or, once its time is over, delete it; return in how many seconds that will be."""
        async with self._db.tenant(job.scope) as session:
            export = await repository.find(session, job.subject_id)
            if export is None:
                return None
            if not export.under_way:
                return await repository.expire(session, export.id)
            if job.attempts > ATTEMPTS_MAX:
                await repository.fail(session, export.id, "it could not be finished")
                return None
        await self._make(job)
        return KEPT.total_seconds()

    async def _make(self, job: Job) -> None:
        tables, total = await tables_of(self._db, job.scope)
        async with self._db.tenant(job.scope) as session:
            await repository.start(session, job.subject_id, total)
        count = size = 0

        async def keep(data: bytes, written: int) -> None:
            nonlocal count, size
            pieces = [data[start : start + PIECE_BYTES] for start in range(0, len(data), PIECE_BYTES)]
            async with self._db.tenant(job.scope) as session:
                await repository.add_pieces(session, job.subject_id, job.epoch, count, pieces, written)
            count += len(pieces)
            size += len(data)

        await write_export(self._db, job.scope, tables, keep)
        async with self._db.tenant(job.scope) as session:
            await repository.finish(session, job.subject_id, job.epoch, size, KEPT)
        log.info("export_made", tenant_id=str(job.scope.tenant_id), export_id=str(job.subject_id), size=size, rows=total)
