"""SQL of `documents` and `chunks`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from konstruct.db.session import TenantSession
from konstruct.kit.ids import uuid7


@dataclass(frozen=True, slots=True)
class DocumentInfo:
    """A document without its text. `chars` is the length of the text, `size` that of the file it came from, if any."""

    id: UUID
    title: str
    source: str
    mime: str
    chars: int
    size: int | None
    status: str
    reason: str | None
    done: int
    total: int
    chunks: int
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class DocumentDetail:
    """A document with who uploaded it, if that is known."""

    info: DocumentInfo
    filename: str | None
    uploaded_by: str | None


@dataclass(frozen=True, slots=True)
class Piece:
    """A chunk of a document, as its own page shows it."""

    position: int
    text: str
    source: str
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class Chunk:
    """A chunk with its document's title; `position` counts from 0 within the document."""

    document_id: UUID
    title: str
    text: str
    source: str
    recorded_at: datetime
    position: int


_INSERT_DOCUMENT = """
INSERT INTO documents (tenant_id, id, title, source, mime, content, sha256, uploaded_by)
VALUES ($1, $2, $3, $4, 'text/markdown', $5, $6, $7)
ON CONFLICT (tenant_id, sha256) DO NOTHING
"""

_SAME_TEXT = "SELECT id FROM documents WHERE tenant_id = $1 AND sha256 = $2"

_INSERT_CHUNK = """
INSERT INTO chunks (tenant_id, id, document_id, position, text, source, recorded_at)
VALUES ($1, $2, $3, $4, $5, $6, now())
"""

_DELETE = "DELETE FROM documents WHERE tenant_id = $1 AND id = $2"

_INFO = """
SELECT d.id, d.title, d.source, d.mime, d.chars, d.bytes AS size, d.status, d.reason, d.done, d.total, d.created_at, d.updated_at,
  (SELECT count(*) FROM chunks c WHERE c.tenant_id = $1 AND c.document_id = d.id) AS chunks
"""

_LIST = f"{_INFO} FROM documents d WHERE d.tenant_id = $1 ORDER BY d.created_at DESC, d.id DESC"

_PAGE = f"""{_INFO} FROM documents d
WHERE d.tenant_id = $1 AND d.id < coalesce($3, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid)
ORDER BY d.id DESC LIMIT $2
"""

_DETAIL = f"""{_INFO}, d.filename, coalesce(m.name, m.email) AS uploaded_by
FROM documents d LEFT JOIN members m ON m.tenant_id = d.tenant_id AND m.id = d.uploaded_by
WHERE d.tenant_id = $1 AND d.id = $2
"""

_PIECES = """
SELECT position, text, source, recorded_at FROM chunks
WHERE tenant_id = $1 AND document_id = $2 AND position > $3 ORDER BY position LIMIT $4
"""

# A document's digest tells whether its chunks were made from the text that stands there now. Document by document, from
# the newest: what lies beyond the limit is not read.
_CHUNKS = """
SELECT d.id AS document_id, d.title, c.text, c.source, c.recorded_at, c.position
FROM (
  SELECT id, title, created_at FROM documents WHERE tenant_id = $1 AND status = 'ready' AND sha256 = content_sha256
  ORDER BY created_at DESC, id DESC LIMIT $2
) d CROSS JOIN LATERAL (
  SELECT text, source, recorded_at, position FROM chunks
  WHERE tenant_id = $1 AND document_id = d.id AND audience = 'workspace' ORDER BY position LIMIT $2
) c
ORDER BY d.created_at DESC, d.id DESC, c.position LIMIT $2
"""

_UNCHUNKED = """
SELECT d.id AS document_id, d.title, d.content AS text, d.source, d.updated_at AS recorded_at, 0 AS position
FROM documents d
WHERE d.tenant_id = $1 AND d.status = 'ready' AND (
    d.sha256 IS DISTINCT FROM d.content_sha256
    OR NOT EXISTS (SELECT 1 FROM chunks c WHERE c.tenant_id = $1 AND c.document_id = d.id)
)
ORDER BY d.created_at DESC, d.id DESC LIMIT $2
"""


async def insert(
    session: TenantSession,
    document_id: UUID,
    title: str,
    source: str,
    text: str,
    sha256: bytes,
    chunks: Sequence[str],
    uploaded_by: UUID | None,
) -> UUID:
    """Store a document and its chunks, for everybody of the tenant; return its id, or that of the one with the same text."""
    tenant_id = session.scope.tenant_id
    if not await session.execute(_INSERT_DOCUMENT, tenant_id, document_id, title, source, text, sha256, uploaded_by):
        existing: UUID = await session.fetchval(_SAME_TEXT, tenant_id, sha256)
        return existing
    await insert_chunks(session, document_id, source, chunks)
    return document_id


async def insert_chunks(session: TenantSession, document_id: UUID, source: str, chunks: Sequence[str]) -> None:
    """Store the chunks of a document."""
    tenant_id = session.scope.tenant_id
    rows = [(tenant_id, uuid7(), document_id, position, chunk, source) for position, chunk in enumerate(chunks)]
    await session.executemany(_INSERT_CHUNK, rows)


async def delete(session: TenantSession, document_id: UUID) -> bool:
    """Delete a document; its chunks go with it. Return whether there was one."""
    return await session.execute(_DELETE, session.scope.tenant_id, document_id) > 0


async def list_all(session: TenantSession) -> list[DocumentInfo]:
    """Return every document of the tenant, newest first."""
    return [DocumentInfo(**row) for row in await session.fetch(_LIST, session.scope.tenant_id)]


async def list_page(session: TenantSession, limit: int, before: UUID | None) -> list[DocumentInfo]:
    """Return `limit` documents, newest first: their ids are in the order of time."""
    return [DocumentInfo(**row) for row in await session.fetch(_PAGE, session.scope.tenant_id, limit, before)]


async def detail(session: TenantSession, document_id: UUID) -> DocumentDetail | None:
    """Return a document, or None."""
    row = await session.fetchrow(_DETAIL, session.scope.tenant_id, document_id)
    if row is None:
        return None
    values = dict(row)
    filename, uploaded_by = values.pop("filename"), values.pop("uploaded_by")
    return DocumentDetail(DocumentInfo(**values), filename, uploaded_by)


async def pieces(session: TenantSession, document_id: UUID, limit: int, after: int) -> list[Piece]:
    """Return chunks of a document in their order, those after position `after`."""
    return [Piece(**row) for row in await session.fetch(_PIECES, session.scope.tenant_id, document_id, after, limit)]


async def workspace_chunks(session: TenantSession, limit: int) -> list[Chunk]:
    """Return the chunks that everybody of the tenant may hear, newest document first."""
    return [Chunk(**row) for row in await session.fetch(_CHUNKS, session.scope.tenant_id, limit)]


async def unchunked(session: TenantSession, limit: int) -> list[Chunk]:
    """Return the whole texts of documents that have no chunks, or whose text was changed after they were made."""
    return [Chunk(**row) for row in await session.fetch(_UNCHUNKED, session.scope.tenant_id, limit)]
