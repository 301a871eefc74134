"""SQL of a file's way: `documents` while it is read, `document_files`, `document_jobs`.

Every transaction that locks more than one of them takes the document's row first: so does a deletion.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.db.session import TenantSession
from konstruct.memory.documents_repository import insert_chunks


@dataclass(frozen=True, slots=True)
class NewFile:
    """A file that is to be stored."""

    id: UUID
    title: str
    filename: str
    mime: str
    size: int
    sha256: bytes
    uploaded_by: UUID | None


@dataclass(frozen=True, slots=True)
class Job:
    """A file that this process reads. `epoch` proves it at the end; above 1 attempt, an earlier one ended badly."""

    scope: TenantScope
    document_id: UUID
    epoch: int
    attempts: int


@dataclass(frozen=True, slots=True)
class Upload:
    """A stored file as the one who reads it needs it."""

    title: str
    filename: str
    mime: str
    parts: list[bytes]


_INSERT = """
INSERT INTO documents (tenant_id, id, title, source, mime, content, status, filename, bytes, file_sha256, uploaded_by)
VALUES ($1, $2, $3, $4, $5, '', 'processing', $4, $6, $7, $8)
ON CONFLICT (tenant_id, file_sha256) DO NOTHING
"""

_FORGET_FAILED = "DELETE FROM documents WHERE tenant_id = $1 AND file_sha256 = $2 AND status = 'failed' RETURNING id"

# A lottery between tenants, and one file of a tenant at a time: who uploads a thousand holds up nobody else.
_CLAIM = """
WITH first AS (
  SELECT DISTINCT ON (j.tenant_id) j.tenant_id, j.document_id
  FROM document_jobs j JOIN tenant_directory d ON d.tenant_id = j.tenant_id AND d.status = 'active'
  WHERE (j.claimed_until IS NULL OR j.claimed_until <= now())
    AND NOT EXISTS (SELECT 1 FROM document_jobs b WHERE b.tenant_id = j.tenant_id AND b.claimed_until > now())
  ORDER BY j.tenant_id, j.created_at, j.document_id
), chosen AS (
  SELECT j.tenant_id, j.document_id
  FROM document_jobs j JOIN first f ON f.tenant_id = j.tenant_id AND f.document_id = j.document_id
  WHERE j.claimed_until IS NULL OR j.claimed_until <= now()
  ORDER BY random() LIMIT 1 FOR UPDATE OF j SKIP LOCKED
)
UPDATE document_jobs j SET epoch = j.epoch + 1, attempts = j.attempts + 1, claimed_until = now() + $1
FROM chosen c WHERE j.tenant_id = c.tenant_id AND j.document_id = c.document_id
RETURNING j.tenant_id, j.document_id, j.epoch, j.attempts
"""

_CLAIM_ONE = """
UPDATE document_jobs SET epoch = epoch + 1, attempts = attempts + 1, claimed_until = now() + $3
WHERE tenant_id = $1 AND document_id = $2 AND (claimed_until IS NULL OR claimed_until <= now())
RETURNING epoch, attempts
"""

_PROGRESS = """
UPDATE documents SET done = $3, total = $4, updated_at = now() WHERE tenant_id = $1 AND id = $2 AND status = 'processing'
"""

_READY = """
UPDATE documents SET status = 'ready', content = $3, sha256 = $4, done = greatest(total, 1), total = greatest(total, 1),
  updated_at = now() WHERE tenant_id = $1 AND id = $2
"""

_FAILED = "UPDATE documents SET status = 'failed', reason = $3, updated_at = now() WHERE tenant_id = $1 AND id = $2"


async def forget_failed(session: TenantSession, file_sha256: bytes) -> UUID | None:
    """Delete the document that came of the same file and could not be read, and return its id: the file is tried again."""
    failed: UUID | None = await session.fetchval(_FORGET_FAILED, session.scope.tenant_id, file_sha256)
    return failed


async def count_waiting(session: TenantSession) -> int:
    """Return how many files of the tenant wait to be read."""
    return int(await session.fetchval("SELECT count(*) FROM document_jobs WHERE tenant_id = $1", session.scope.tenant_id))


async def insert(session: TenantSession, new: NewFile, parts: Iterable[bytes]) -> UUID:
    """Store a file and the wish that it be read; return its document's id, or that of the same file stored before."""
    tenant_id = session.scope.tenant_id
    values = (new.title, new.filename, new.mime, new.size, new.sha256, new.uploaded_by)
    if not await session.execute(_INSERT, tenant_id, new.id, *values):
        sql = "SELECT id FROM documents WHERE tenant_id = $1 AND file_sha256 = $2"
        existing: UUID = await session.fetchval(sql, tenant_id, new.sha256)
        return existing
    await session.executemany(
        "INSERT INTO document_files (tenant_id, document_id, part, bytes) VALUES ($1, $2, $3, $4)",
        ((tenant_id, new.id, number, part) for number, part in enumerate(parts)),
    )
    await session.execute("INSERT INTO document_jobs (tenant_id, document_id) VALUES ($1, $2)", tenant_id, new.id)
    return new.id


async def claim(db: Database, lease_s: float) -> Job | None:
    """Return a file to read, which is this process's for `lease_s` seconds; None if there is none."""
    rows = await db.fleet_fetch("claim document", _CLAIM, timedelta(seconds=lease_s))
    return next((Job(TenantScope(row["tenant_id"]), row["document_id"], row["epoch"], row["attempts"]) for row in rows), None)


async def claim_one(session: TenantSession, document_id: UUID, lease_s: float) -> Job | None:
    """Return the job of that file, if it has one that nobody is at."""
    row = await session.fetchrow(_CLAIM_ONE, session.scope.tenant_id, document_id, timedelta(seconds=lease_s))
    return Job(session.scope, document_id, row["epoch"], row["attempts"]) if row else None


async def give_back(session: TenantSession, job: Job) -> None:
    """Leave the file to whoever claims it next, as if this process had not begun."""
    await session.execute(
        "UPDATE document_jobs SET claimed_until = NULL, attempts = attempts - 1"
        " WHERE tenant_id = $1 AND document_id = $2 AND epoch = $3",
        session.scope.tenant_id,
        job.document_id,
        job.epoch,
    )


async def upload_of(session: TenantSession, document_id: UUID) -> Upload | None:
    """Return the file, or None if its document is gone."""
    tenant_id = session.scope.tenant_id
    row = await session.fetchrow(
        "SELECT title, filename, mime FROM documents WHERE tenant_id = $1 AND id = $2 AND status = 'processing'",
        tenant_id,
        document_id,
    )
    if row is None:
        return None
    parts = await session.fetch(
        "SELECT bytes FROM document_files WHERE tenant_id = $1 AND document_id = $2 ORDER BY part", tenant_id, document_id
    )
    return Upload(row["title"], row["filename"], row["mime"], [part["bytes"] for part in parts])


async def progress(session: TenantSession, job: Job, done: int, total: int) -> bool:
    """Say how far the reading is. Return whether the document is still there to be read."""
    return await session.execute(_PROGRESS, session.scope.tenant_id, job.document_id, done, total) > 0


async def end(session: TenantSession, job: Job) -> bool:
    """Take the job and the stored file away. Return whether the job was still this process's, and its document there."""
    tenant_id, document_id = session.scope.tenant_id, job.document_id
    there = await session.fetchval(
        "SELECT true FROM documents WHERE tenant_id = $1 AND id = $2 AND status = 'processing' FOR UPDATE", tenant_id, document_id
    )
    if not there or not await session.execute(
        "DELETE FROM document_jobs WHERE tenant_id = $1 AND document_id = $2 AND epoch = $3", tenant_id, document_id, job.epoch
    ):
        return False
    await session.execute("DELETE FROM document_files WHERE tenant_id = $1 AND document_id = $2", tenant_id, document_id)
    return True


async def title_with(session: TenantSession, sha256: bytes) -> str | None:
    """Return the title of the document that has a text of that digest."""
    title: str | None = await session.fetchval(
        "SELECT title FROM documents WHERE tenant_id = $1 AND sha256 = $2", session.scope.tenant_id, sha256
    )
    return title


async def ready(session: TenantSession, job: Job, source: str, text: str, sha256: bytes, chunks: list[str]) -> None:
    """Store what was read; from now on it is found."""
    await session.execute(_READY, session.scope.tenant_id, job.document_id, text, sha256)
    await insert_chunks(session, job.document_id, source, chunks)


async def failed(session: TenantSession, job: Job, reason: str) -> None:
    """Say why it could not be read."""
    await session.execute(_FAILED, session.scope.tenant_id, job.document_id, reason)
