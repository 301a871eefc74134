"""Notices: what needs somebody of the business, and what has been dealt with."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from konstruct.kit.ids import parse_id
from konstruct.tenants import notices, notices_repository
from konstruct.tenants.roles import Permission
from konstruct.web.deps import deps_of
from konstruct.web.portal.guard import Visitor, require
from konstruct.web.portal.notices.view import RESOLVED_PAGE, NoticesView, read_place
from konstruct.web.portal.pages import HEADERS, page

HOME = "/notices"


def router() -> APIRouter:
    """Return the routes under /notices."""
    routes = APIRouter(prefix=HOME)
    routes.add_api_route("", show, methods=["GET"])
    routes.add_api_route("/{notice_id}/resolve", resolve, methods=["POST"])
    return routes


async def show(
    request: Request, visitor: Annotated[Visitor, Depends(require(Permission.VIEW_OVERVIEW))], before: str = ""
) -> Response:
    """Show the open notices, and below them the resolved ones from a place on."""
    place = read_place(before)
    async with deps_of(request).db.tenant(visitor.scope) as session:
        # Further down there are only resolved ones.
        waiting = [] if place else await notices_repository.list_open(session)
        resolved = await notices_repository.list_resolved(session, RESOLVED_PAGE + 1, place)
    return page("notices/notices.html", visitor, view=NoticesView.of(waiting, resolved, later=place is not None))


async def resolve(
    request: Request, visitor: Annotated[Visitor, Depends(require(Permission.RESOLVE_NOTICES))], notice_id: str
) -> Response:
    """Say that a notice is dealt with; once is enough."""
    which = parse_id(notice_id)
    async with deps_of(request).db.tenant(visitor.scope) as session:
        await notices.resolve(session, which, visitor.member.id)
    return RedirectResponse(HOME, status_code=303, headers=HEADERS)
