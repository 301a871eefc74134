"""Deleting the business: the owner types its name, and it is gone."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from konstruct.tenants import erase
from konstruct.tenants.roles import Permission
from konstruct.web.deps import deps_of
from konstruct.web.portal.forms import form_of
from konstruct.web.portal.guard import Visitor, require
from konstruct.web.portal.pages import page

Deleting = Annotated[Visitor, Depends(require(Permission.DELETE_BUSINESS))]


def add_routes(routes: APIRouter) -> None:
    """Add the routes under /settings/delete."""
    routes.add_api_route("/delete", confirm, methods=["GET"])
    routes.add_api_route("/delete", delete, methods=["POST"])


async def confirm(visitor: Deleting) -> Response:
    """Say what will be gone, and ask for the name."""
    return page("settings/delete.html", visitor, typed="", error="")


async def delete(request: Request, visitor: Deleting) -> Response:
    """Take the business out of service and let it be erased. Whoever asks is signed out by it."""
    typed = (await form_of(request)).get("name", "")
    try:
        await erase.begin(deps_of(request).db, visitor.scope, typed.strip())
    except erase.ConfirmationError:
        error = "That is not the exact name. Nothing has been deleted."
        return page("settings/delete.html", visitor, 422, typed=typed, error=error)
    return page("settings/deleted.html", business=visitor.business)
