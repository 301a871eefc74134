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
    """A document without its text. `chars` is the length of the text."""

    id: UUID
    title: str
    source: str
    chars: int
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Chunk:
    """A chunk with its document's title; `position` counts from 0 within the document."""

    title: str
    text: str
    source: str
    recorded_at: datetime
    position: int


_INSERT_DOCUMENT = """
INSERT INTO documents (tenant_id, id, title, source, mime, content, sha256)
VALUES ($1, $2, $3, $4, 'text/markdown', $5, $6)
ON CONFLICT (tenant_id, sha256) DO NOTHING
"""

_SAME_TEXT = "SELECT id FROM documents WHERE tenant_id = $1 AND sha256 = $2"

_INSERT_CHUNK = """
INSERT INTO chunks (tenant_id, id, document_id, position, text, source, recorded_at)
VALUES ($1, $2, $3, $4, $5, $6, now())
"""

_DELETE = "DELETE FROM documents WHERE tenant_id = $1 AND id = $2"

_LIST = """
SELECT id, title, source, length(content) AS chars, updated_at
FROM documents WHERE tenant_id = $1 ORDER BY created_at DESC, id DESC
"""

# A document's digest tells whether its chunks were made from the text that stands there now.
_CHUNKS = """
SELECT d.title, c.text, c.source, c.recorded_at, c.position
FROM documents d JOIN chunks c ON c.tenant_id = d.tenant_id AND c.document_id = d.id
WHERE d.tenant_id = $1 AND c.tenant_id = $1 AND d.status = 'ready' AND c.audience = 'workspace'
  AND d.sha256 = sha256(convert_to(d.content, 'UTF8'))
ORDER BY d.created_at DESC, d.id DESC, c.position LIMIT $2
"""

_UNCHUNKED = """
SELECT d.title, d.content AS text, d.source, d.updated_at AS recorded_at, 0 AS position
FROM documents d
WHERE d.tenant_id = $1 AND d.status = 'ready' AND (
    d.sha256 IS DISTINCT FROM sha256(convert_to(d.content, 'UTF8'))
    OR NOT EXISTS (SELECT 1 FROM chunks c WHERE c.tenant_id = $1 AND c.document_id = d.id)
)
ORDER BY d.created_at DESC, d.id DESC LIMIT $2
"""


async def insert(
    session: TenantSession, document_id: UUID, title: str, source: str, text: str, sha256: bytes, chunks: Sequence[str]
) -> UUID:
    """Store a document and its chunks, for everybody of the tenant; return its id, or that of the one with the same text."""
    tenant_id = session.scope.tenant_id
    if not await session.execute(_INSERT_DOCUMENT, tenant_id, document_id, title, source, text, sha256):
        existing: UUID = await session.fetchval(_SAME_TEXT, tenant_id, sha256)
        return existing
    rows = [(tenant_id, uuid7(), document_id, position, chunk, source) for position, chunk in enumerate(chunks)]
    await session.executemany(_INSERT_CHUNK, rows)
    return document_id


async def delete(session: TenantSession, document_id: UUID) -> bool:
    """Delete a document; its chunks go with it. Return whether there was one."""
    return await session.execute(_DELETE, session.scope.tenant_id, document_id) > 0


async def list_all(session: TenantSession) -> list[DocumentInfo]:
    """Return every document of the tenant, newest first."""
    return [DocumentInfo(**row) for row in await session.fetch(_LIST, session.scope.tenant_id)]


async def workspace_chunks(session: TenantSession, limit: int) -> list[Chunk]:
    """Return the chunks that everybody of the tenant may hear, newest document first."""
    return [Chunk(**row) for row in await session.fetch(_CHUNKS, session.scope.tenant_id, limit)]


async def unchunked(session: TenantSession, limit: int) -> list[Chunk]:
    """Return the whole texts of documents that have no chunks, or whose text was changed after they were made."""
    return [Chunk(**row) for row in await session.fetch(_UNCHUNKED, session.scope.tenant_id, limit)]
