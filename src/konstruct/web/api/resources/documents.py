"""What the employee knows."""

from __future__ import annotations

import asyncio
import hashlib
from datetime import datetime
from typing import Annotated, Any, BinaryIO
from uuid import UUID

from fastapi import APIRouter, Depends, Form, Request, Response, UploadFile
from pydantic import BaseModel, ConfigDict, Field

from konstruct.db.database import Database
from konstruct.memory.documents import Documents, Stored
from konstruct.memory.documents_repository import DocumentDetail
from konstruct.memory.uploads import Uploads
from konstruct.tenants.api_keys import Caller
from konstruct.tenants.roles import Permission
from konstruct.web.api.cursors import Places
from konstruct.web.api.guard import ApiRoute, require
from konstruct.web.api.models import ID, LIMIT, Body, Cursor, Id, Limit, Page, example
from konstruct.web.api.reading import parse_id
from konstruct.web.api.writes import Writing, content_of
from konstruct.web.deps import deps_of

Viewing = Annotated[Caller, Depends(require(Permission.VIEW_KNOWLEDGE))]
Editing = Annotated[Caller, Depends(require(Permission.EDIT_KNOWLEDGE))]


class Document(BaseModel):
    """A document, without its text: that is in its chunks."""

    model_config = example(
        id=ID, title="Opening hours", source="website", mime="text/markdown", status="ready", reason=None, chars=412, size=None,
        chunks=1, done=0, total=0, created_at="2026-03-01T09:00:00Z", updated_at="2026-03-01T09:00:00Z",
    )  # fmt: skip

    id: UUID
    title: str
    source: str = Field(description="Where it came from: the file's name, or what was said when it was added.")
    mime: str
    status: str = Field(description="processing: being read. ready: the employee finds it. failed: see `reason`.")
    reason: str | None
    chars: int = Field(description="Characters of its text.")
    size: int | None = Field(description="Bytes of the file it came from.")
    chunks: int = Field(description="In how many pieces it is searched.")
    done: int = Field(description="How far the reading of a file is, of `total`.")
    total: int
    created_at: datetime
    updated_at: datetime


class DocumentWithOrigin(Document):
    """A document and who brought it."""

    model_config = example(
        id=ID, title="Opening hours", source="hours.pdf", mime="application/pdf", status="processing", reason=None, chars=0,
        size=48211, chunks=0, done=1, total=4, created_at="2026-03-01T09:00:00Z", updated_at="2026-03-01T09:00:01Z",
        filename="hours.pdf", uploaded_by="Pat Doe",
    )  # fmt: skip

    filename: str | None
    uploaded_by: str | None = Field(description="The member in whose name it was added.")


class NewDocument(Body):
    """A text to know."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"title": "Opening hours", "text": "# Opening hours\nMonday to Friday, nine to five.", "source": "website"}
            ]
        },
    )

    title: str = Field(min_length=1, max_length=500, description="1 to 500 characters, not all of them blank.")
    text: str = Field(description="Plain text or Markdown, up to a million characters.")
    source: str = Field(default="API", min_length=1, max_length=500, description="Where it comes from.")


class NewFile(BaseModel):
    """A file to know."""

    model_config = ConfigDict(extra="forbid")

    file: UploadFile = Field(description="Text, Markdown, HTML, CSV, PDF or DOCX, up to 10 MB.")
    title: str = Field(default="", max_length=500, description="Empty: the file's name.")


class Chunk(BaseModel):
    """A piece of a document, as the employee reads it."""

    model_config = example(position=0, text="# Opening hours\nMonday to Friday, nine to five.", source="website",
                           recorded_at="2026-03-01T09:00:00Z")  # fmt: skip

    position: int
    text: str
    source: str
    recorded_at: datetime


class Question(Body):
    """What to look for."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"query": "When do you open?", "limit": 5}]})

    query: str = Field(min_length=1, max_length=2000)
    limit: int = Field(default=5, ge=1, le=50)


_PASSAGE: dict[str, Any] = {
    "document_id": ID, "title": "Opening hours", "text": "Monday to Friday, nine to five.", "source": "website",
    "recorded_at": "2026-03-01T09:00:00Z",
}  # fmt: skip


class Passage(BaseModel):
    """A piece of a document that fits a question."""

    model_config = example(**_PASSAGE)

    document_id: UUID
    title: str
    text: str
    source: str
    recorded_at: datetime


class Found(BaseModel):
    """What the employee would find."""

    model_config = example(items=[_PASSAGE])

    items: list[Passage] = Field(description="The best first.")


def router() -> APIRouter:
    """Return the routes of /documents."""
    routes = APIRouter(route_class=ApiRoute, tags=["documents"], prefix="/documents")
    add = routes.add_api_route
    known: dict[int | str, dict[str, Any]] = {200: {"model": DocumentWithOrigin, "description": "The business has it already."}}
    add("", index, methods=["GET"], response_model=Page[Document], operation_id="list_documents", summary="List documents")
    add(
        "", create, methods=["POST"], response_model=DocumentWithOrigin, operation_id="create_document", summary="Add a text",
        status_code=201, responses=known,
    )  # fmt: skip
    add(
        "/files", upload, methods=["POST"], response_model=DocumentWithOrigin, operation_id="upload_document",
        summary="Add a file", status_code=201, responses=known,
    )  # fmt: skip
    add("/search", search, methods=["POST"], response_model=Found, operation_id="search_documents", summary="Search documents")
    add(
        "/{document_id}", show, methods=["GET"], response_model=DocumentWithOrigin, operation_id="get_document",
        summary="Read a document",
    )  # fmt: skip
    add("/{document_id}", remove, methods=["DELETE"], operation_id="delete_document", summary="Delete a document",
        status_code=204, response_model=None)  # fmt: skip
    add(
        "/{document_id}/chunks", chunks, methods=["GET"], response_model=Page[Chunk], operation_id="list_document_chunks",
        summary="Read a document's text",
    )  # fmt: skip
    return routes


async def index(request: Request, caller: Viewing, cursor: Cursor = None, limit: Limit = LIMIT) -> Page[Document]:
    """List the documents, the newest first."""
    places = Places(caller.scope, "documents", (UUID,))
    [before] = places.parse(cursor) or (None,)
    rows = await Documents(deps_of(request).db).page(caller.scope, limit + 1, before)
    kept, following = places.cut(rows, limit, lambda row: (row.id,))
    return Page(items=[Document.model_validate(row) for row in kept], next_cursor=following)


async def show(request: Request, caller: Viewing, document_id: Id) -> DocumentWithOrigin:
    """Return one document."""
    return _shown(await Documents(deps_of(request).db).detail(caller.scope, parse_id(document_id)))


async def chunks(request: Request, caller: Viewing, document_id: Id, cursor: Cursor = None, limit: Limit = LIMIT) -> Page[Chunk]:
    """Return the text of a document in the pieces in which it is searched, in order."""
    wanted, places = parse_id(document_id), Places(caller.scope, "chunks", (int,))
    [after] = places.parse(cursor) or (-1,)
    documents = Documents(deps_of(request).db)
    await documents.detail(caller.scope, wanted)
    rows = await documents.pieces(caller.scope, wanted, limit + 1, min(after, 2**31 - 1))
    kept, following = places.cut(rows, limit, lambda row: (row.position,))
    return Page(items=[Chunk.model_validate(row) for row in kept], next_cursor=following)


async def search(request: Request, caller: Viewing, body: Question) -> Found:
    """Return what the employee would find for a question. It changes nothing, and needs no Idempotency-Key."""
    passages = await Documents(deps_of(request).db).passages(caller.scope, body.query, body.limit)
    return Found(items=[Passage.model_validate(passage, from_attributes=True) for passage in passages])


async def create(caller: Editing, body: NewDocument, once: Writing) -> Response:
    """Add a text, which the employee finds at once. A text that the business has already is left as it is (200)."""

    async def work(db: Database) -> tuple[int, DocumentWithOrigin]:
        stored = await Documents(db).store(caller.scope, body.title, body.text, body.source, caller.member.id)
        return await _answer(db, caller, stored)

    return await once.do(content_of(body), work)


async def upload(caller: Editing, form: Annotated[NewFile, Form(media_type="multipart/form-data")], once: Writing) -> Response:
    """Add a file. It is read in the background: see `status`. A file that the business has already is left (200)."""
    file, name, title = form.file.file, form.file.filename or "file", form.title
    content = f"{name}\n{form.file.content_type}\n{title}\n".encode() + await asyncio.to_thread(_digest, file)

    async def work(db: Database) -> tuple[int, DocumentWithOrigin]:
        declared, by = form.file.content_type or "", caller.member.id
        stored = await Uploads(db).take(caller.scope, file, name, declared, title=title, uploaded_by=by)
        return await _answer(db, caller, stored)

    return await once.do(content, work)


async def remove(caller: Editing, document_id: Id, once: Writing) -> Response:
    """Delete a document: from now on nothing of it is found, and nothing of it is left."""
    wanted = parse_id(document_id)

    async def work(db: Database) -> tuple[int, None]:
        await Documents(db).remove(caller.scope, wanted)
        return 204, None

    return await once.do(b"", work)


async def _answer(db: Database, caller: Caller, stored: Stored) -> tuple[int, DocumentWithOrigin]:
    return (200 if stored.known else 201), _shown(await Documents(db).detail(caller.scope, stored.id))


def _shown(detail: DocumentDetail) -> DocumentWithOrigin:
    info = Document.model_validate(detail.info).model_dump()
    return DocumentWithOrigin(**info, filename=detail.filename, uploaded_by=detail.uploaded_by)


def _digest(file: BinaryIO) -> bytes:
    digest = hashlib.sha256()
    file.seek(0)
    while part := file.read(1024 * 1024):
        digest.update(part)
    return digest.digest()
