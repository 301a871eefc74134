"""The portal: the areas of the business's people, and their entrance."""

from __future__ import annotations

from fastapi import APIRouter, Depends
from fastapi.staticfiles import StaticFiles
from starlette.types import Scope

from konstruct.web.portal.api_keys import routes as api_keys
from konstruct.web.portal.channels import install, quality, signup, verification
from konstruct.web.portal.channels import routes as channels
from konstruct.web.portal.consent import routes as consent
from konstruct.web.portal.employee import routes as employee
from konstruct.web.portal.entrance import routes as entrance
from konstruct.web.portal.guard import refuse_other_sites
from konstruct.web.portal.home import routes as home
from konstruct.web.portal.inbox import routes as inbox
from konstruct.web.portal.knowledge import routes as knowledge
from konstruct.web.portal.members import routes as members
from konstruct.web.portal.notices import routes as notices
from konstruct.web.portal.outreach import routes as outreach
from konstruct.web.portal.pages import STATIC
from konstruct.web.portal.settings import routes as settings
from konstruct.web.portal.turns import routes as turns
from konstruct.web.portal.usage import routes as usage

AREAS = (
    entrance,
    home,
    inbox,
    turns,
    employee,
    knowledge,
    channels,
    install,
    outreach,
    consent,
    signup,
    verification,
    quality,
    usage,
    notices,
    settings,
    members,
    api_keys,
)
"""Each module has `router()`, and a page each for what its name says."""


def router() -> APIRouter:
    """Return every route of the portal; `request.app.state.deps` must hold Deps."""
    routes = APIRouter(include_in_schema=False, dependencies=[Depends(refuse_other_sites)])
    for area in AREAS:
        routes.include_router(area.router())
    return routes


class Assets(StaticFiles):
    """Static files, whose addresses change with their content: a browser need never ask again."""

    def __init__(self) -> None:
        super().__init__(directory=STATIC)

    async def get_response(self, path: str, scope: Scope):  # type: ignore[no-untyped-def]  # as in Starlette
        """Return the file, to be kept for a year if it was asked for by its mark."""
        response = await super().get_response(path, scope)
        if scope["query_string"].startswith(b"v=") and response.status_code == 200:
            response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return response
