"""The tenant's documents: stored whole and in chunks, and searched by their words."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.kit.errors import KonstructError, NotFoundError
from konstruct.kit.ids import uuid7
from konstruct.kit.text import storable
from konstruct.memory import documents_repository as repository
from konstruct.memory.chunking import chunks_of
from konstruct.memory.documents_repository import Chunk, DocumentDetail, DocumentInfo, Piece
from konstruct.memory.extraction.limits import MAX_DOCUMENT_CHARS
from konstruct.memory.ranking import rank
from konstruct.tenants import notices

MAX_CHUNKS_READ = 1_000
"""A search reads at most so many chunks of a tenant, those of its newest documents first: about 0.8 MB and 100 ms of ranking.
A larger tenant needs the postings and vectors of the memory layer."""
_THREAD_FROM = 50
_THREAD_FROM_CHARS = 50_000
TITLE_MAX = 500


class DocumentError(KonstructError):
    """A document cannot be taken. The text says why, and for a file what to do about it."""

    @classmethod
    def of(cls, filename: str, why: object) -> DocumentError:
        """Return the refusal of a file: one sentence that begins with its name."""
        return cls(f"“{filename}” {why}.")


@dataclass(frozen=True, slots=True)
class Stored:
    """What came of storing a document. `known` if the business had it already: the id is then the existing one's."""

    id: UUID
    known: bool


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of a document as a search returns it."""

    document_id: UUID
    title: str
    text: str
    source: str
    recorded_at: datetime


class Documents:
    """Reads and writes the documents of the tenant that each call names. Keeps nothing between calls."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def add(self, scope: TenantScope, title: str, text: str, source: str) -> UUID:
        """Store a document for everybody of the tenant; return its id. See `store`."""
        return (await self.store(scope, title, text, source)).id

    async def store(self, scope: TenantScope, title: str, text: str, source: str, uploaded_by: UUID | None = None) -> Stored:
        """Store a text for everybody of the tenant, ready to be found. `source` says where it came from.

        A text that the tenant already has is left as it is. Raises DocumentError if it has no title or text, or more
        than a million characters.
        """
        title, text = storable(title).strip(), storable(text).strip()
        if not title or len(title) > TITLE_MAX:
            raise DocumentError(f"a document needs a title of 1 to {TITLE_MAX} characters")
        if not text or len(text) > MAX_DOCUMENT_CHARS:
            raise DocumentError(f"a document needs a text of 1 to {MAX_DOCUMENT_CHARS:,} characters, this one has {len(text):,}")
        digest, pieces = await cut(text)
        document_id = uuid7()
        async with self._db.tenant(scope) as session:
            found = await repository.insert(session, document_id, title, storable(source), text, digest, pieces, uploaded_by)
        return Stored(found, known=found != document_id)

    async def remove(self, scope: TenantScope, document_id: UUID) -> None:
        """Delete a document with its chunks, its file if that is still being read, and the notices that name it.

        Raises NotFoundError if this tenant has none of that id.
        """
        async with self._db.tenant(scope) as session:
            found = await repository.delete(session, document_id)
            await notices.forget(session, "document_failed", str(document_id))
        if not found:
            raise NotFoundError("this tenant has no such document")

    async def passages(self, scope: TenantScope, query: str, limit: int) -> list[Passage]:
        """Return at most `limit` passages that share words with `query`, best first.

        For an empty query: the first passage of each document. Reads the rows at every call, so a changed row
        changes the answer; at most MAX_CHUNKS_READ chunks.
        """
        async with self._db.tenant(scope) as session:
            chunks = await repository.workspace_chunks(session, MAX_CHUNKS_READ)
            chunks += _derived(await repository.unchunked(session, MAX_CHUNKS_READ))
        if not query.strip():
            return [_passage(chunk) for chunk in chunks if chunk.position == 0][:limit]
        # Ranking many chunks would hold up every other turn of the loop.
        ranked = await asyncio.to_thread(_rank, query, chunks) if len(chunks) > _THREAD_FROM else _rank(query, chunks)
        return [_passage(chunks[position]) for position in ranked[:limit]]

    async def list(self, scope: TenantScope) -> list[DocumentInfo]:
        """Return the tenant's documents without their text, newest first."""
        async with self._db.tenant(scope) as session:
            return await repository.list_all(session)

    async def page(self, scope: TenantScope, limit: int, before: UUID | None = None) -> Sequence[DocumentInfo]:
        """Return `limit` of the tenant's documents, newest first, those older than the document `before`."""
        async with self._db.tenant(scope) as session:
            return await repository.list_page(session, limit, before)

    async def detail(self, scope: TenantScope, document_id: UUID) -> DocumentDetail:
        """Return a document with what is known about it. Raises NotFoundError if this tenant has none of that id."""
        async with self._db.tenant(scope) as session:
            found = await repository.detail(session, document_id)
        if found is None:
            raise NotFoundError("this tenant has no such document")
        return found

    async def pieces(self, scope: TenantScope, document_id: UUID, limit: int, after: int = -1) -> Sequence[Piece]:
        """Return a document's chunks in their order, those after position `after`."""
        async with self._db.tenant(scope) as session:
            return await repository.pieces(session, document_id, limit, after)


async def cut(text: str) -> tuple[bytes, list[str]]:
    """Return the digest and the chunks of a text. A long one takes a while, in which the loop must go on."""
    if len(text) < _THREAD_FROM_CHARS:
        return _cut(text)
    return await asyncio.to_thread(_cut, text)


def _cut(text: str) -> tuple[bytes, list[str]]:
    return hashlib.sha256(text.encode()).digest(), chunks_of(text)


def _rank(query: str, chunks: list[Chunk]) -> list[int]:
    return rank(query, [f"{chunk.title}\n{chunk.text}" for chunk in chunks])


def _derived(documents: list[Chunk]) -> list[Chunk]:
    """The chunks of documents whose stored ones are missing or older than the text: the document's row is the truth."""
    return [
        Chunk(document.document_id, document.title, text, document.source, document.recorded_at, position)
        for document in documents
        for position, text in enumerate(chunks_of(document.text))
    ][:MAX_CHUNKS_READ]


def _passage(chunk: Chunk) -> Passage:
    return Passage(chunk.document_id, chunk.title, chunk.text, chunk.source, chunk.recorded_at)
