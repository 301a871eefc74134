"""An operator's entrance: a printed one-time link, a session of its own, and the way out."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from konstruct.tenants import operators
from konstruct.web.deps import Deps, deps_of
from konstruct.web.operator.guard import COOKIE, ENTRANCE, Signed, session_of
from konstruct.web.operator.pages import OperatorRoute, go, show
from konstruct.web.portal.guard import cookie_name, is_secure


def router() -> APIRouter:
    """Return the routes of the entrance: the first three are the only ones without an operator."""
    routes = APIRouter(route_class=OperatorRoute, prefix="/operator")
    routes.add_api_route("/sign-in", explain, methods=["GET"])
    routes.add_api_route("/sign-in/{ticket}", ask_to_enter, methods=["GET"])
    routes.add_api_route("/sign-in/{ticket}", enter, methods=["POST"])
    routes.add_api_route("/sign-out", leave, methods=["POST"])
    routes.add_api_route("/sign-out/everywhere", leave_everywhere, methods=["POST"])
    return routes


async def explain() -> Response:
    """Say how an operator signs in."""
    return show("sign_in.html", None)


async def ask_to_enter(ticket: str) -> Response:
    """Ask for the one click that uses the link up."""
    return show("enter.html", None, ticket=ticket)


async def enter(request: Request, ticket: str) -> Response:
    """Use the link and open a session; a link that is used up, over or made up gets the same page."""
    deps = deps_of(request)
    cookie = await operators.use_link(deps.db, ticket)
    if cookie is None:
        return show("over.html", None, status=410)
    # A browser holds one session at a time: the one before it ends.
    await operators.close_session(deps.db, session_of(request, deps))
    response = go("/operator")
    response.set_cookie(
        cookie_name(deps, COOKIE),
        cookie,
        max_age=int(operators.LIFETIME.total_seconds()),
        secure=is_secure(deps),
        httponly=True,
        samesite="strict",
        path="/",
    )
    return response


async def leave(request: Request, operator: Signed) -> Response:
    """Sign out here; the session ends on the server."""
    deps = deps_of(request)
    await operators.close_session(deps.db, session_of(request, deps))
    return _left(deps)


async def leave_everywhere(request: Request, operator: Signed) -> Response:
    """End every session of the operator, this one too."""
    deps = deps_of(request)
    await operators.close_all(deps.db, operator)
    return _left(deps)


def _left(deps: Deps) -> Response:
    response = go(ENTRANCE)
    response.delete_cookie(cookie_name(deps, COOKIE), path="/", secure=is_secure(deps), httponly=True, samesite="strict")
    return response
