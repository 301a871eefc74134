"""Makes a conversation's page, as it is or with a form that could not be accepted."""

from __future__ import annotations

from uuid import UUID

from fastapi import Request, Response

from konstruct.conversations.overview_repository import Overview, overview
from konstruct.db.session import TenantSession
from konstruct.kit.ids import uuid7
from konstruct.tenants.sessions import Visitor
from konstruct.web.deps import deps_of
from konstruct.web.portal.forms import is_htmx
from konstruct.web.portal.inbox.address import Address
from konstruct.web.portal.inbox.desks import NOTHING, read_desk
from konstruct.web.portal.inbox.reading import read_list, read_thread
from konstruct.web.portal.inbox.view import DeskView, NotesView
from konstruct.web.portal.outreach.picker import Filled
from konstruct.web.portal.pages import fragment, page


async def show_conversation(
    request: Request,
    visitor: Visitor,
    conversation_id: UUID,
    *,
    around: int | None = None,
    draft: str = "",
    error: str = "",
    filled: Filled = NOTHING,
    notes: NotesView | None = None,
    status: int = 200,
) -> Response:
    """Return the page of three panes; `draft`, `error` and `filled` are what a form was sent with. Raises NotFoundError."""
    address, adapters = Address.of(request.query_params), deps_of(request).adapters

    async def work(session: TenantSession) -> Response:
        async def desk(seen: Overview) -> DeskView:
            return await read_desk(session, visitor, adapters, seen, address.query, draft=draft, error=error, filled=filled)

        thread = await read_thread(session, conversation_id, address.query, around, desk, notes)
        listed = await read_list(session, address, conversation_id)
        return page("inbox/inbox.html", visitor, status, list=listed, thread=thread)

    return await deps_of(request).db.run(visitor.scope, work)


async def show_desk(
    request: Request,
    visitor: Visitor,
    conversation_id: UUID,
    *,
    draft: str = "",
    error: str = "",
    filled: Filled = NOTHING,
    status: int = 200,
) -> Response:
    """Return the place where one writes, as it is now: alone for htmx, else within its page. Raises NotFoundError."""
    if not is_htmx(request):
        return await show_conversation(request, visitor, conversation_id, draft=draft, error=error, filled=filled, status=status)
    query, adapters = Address.of(request.query_params).query, deps_of(request).adapters

    async def work(session: TenantSession) -> DeskView:
        seen = await overview(session, conversation_id)
        return await read_desk(session, visitor, adapters, seen, query, draft=draft, error=error, filled=filled)

    return fragment("inbox/_desk.html", visitor, status, desk=await deps_of(request).db.run(visitor.scope, work))


async def show_notes(
    request: Request, visitor: Visitor, conversation_id: UUID, *, draft: str = "", error: str = "", status: int = 200
) -> Response:
    """Return the notes, as they are now: alone for htmx, else within their page. Raises NotFoundError."""
    query = Address.of(request.query_params).query
    seen = await deps_of(request).db.run(visitor.scope, lambda session: overview(session, conversation_id))
    notes = NotesView(seen, query, uuid7(), draft, error)
    if is_htmx(request):
        return fragment("inbox/_notes.html", visitor, status, notes=notes)
    return await show_conversation(request, visitor, conversation_id, notes=notes, status=status)
