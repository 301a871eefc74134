"""The inbox's pages: the list, a conversation in three panes, its live stream."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import StreamingResponse

from konstruct.conversations.live_repository import Cursor, pulse
from konstruct.conversations.thread_repository import messages_before
from konstruct.db.session import TenantSession
from konstruct.kit.errors import NotFoundError
from konstruct.kit.ids import parse_id
from konstruct.tenants.roles import Permission
from konstruct.web.deps import deps_of
from konstruct.web.portal.forms import is_htmx
from konstruct.web.portal.guard import Visitor, cookie_name, require
from konstruct.web.portal.inbox import acts
from konstruct.web.portal.inbox.address import Address
from konstruct.web.portal.inbox.live import Watch, stream
from konstruct.web.portal.inbox.reading import earlier_than, read_list
from konstruct.web.portal.inbox.rows import row_of
from konstruct.web.portal.inbox.showing import show_conversation, show_desk
from konstruct.web.portal.inbox.streams import streams_of
from konstruct.web.portal.inbox.view import EarlierView, ListView
from konstruct.web.portal.outreach.picker import Filled
from konstruct.web.portal.pages import HEADERS, fragment, page

Reading = Annotated[Visitor, Depends(require(Permission.VIEW_CONVERSATIONS))]


def router() -> APIRouter:
    """Return the routes under /inbox."""
    routes = APIRouter(prefix="/inbox")
    routes.add_api_route("", show_inbox, methods=["GET"])
    routes.add_api_route("/list", show_list, methods=["GET"])
    routes.add_api_route("/{conversation_id}", show, methods=["GET"])
    routes.add_api_route("/{conversation_id}/desk", show_desk_alone, methods=["GET"])
    routes.add_api_route("/{conversation_id}/events", events, methods=["GET"])
    acts.add_routes(routes)
    return routes


async def show_inbox(request: Request, visitor: Reading) -> Response:
    """Show the list, or what a search found, beside an empty pane."""
    return page("inbox/inbox.html", visitor, list=await _list(request, visitor), thread=None)


async def show_list(request: Request, visitor: Reading) -> Response:
    """Show the list alone, for a page that keeps it fresh."""
    return fragment("inbox/_list.html", visitor, list=await _list(request, visitor))


async def show(request: Request, visitor: Reading, conversation_id: str) -> Response:
    """Show a conversation; with `earlier`, and asked by htmx, only the messages before that number."""
    found = parse_id(conversation_id)
    earlier = number_of(request.query_params.get("earlier"))
    if earlier is None or not is_htmx(request):
        around = number_of(request.query_params.get("at")) or earlier
        return await show_conversation(request, visitor, found, around=around, filled=_chosen(request))
    address = Address.of(request.query_params)

    async def work(session: TenantSession) -> Response:
        await pulse(session, found)
        messages = await messages_before(session, found, earlier)
        rows = [row_of(message, visitor.employee) for message in messages]
        left = EarlierView(found, address.query, earlier_than(messages))
        return fragment("inbox/_earlier.html", visitor, left=left, rows=rows, marked=None)

    return await deps_of(request).db.run(visitor.scope, work)


async def show_desk_alone(request: Request, visitor: Reading, conversation_id: str) -> Response:
    """Show the place where one writes, for the template that was chosen there."""
    return await show_desk(request, visitor, parse_id(conversation_id), filled=_chosen(request))


def _chosen(request: Request) -> Filled:
    template = request.query_params.get("template", "")
    return Filled(parse_id(template)) if template else Filled()


async def events(request: Request, visitor: Reading, conversation_id: str) -> Response:
    """Stream what happens in a conversation from `after` on, or from where this browser lost the stream."""
    deps, streams, found = deps_of(request), streams_of(request), parse_id(conversation_id)
    address = Address.of(request.query_params)
    now = await deps.db.run(visitor.scope, lambda session: pulse(session, found))
    if streams.full(visitor.member.id):
        return Response("too many live pages are open", 503, headers={**HEADERS, "Retry-After": "5"})
    lost = Cursor.parse(request.headers.get("last-event-id", ""))
    fresh = Cursor.parse(request.query_params.get("after", ""))
    cursor = lost or fresh or now.cursor
    if cursor.seq > now.seq:
        # None that we gave.
        cursor = now.cursor
    start = min(cursor.open_from, cursor.seq + 1) if lost is None else cursor.resume_from
    ticket = request.cookies.get(cookie_name(deps), "")
    watch = Watch(deps.db, deps.adapters, streams, visitor, ticket, found, address.query)
    headers = {**HEADERS, "X-Accel-Buffering": "no"}
    return StreamingResponse(stream(watch, cursor, start), media_type="text/event-stream", headers=headers)


async def _list(request: Request, visitor: Visitor) -> ListView:
    address = Address.of(request.query_params)
    opened = request.query_params.get("open", "")
    open_id = parse_id(opened) if opened else None
    return await deps_of(request).db.run(visitor.scope, lambda session: read_list(session, address, open_id))


def number_of(text: str | None) -> int | None:
    """Return the number of a message in an address, None if there is none. Raises NotFoundError for anything else."""
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 15):
        raise NotFoundError("there is no such message")
    return int(text)
