"""Signing in by e-mail or by a printed link, and signing out."""

from __future__ import annotations

from typing import Annotated

import structlog
from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from konstruct.kit.mail import MailError
from konstruct.tenants import members, sessions, sign_in, tickets
from konstruct.tenants.roles import Permission
from konstruct.web.deps import Deps, deps_of
from konstruct.web.portal.entrance.limits import EntranceLimits
from konstruct.web.portal.forms import form_of
from konstruct.web.portal.guard import Visitor, cookie_name, find, is_secure, require
from konstruct.web.portal.pages import HEADERS, page

log = structlog.get_logger()

BROWSER_COOKIE = "konstruct_browser"
"""Binds what is asked for by e-mail to the browser that asked."""
TOO_OFTEN = "Too many attempts from here. Please wait ten minutes."
WRONG_CODE = "This code does not fit, or is over. Look at the newest mail, or ask for another."


def router() -> APIRouter:
    """Return the routes of the entrance. They are the only ones without a permission."""
    routes = APIRouter()
    routes.add_api_route("/sign-in", ask, methods=["GET"])
    routes.add_api_route("/sign-in", send_code, methods=["POST"])
    routes.add_api_route("/sign-in/code", enter_by_code, methods=["POST"])
    routes.add_api_route("/sign-in/{ticket}", ask_to_enter, methods=["GET"])
    routes.add_api_route("/sign-in/{ticket}", enter_by_link, methods=["POST"])
    routes.add_api_route("/sign-out", leave, methods=["POST"])
    routes.add_api_route("/sign-out/everywhere", leave_everywhere, methods=["POST"])
    return routes


async def ask(request: Request, next: str = "/") -> Response:  # noqa: A002  # the parameter's name in the address
    """Ask for the e-mail address."""
    if await find(request) is not None:
        return _go(_inside(next))
    return page("entrance/sign_in.html", next=_inside(next), email="", error="")


async def send_code(request: Request) -> Response:
    """Mail a code and a link to the address, if it is somebody's; the answer is the same if it is not."""
    form, deps = await form_of(request), deps_of(request)
    back, email = _inside(form.get("next", "/")), form.get("email", "")
    try:
        email = members.clean_email(email)
    except members.MemberError as error:
        return page("entrance/sign_in.html", status=422, next=back, email=email, error=str(error))
    if not await _may_try(request):
        return page("entrance/sign_in.html", status=429, next=back, email=email, error=TOO_OFTEN)
    browser = request.cookies.get(cookie_name(deps, BROWSER_COOKIE), "") or tickets.new_secret()
    offers = await sign_in.ask_by_email(deps.db, email, browser)
    if offers:
        try:
            await deps.mailer.send(email, *sign_in.sign_in_text(offers, deps.settings.public_url))
        except MailError as error:
            # Said to nobody outside: that an address is known must not show.
            log.error("sign_in_mail_failed", error=type(error).__name__)
    response = page("entrance/code.html", next=back, email=email, error="")
    _set_cookie(response, deps, BROWSER_COOKIE, browser, int(sign_in.EMAIL_LIFETIME.total_seconds()))
    return response


async def enter_by_code(request: Request) -> Response:
    """Take the typed code."""
    form, deps = await form_of(request), deps_of(request)
    back, email = _inside(form.get("next", "/")), form.get("email", "")
    if not await _may_try(request):
        return page("entrance/code.html", status=429, next=back, email=email, error=TOO_OFTEN)
    browser = request.cookies.get(cookie_name(deps, BROWSER_COOKIE), "")
    session = await sign_in.use_code(deps.db, email.strip().lower(), form.get("code", ""), browser, _browser(request))
    if session is None:
        return page("entrance/code.html", status=422, next=back, email=email, error=WRONG_CODE)
    return await _entered(request, session, back)


async def ask_to_enter(request: Request, ticket: str) -> Response:
    """Ask for the one click that uses the link up: a mail program that only looks at links must not."""
    deps = deps_of(request)
    if await sign_in.bound_elsewhere(deps.db, ticket, request.cookies.get(cookie_name(deps, BROWSER_COOKIE), "")):
        return page("entrance/elsewhere.html")
    return page("entrance/enter.html", ticket=ticket)


async def enter_by_link(request: Request, ticket: str) -> Response:
    """Use the link and open a session; a link that is used up, expired or made up gets the same page."""
    deps = deps_of(request)
    browser = request.cookies.get(cookie_name(deps, BROWSER_COOKIE), "")
    session = await sign_in.use_link(deps.db, ticket, browser, _browser(request))
    if session is None:
        return page("entrance/over.html", status=410)
    return await _entered(request, session, "/")


async def leave(request: Request) -> Response:
    """Sign out here; the session ends on the server."""
    deps = deps_of(request)
    await sessions.close_session(deps.db, request.cookies.get(cookie_name(deps), ""))
    return _left(deps)


async def leave_everywhere(request: Request, visitor: Annotated[Visitor, Depends(require(Permission.VIEW_OVERVIEW))]) -> Response:
    """End every session of the member, this one too."""
    deps = deps_of(request)
    ended = await sessions.close_all(deps.db, visitor.scope, visitor.member.id)
    log.info("signed_out_everywhere", tenant_id=str(visitor.scope.tenant_id), member_id=str(visitor.member.id), sessions=ended)
    return _left(deps)


async def _entered(request: Request, session: str, back: str) -> Response:
    deps = deps_of(request)
    # A browser holds one session at a time: the one before it ends.
    await sessions.close_session(deps.db, request.cookies.get(cookie_name(deps), ""))
    response = _go(back)
    _set_cookie(response, deps, None, session, int(sessions.LIFETIME.total_seconds()))
    response.delete_cookie(cookie_name(deps, BROWSER_COOKIE), path="/", secure=is_secure(deps), httponly=True, samesite="lax")
    return response


def _left(deps: Deps) -> Response:
    response = _go("/")
    response.delete_cookie(cookie_name(deps), path="/", secure=is_secure(deps), httponly=True, samesite="lax")
    return response


def _set_cookie(response: Response, deps: Deps, name: str | None, value: str, lifetime_s: int) -> None:
    full = cookie_name(deps, name) if name else cookie_name(deps)
    response.set_cookie(full, value, max_age=lifetime_s, secure=is_secure(deps), httponly=True, samesite="lax", path="/")


async def _may_try(request: Request) -> bool:
    limits: EntranceLimits = request.app.state.entrance_limits
    return await limits.allows(request.client.host if request.client else "")


def _browser(request: Request) -> str:
    """What the browser calls itself, for the member's list of sessions: "Firefox on Linux"."""
    agent = request.headers.get("user-agent", "")
    browsers = (("Edg/", "Edge"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari"))
    systems = (
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Windows", "Windows"),
        ("Mac OS", "Mac"),
        ("Linux", "Linux"),
    )
    browser = next((name for mark, name in browsers if mark in agent), "A browser")
    system = next((name for mark, name in systems if mark in agent), "")
    return f"{browser} on {system}" if system else browser


def _inside(path: str) -> str:
    """Return `path` if it leads to a page of ours, else the first page: a link must not lead elsewhere."""
    inside = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable() and "\\" not in path
    return path if inside and len(path) <= 500 else "/"


def _go(path: str) -> RedirectResponse:
    return RedirectResponse(path, status_code=303, headers=HEADERS)
