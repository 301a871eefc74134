"""The timeline of a turn: what happened when, what it cost, and the stored rows behind it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from konstruct.agents import timeline
from konstruct.agents.timeline import Timeline
from konstruct.kit.ids import parse_id
from konstruct.tenants.roles import Permission
from konstruct.web.deps import deps_of
from konstruct.web.portal.forms import is_htmx
from konstruct.web.portal.guard import Visitor, require
from konstruct.web.portal.pages import fragment, page
from konstruct.web.portal.turns.view import RawView, TurnView

# It shows what people wrote and what they were answered.
Viewing = Annotated[Visitor, Depends(require(Permission.VIEW_CONVERSATIONS))]


def router() -> APIRouter:
    """Return the routes under /turns."""
    routes = APIRouter(prefix="/turns")
    routes.add_api_route("/{turn_id}", show, methods=["GET"])
    routes.add_api_route("/{turn_id}/raw/{key}", show_raw, methods=["GET"])
    return routes


async def show(request: Request, visitor: Viewing, turn_id: str) -> Response:
    """Show a turn's timeline."""
    return page("turns/turn.html", visitor, view=TurnView(await _read(request, visitor, turn_id)))


async def show_raw(request: Request, visitor: Viewing, turn_id: str, key: str) -> Response:
    """Show the stored rows of one event, or of the turn itself: a piece of the timeline, or a page without scripts."""
    found = await _read(request, visitor, turn_id)
    view = RawView.of(found, key)
    if is_htmx(request):
        return fragment("turns/_raw.html", visitor, view=view)
    return page("turns/raw.html", visitor, view=view)


async def _read(request: Request, visitor: Visitor, turn_id: str) -> Timeline:
    turn = parse_id(turn_id)
    async with deps_of(request).db.tenant(visitor.scope) as session:
        return await timeline.read(session, turn)
