"""Reads the files that wait: a loop of the worker. What is to be done, and by whom, is in PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import structlog

from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.db.session import UniqueViolation
from konstruct.kit.text import storable
from konstruct.memory import uploads_repository as repository
from konstruct.memory.documents import DocumentError, cut
from konstruct.memory.extraction.kinds import kind_of_mime
from konstruct.memory.extraction.limits import DEADLINE_S
from konstruct.memory.extraction.process import extract
from konstruct.memory.extraction.refusal import Unreadable
from konstruct.memory.uploads_repository import Job, Upload
from konstruct.tenants import notices
from konstruct.tenants.notices_troubles import document_failed

log = structlog.get_logger()

SLOTS = 2
POLL_S = 1.0
LEASE_S = 60.0
"""Longer than a reading may take with all that belongs to it; a job whose worker has died is taken up after it."""
MAX_ATTEMPTS = 3
TRIED_TOO_OFTEN = "could not be read, though it was tried several times: save it again in a simpler form, and upload that"
KNOWN = "says the same as “{title}”, which is there already: nothing was added"


class _GoneError(Exception):
    """The document was deleted while it was read."""


@asynccontextmanager
async def reading(db: Database) -> AsyncIterator[None]:
    """Read files as they come, meanwhile. At the end, what is under way is given back for another worker."""
    running = asyncio.create_task(Reading(db).run(), name="read documents")
    try:
        yield
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


class Reading:
    """Turns stored files into documents that are found."""

    def __init__(self, db: Database, *, poll_s: float = POLL_S, lease_s: float = LEASE_S, deadline_s: float = DEADLINE_S) -> None:
        self._db = db
        self._poll_s = poll_s
        self._lease_s = lease_s
        self._deadline_s = deadline_s

    async def run(self) -> None:
        """Read until cancelled; an outage of the database is waited out."""
        async with asyncio.TaskGroup() as slots:
            for _ in range(SLOTS):
                slots.create_task(self._slot())

    async def _slot(self) -> None:
        while True:
            try:
                worked = await self.read_next()
            except Exception as error:
                log.warning("document_reading_failed", error=type(error).__name__)
                worked = False
            if not worked:
                await asyncio.sleep(self._poll_s)

    async def read_next(self) -> bool:
        """Read one file that waits, whosever it is; return whether there was one."""
        job = await repository.claim(self._db, self._lease_s)
        if job is not None:
            await self._read(job)
        return job is not None

    async def read_now(self, scope: TenantScope, document_id: UUID) -> bool:
        """Read that very file, unless a worker is at it; return whether it was this call that read it."""
        async with self._db.tenant(scope) as session:
            job = await repository.claim_one(session, document_id, self._lease_s)
        if job is not None:
            await self._read(job)
        return job is not None

    async def _read(self, job: Job) -> None:
        ids = {"tenant_id": str(job.scope.tenant_id), "document_id": str(job.document_id)}
        try:
            async with self._db.tenant(job.scope) as session:
                upload = await repository.upload_of(session, job.document_id)
            if upload is None:
                return
            try:
                if job.attempts > MAX_ATTEMPTS:
                    raise Unreadable(TRIED_TOO_OFTEN)
                text = await self._text(job, upload)
            except Unreadable as why:
                await self._end_failed(job, upload, why)
                log.info("document_failed", **ids)
                return
            await self._end_read(job, upload, text)
            log.info("document_read", chars=len(text), **ids)
        except _GoneError:
            log.info("document_gone", **ids)
        except asyncio.CancelledError:
            await self._give_back(job)
            raise

    async def _text(self, job: Job, upload: Upload) -> str:
        async def on_progress(done: int, total: int) -> None:
            async with self._db.tenant(job.scope) as session:
                if not await repository.progress(session, job, done, total):
                    raise _GoneError

        return storable(await extract(kind_of_mime(upload.mime), upload.parts, on_progress, self._deadline_s))

    async def _end_read(self, job: Job, upload: Upload, text: str) -> None:
        digest, chunks = await cut(text)
        try:
            await self._store(job, upload, text, digest, chunks)
        except UniqueViolation:
            # The same text came in by another way at the same moment; now it is there to be seen.
            await self._store(job, upload, text, digest, chunks)

    async def _store(self, job: Job, upload: Upload, text: str, digest: bytes, chunks: list[str]) -> None:
        async with self._db.tenant(job.scope) as session:
            if not await repository.end(session, job):
                raise _GoneError
            if (title := await repository.title_with(session, digest)) is not None:
                await repository.failed(session, job, str(DocumentError.of(upload.filename, KNOWN.format(title=title))))
            else:
                await repository.ready(session, job, upload.filename, text, digest, chunks)

    async def _end_failed(self, job: Job, upload: Upload, why: Unreadable) -> None:
        async with self._db.tenant(job.scope) as session:
            if not await repository.end(session, job):
                raise _GoneError
            await repository.failed(session, job, str(DocumentError.of(upload.filename, why)))
            await notices.raise_notice(session, document_failed(job.document_id, upload.title))

    async def _give_back(self, job: Job) -> None:
        try:
            async with self._db.tenant(job.scope) as session:
                await repository.give_back(session, job)
        except Exception as error:
            # Its lease ends by itself.
            log.warning("document_not_given_back", error=type(error).__name__)
