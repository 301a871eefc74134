"""What the people who run the installation did to the business: they cannot change what stands here."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from konstruct.tenants import operator_access_repository
from konstruct.tenants.roles import Permission
from konstruct.web.deps import deps_of
from konstruct.web.portal.guard import Visitor, require
from konstruct.web.portal.pages import page

_DONE = {
    "suspend": "took the business out of service",
    "resume": "let the business go on",
    "retry_dead_letter": "had an answer tried once more",
    "discard_dead_letter": "let an answer be that did not get through",
}


def add_routes(routes: APIRouter) -> None:
    """Add the route under /settings/operators."""
    routes.add_api_route("/operators", show, methods=["GET"])


async def show(request: Request, visitor: Annotated[Visitor, Depends(require(Permission.MANAGE_SETTINGS))]) -> Response:
    """Show who read conversations, with the reason given, and who did what else."""
    async with deps_of(request).db.tenant(visitor.scope) as session:
        accesses = await operator_access_repository.list_accesses(session)
        done = await operator_access_repository.list_done(session)
    return page("settings/operators.html", visitor, accesses=accesses, done=done, words=_DONE)
