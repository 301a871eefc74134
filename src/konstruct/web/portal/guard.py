"""Who may see a page: each route asks for exactly one permission, and no form of another site gets through."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from urllib.parse import quote, urlsplit

from fastapi import Request

from konstruct.kit.errors import ForbiddenError
from konstruct.tenants.roles import Permission
from konstruct.tenants.sessions import Visitor, find_visitor
from konstruct.web.deps import Deps, deps_of

__all__ = ["NotSignedInError", "Visitor", "cookie_name", "find", "refuse_other_sites", "require"]

COOKIE = "konstruct_session"
_SAFE = frozenset(("GET", "HEAD", "OPTIONS"))


class NotSignedInError(Exception):
    """Nobody is signed in; `entrance` is where to go, with the way back."""

    def __init__(self, request: Request) -> None:
        super().__init__("nobody is signed in")
        back = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        self.entrance = f"/sign-in?next={quote(back, safe='')}" if request.method == "GET" and back != "/" else "/sign-in"


def require(permission: Permission) -> Callable[[Request], Awaitable[Visitor]]:
    """Return the dependency of a route: the visitor, whose role has `permission`.

    It raises NotSignedInError or ForbiddenError.
    """

    async def visitor(request: Request) -> Visitor:
        found = await find(request)
        if found is None:
            raise NotSignedInError(request)
        # For the pages of errors, which are made where no dependency reaches.
        request.state.visitor = found
        if not found.may(permission):
            raise ForbiddenError("your role does not allow this: ask an owner of your business")
        return found

    visitor.permission = permission  # type: ignore[attr-defined]  # read by the test that every route has one
    return visitor


async def find(request: Request) -> Visitor | None:
    """Return who is signed in, or None."""
    deps = deps_of(request)
    ticket = request.cookies.get(cookie_name(deps), "")
    return await find_visitor(deps.db, ticket) if ticket else None


def cookie_name(deps: Deps, name: str = COOKIE) -> str:
    """Return a cookie's name: `__Host-` binds it to this host, and browsers take that over HTTPS only."""
    return f"__Host-{name}" if is_secure(deps) else name


def is_secure(deps: Deps) -> bool:
    """Return whether the world reaches us by HTTPS."""
    return deps.settings.public_url.startswith("https://")


async def refuse_other_sites(request: Request) -> None:
    """Raise ForbiddenError for what another site makes the browser send (OWASP: Fetch Metadata, else Origin)."""
    if request.method in _SAFE:
        return
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    own = site in ("same-origin", "none") if site else origin is None or urlsplit(origin).netloc == request.headers.get("host")
    if not own:
        raise ForbiddenError("this form was sent from another site")
