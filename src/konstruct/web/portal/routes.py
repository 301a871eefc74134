"""The owner's entrance: signing in by a one-time link, the home page, signing out."""

from __future__ import annotations

from urllib.parse import urlsplit

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles

from konstruct.tenants import sign_in
from konstruct.web.deps import Deps
from konstruct.web.portal.home_repository import read_home
from konstruct.web.portal.pages import HEADERS, STATIC, page

COOKIE = "konstruct_session"


def router() -> APIRouter:
    """Return the routes; `request.app.state.deps` must hold Deps."""
    routes = APIRouter(include_in_schema=False)
    routes.add_api_route("/", home, methods=["GET"], response_class=HTMLResponse)
    routes.add_api_route("/sign-in/{ticket}", ask_to_sign_in, methods=["GET"], response_class=HTMLResponse)
    routes.add_api_route("/sign-in/{ticket}", enter, methods=["POST"])
    routes.add_api_route("/sign-out", leave, methods=["POST"])
    routes.mount("/static", StaticFiles(directory=STATIC))
    return routes


async def home(request: Request) -> Response:
    """Show the owner's business, or how to sign in."""
    deps: Deps = request.app.state.deps
    cookie = request.cookies.get(cookie_name(deps), "")
    scope = await sign_in.find_session(deps.db, cookie) if cookie else None
    if scope is None:
        return page("welcome.html", sandbox=deps.settings.sandbox)
    content = await deps.db.run(scope, read_home)
    if content is None:
        return page("welcome.html", sandbox=deps.settings.sandbox)
    return page("home.html", home=content, sandbox=deps.settings.sandbox, demo=deps.settings.llm_backend == "demo")


async def ask_to_sign_in(ticket: str) -> Response:
    """Ask for the one click that uses the link up: a mail program that only looks at links must not."""
    return page("sign_in.html", ticket=ticket)


async def enter(request: Request, ticket: str) -> Response:
    """Use the link and open a session; a link that is used up, expired or made up gets the same page."""
    deps: Deps = request.app.state.deps
    refuse_other_sites(request)
    cookie = await sign_in.use_link(deps.db, ticket)
    if cookie is None:
        return page("link_over.html", status=410)
    response = RedirectResponse("/", status_code=303, headers=HEADERS)
    response.set_cookie(
        cookie_name(deps),
        cookie,
        max_age=int(sign_in.LIFETIME.total_seconds()),
        secure=_secure(deps),
        httponly=True,
        samesite="lax",
        path="/",
    )
    return response


async def leave(request: Request) -> Response:
    """Sign out here; the session ends on the server."""
    deps: Deps = request.app.state.deps
    refuse_other_sites(request)
    await sign_in.close_session(deps.db, request.cookies.get(cookie_name(deps), ""))
    response = RedirectResponse("/", status_code=303, headers=HEADERS)
    response.delete_cookie(cookie_name(deps), path="/", secure=_secure(deps), httponly=True, samesite="lax")
    return response


def cookie_name(deps: Deps) -> str:
    """Return the session cookie's name: `__Host-` binds it to this host, and browsers take that over HTTPS only."""
    return f"__Host-{COOKIE}" if _secure(deps) else COOKIE


def refuse_other_sites(request: Request) -> None:
    """Raise HTTPException 403 for a form that another site makes the browser send (OWASP: Fetch Metadata, else Origin)."""
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    own = site in ("same-origin", "none") if site else origin is None or urlsplit(origin).netloc == request.headers.get("host")
    if not own:
        raise HTTPException(403, "this form was sent from another site")


def _secure(deps: Deps) -> bool:
    return deps.settings.public_url.startswith("https://")
