"""Knowledge: documents listed, uploaded, pasted, looked into, searched and deleted."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse
from starlette.datastructures import UploadFile

from konstruct.agents.thinking import RECALLED_PASSAGES
from konstruct.kit.ids import parse_id
from konstruct.kit.text import storable
from konstruct.memory.documents import TITLE_MAX, DocumentError, Documents
from konstruct.memory.uploads import Uploads
from konstruct.tenants.roles import Permission
from konstruct.web.deps import deps_of
from konstruct.web.portal.forms import FormError, is_htmx
from konstruct.web.portal.guard import Visitor, require
from konstruct.web.portal.knowledge.form import TooLargeError, files_of, multipart, text_of
from konstruct.web.portal.knowledge.view import PASTED, DetailView, Found, ListView, Outcome, Part, Row, SearchView, told_of
from konstruct.web.portal.pages import HEADERS, fragment, page

HOME = "/knowledge"
LISTED = 25
PIECES = 40
QUERY_CHARS = 500
Viewing = Annotated[Visitor, Depends(require(Permission.VIEW_KNOWLEDGE))]
Editing = Annotated[Visitor, Depends(require(Permission.EDIT_KNOWLEDGE))]


def router() -> APIRouter:
    """Return the routes under /knowledge."""
    routes = APIRouter(prefix=HOME)
    routes.add_api_route("", show, methods=["GET"])
    routes.add_api_route("/search", search, methods=["GET"])
    routes.add_api_route("/files", upload, methods=["POST"])
    routes.add_api_route("/texts", paste, methods=["POST"])
    routes.add_api_route("/{document_id}", detail, methods=["GET"])
    routes.add_api_route("/{document_id}/delete", delete, methods=["POST"])
    return routes


async def show(request: Request, visitor: Viewing, before: str = "") -> Response:
    """Show the documents, newest first; to htmx only the list."""
    view = await _list(request, visitor, parse_id(before) if before else None, told=told_of(request.query_params))
    if is_htmx(request):
        return fragment("knowledge/_list.html", visitor, view=view)
    return page("knowledge/list.html", visitor, view=view)


async def search(request: Request, visitor: Viewing, q: str = "") -> Response:
    """Show what the employee would find, by the same search and as much of it as a turn reads."""
    query, found = storable(q).strip()[:QUERY_CHARS], None
    if query:
        passages = await Documents(deps_of(request).db).passages(visitor.scope, query, RECALLED_PASSAGES)
        found = [Found.of(query, passage) for passage in passages]
    return page("knowledge/search.html", visitor, view=SearchView(query, found))


async def upload(request: Request, visitor: Editing) -> Response:
    """Take files. Those that are refused are named with the reason; the others are taken all the same."""
    try:
        async with multipart(request) as form:
            outcomes = [await _take(request, visitor, file) for file in files_of(form)]
    except FormError as error:
        return _unread(request, visitor, error)
    outcomes = outcomes or [Outcome("Choose at least one file first.", "bad")]
    refused = any(outcome.tone == "bad" for outcome in outcomes)
    if is_htmx(request):
        return fragment("knowledge/_outcomes.html", visitor, outcomes=outcomes)
    if refused:
        return page("knowledge/list.html", visitor, 422, view=await _list(request, visitor, outcomes=outcomes))
    known = sum(outcome.tone == "warn" for outcome in outcomes)
    return _redirect(f"{HOME}?added={len(outcomes) - known}&known={known}")


async def paste(request: Request, visitor: Editing) -> Response:
    """Store a text that was written or pasted into the form."""
    try:
        async with multipart(request) as form:
            title, text = text_of(form, "title").strip(), text_of(form, "text").strip()
    except FormError as error:
        return _unread(request, visitor, error)
    errors = {
        name: said for name, said in (("title", _title_error(title)), ("text", "" if text else "Write something first.")) if said
    }
    stored = None
    if not errors:
        try:
            documents = Documents(deps_of(request).db)
            stored = await documents.store(visitor.scope, title, text, PASTED, visitor.member.id)
        except DocumentError as error:
            errors = {"text": f"{str(error)[:1].upper()}{str(error)[1:]}."}
    if stored is None:
        view = await _list(request, visitor, pasted={"title": title, "text": text}, errors=errors)
        return page("knowledge/list.html", visitor, 422, view=view)
    return _redirect(f"{HOME}?known=1" if stored.known else f"{HOME}?added=1")


async def detail(request: Request, visitor: Viewing, document_id: str, after: str = "") -> Response:
    """Show a document with its chunks; to htmx what changes while it is read."""
    documents, wanted = Documents(deps_of(request).db), parse_id(document_id)
    start = int(after) if after.isascii() and after.isdigit() and len(after) < 8 else -1
    found = await documents.detail(visitor.scope, wanted)
    pieces = await documents.pieces(visitor.scope, wanted, PIECES + 1, start)
    more = f"{HOME}/{wanted}?after={pieces[PIECES - 1].position}" if len(pieces) > PIECES else None
    view = DetailView(found, Row(found.info), [Part.of(piece) for piece in pieces[:PIECES]], first=start < 0, next=more)
    if is_htmx(request):
        return fragment("knowledge/_document.html", visitor, view=view)
    return page("knowledge/document.html", visitor, view=view)


async def delete(request: Request, visitor: Editing, document_id: str) -> Response:
    """Delete a document and everything stored of it."""
    await Documents(deps_of(request).db).remove(visitor.scope, parse_id(document_id))
    return _redirect(f"{HOME}?deleted=1")


async def _take(request: Request, visitor: Visitor, file: UploadFile) -> Outcome:
    name, declared = file.filename or "file", file.content_type or ""
    try:
        stored = await Uploads(deps_of(request).db).take(visitor.scope, file.file, name, declared, uploaded_by=visitor.member.id)
    except DocumentError as error:
        return Outcome(str(error), "bad")
    if stored.known:
        return Outcome(f"“{name}” is known already: nothing was added.", "warn", stored.id)
    return Outcome(f"“{name}” is uploaded.", "ok", stored.id)


def _unread(request: Request, visitor: Visitor, error: FormError) -> Response:
    status = 413 if isinstance(error, TooLargeError) else 400
    if is_htmx(request):
        return fragment("knowledge/_outcomes.html", visitor, status, outcomes=[Outcome(str(error), "bad")])
    title = "That is too large" if status == 413 else "That did not work"
    return page("failed.html", visitor, status, title=title, text=str(error))


async def _list(request: Request, visitor: Visitor, before: UUID | None = None, **more: object) -> ListView:
    infos = await Documents(deps_of(request).db).page(visitor.scope, LISTED + 1, before)
    older = f"{HOME}?before={infos[LISTED - 1].id}" if len(infos) > LISTED else None
    address = f"{HOME}?before={before}" if before else HOME
    return ListView([Row(info) for info in infos[:LISTED]], address, older, **more)  # type: ignore[arg-type]


def _title_error(title: str) -> str:
    if not title:
        return "Give it a title."
    return "" if len(title) <= TITLE_MAX else f"A title has at most {TITLE_MAX} characters."


def _redirect(address: str) -> RedirectResponse:
    return RedirectResponse(address, status_code=303, headers=HEADERS)
