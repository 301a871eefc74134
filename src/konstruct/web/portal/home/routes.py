"""The morning page: what happened since yesterday, what needs me, what it cost, is everything healthy."""

from __future__ import annotations

import time

from fastapi import APIRouter, Request, Response

from konstruct.conversations import ratings_repository
from konstruct.kit.ids import first_id_at
from konstruct.web.deps import deps_of
from konstruct.web.portal.guard import find
from konstruct.web.portal.home import overview_repository
from konstruct.web.portal.home.view import Morning
from konstruct.web.portal.pages import page

DAY_S = 86400.0
RATED_DAYS = 7
SLACK_S = 600.0
"""Ids are made before the rows are committed: so much earlier is looked at."""


def router() -> APIRouter:
    """Return the route of the first page."""
    routes = APIRouter()
    routes.add_api_route("/", show, methods=["GET"])
    return routes


async def show(request: Request) -> Response:
    """Show the business's last day, or the entrance to somebody who is not signed in."""
    deps = deps_of(request)
    # The one page that is there for both: every role may see it.
    visitor = await find(request)
    if visitor is None:
        return page("entrance/welcome.html", sandbox=deps.settings.sandbox)
    before = time.time() - SLACK_S
    async with deps.db.tenant(visitor.scope) as session:
        day = await overview_repository.read_day(session, first_id_at(before - 2 * DAY_S), first_id_at(before - DAY_S))
        channels = await overview_repository.read_channels(session)
        share = await ratings_repository.share_of_days(session, RATED_DAYS)
    view = Morning(day, channels, share, demo=deps.settings.llm_backend == "demo", sandbox=deps.settings.sandbox)
    return page("home/morning.html", visitor, view=view)
