"""What people do in the inbox: take over, hand back, reply, note."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from konstruct.channels.surface import renderer
from konstruct.conversations import notes_repository, ownership, replies
from konstruct.conversations.colleague import Colleague
from konstruct.conversations.notes_repository import NoteError
from konstruct.conversations.overview_repository import overview
from konstruct.conversations.ownership import OwnerChangedError
from konstruct.conversations.place import Render
from konstruct.conversations.replies import ReplyError, WindowClosedError
from konstruct.db.session import TenantSession
from konstruct.kit.errors import KonstructError, NotFoundError
from konstruct.kit.ids import parse_id
from konstruct.tenants.roles import Permission
from konstruct.web.deps import deps_of
from konstruct.web.portal.forms import form_of, is_htmx
from konstruct.web.portal.guard import Visitor, require
from konstruct.web.portal.inbox.address import Address
from konstruct.web.portal.inbox.showing import show_desk, show_notes
from konstruct.web.portal.outreach.picker import Filled
from konstruct.web.portal.outreach.sending import submit
from konstruct.web.portal.pages import HEADERS

Answering = Annotated[Visitor, Depends(require(Permission.ANSWER_CONVERSATIONS))]


class BadFormError(KonstructError):
    """A form lacks what the page puts into it: it was not sent by the page."""


def add_routes(routes: APIRouter) -> None:
    """Add the routes that change something."""
    routes.add_api_route("/{conversation_id}/take-over", take_over, methods=["POST"])
    routes.add_api_route("/{conversation_id}/hand-back", hand_back, methods=["POST"])
    routes.add_api_route("/{conversation_id}/reply", reply, methods=["POST"])
    routes.add_api_route("/{conversation_id}/template", send_template, methods=["POST"])
    routes.add_api_route("/{conversation_id}/notes", add_note, methods=["POST"])
    routes.add_api_route("/{conversation_id}/notes/{note_id}/delete", delete_note, methods=["POST"])


async def take_over(request: Request, visitor: Answering, conversation_id: str) -> Response:
    """Let a person answer."""
    return await _change_owner(request, visitor, parse_id(conversation_id), ownership.take_over)


async def hand_back(request: Request, visitor: Answering, conversation_id: str) -> Response:
    """Let the employee answer again."""
    return await _change_owner(request, visitor, parse_id(conversation_id), ownership.hand_back)


async def reply(request: Request, visitor: Answering, conversation_id: str) -> Response:
    """Send what a person wrote."""
    found, form = parse_id(conversation_id), await form_of(request)
    text, epoch, token = form.get("text", ""), _epoch(form), _token(form)
    who, render = _colleague(visitor), _render(request)
    try:
        await deps_of(request).db.run(visitor.scope, lambda s: replies.reply(s, found, epoch, token, text, who, render))
    except (ReplyError, OwnerChangedError, WindowClosedError) as error:
        status = 422 if isinstance(error, ReplyError) else 409
        return await show_desk(request, visitor, found, draft=text, error=str(error), status=status)
    return await _done(request, visitor, found)


async def send_template(request: Request, visitor: Answering, conversation_id: str) -> Response:
    """Send a template to the contact whose conversation it is, or show how it will read."""
    found, form = parse_id(conversation_id), await form_of(request)
    filled, token = Filled.of(form), _token(form)

    async def work(session: TenantSession) -> Filled | None:
        seen = await overview(session, found)
        if seen.contact_id is None:
            raise NotFoundError("there is no contact to write to")
        return await submit(session, visitor, seen.account_id, seen.contact_id, filled, token, form.get("act", ""))

    back = await deps_of(request).db.run(visitor.scope, work)
    if back is None:
        return await _done(request, visitor, found)
    return await show_desk(request, visitor, found, filled=back, status=back.status)


async def add_note(request: Request, visitor: Answering, conversation_id: str) -> Response:
    """Keep a note."""
    found, form = parse_id(conversation_id), await form_of(request)
    text, token, who = form.get("note", ""), _token(form), _colleague(visitor)
    try:
        await deps_of(request).db.run(visitor.scope, lambda s: notes_repository.add(s, found, token, text, who))
    except NoteError as error:
        return await show_notes(request, visitor, found, draft=text, error=str(error), status=422)
    return await _done(request, visitor, found, notes=True)


async def delete_note(request: Request, visitor: Answering, conversation_id: str, note_id: str) -> Response:
    """Delete a note."""
    found, note = parse_id(conversation_id), parse_id(note_id)
    await deps_of(request).db.run(visitor.scope, lambda s: notes_repository.remove(s, found, note))
    return await _done(request, visitor, found, notes=True)


async def _change_owner(request: Request, visitor: Visitor, found: UUID, change: ownership.Change) -> Response:
    form = await form_of(request)
    # What stands in the reply's field comes along: whatever becomes of the act, it must not be lost.
    epoch, draft = _epoch(form), form.get("text", "")
    who, render = _colleague(visitor), _render(request)
    try:
        await deps_of(request).db.run(visitor.scope, lambda s: change(s, found, epoch, who, render))
    except OwnerChangedError as error:
        return await show_desk(request, visitor, found, draft=draft, error=str(error), status=409)
    return await _done(request, visitor, found, draft=draft)


async def _done(request: Request, visitor: Visitor, found: UUID, *, notes: bool = False, draft: str = "") -> Response:
    if is_htmx(request):
        return await (show_notes if notes else show_desk)(request, visitor, found, draft=draft)
    query = Address.of(request.query_params).query
    return RedirectResponse(f"/inbox/{found}{query}#{'notes' if notes else 'desk'}", status_code=303, headers=HEADERS)


def _colleague(visitor: Visitor) -> Colleague:
    return Colleague(visitor.member.id, visitor.member.name)


def _render(request: Request) -> Render:
    return renderer(deps_of(request).adapters)


def _epoch(form: dict[str, str]) -> int:
    text = form.get("epoch", "")
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise BadFormError("this form is not complete: please open the conversation again")
    return int(text)


def _token(form: dict[str, str]) -> UUID:
    try:
        return UUID(form.get("token", ""))
    except ValueError:
        raise BadFormError("this form is not complete: please open the conversation again") from None
