"""All routes under /operator."""

from __future__ import annotations

from fastapi import APIRouter, Depends

from konstruct.web.operator import content, dead_letters, entrance, numbers, overview, signals, tenants
from konstruct.web.portal.guard import refuse_other_sites

AREAS = (entrance, overview, tenants, dead_letters, content, numbers, signals)


def router() -> APIRouter:
    """Return every route of the operators; `request.app.state.deps` must hold Deps."""
    routes = APIRouter(include_in_schema=False, dependencies=[Depends(refuse_other_sites)])
    for area in AREAS:
        routes.include_router(area.router())
    return routes
