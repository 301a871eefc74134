"""Who may call: each route asks for exactly one scope, and nothing of a request's body is read before its key was proved."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.types import Message, Receive

from konstruct.tenants.api_keys import Caller, find_caller
from konstruct.tenants.roles import Permission
from konstruct.web.api.problems import HEADERS, ApiError
from konstruct.web.deps import deps_of

BODY_MAX = 12 * 1024 * 1024
"""Bytes of a body: the largest file with its form around it."""
_REALM = 'Bearer realm="Konstruct API"'


def require(permission: Permission) -> Callable[[Request], Awaitable[Caller]]:
    """Return the dependency of a route of `ApiRoute`: the caller, whose key has the scope of `permission`."""

    async def caller(request: Request) -> Caller:
        found: Caller = request.state.caller
        return found

    caller.permission = permission  # type: ignore[attr-defined]  # read by ApiRoute, the schema and the tests
    return caller


def permissions_of(dependant: Dependant) -> list[Permission]:
    """Return what a route requires."""
    found = (getattr(each.call, "permission", None) for each in dependant.dependencies)
    return [permission for permission in found if permission is not None]


class ApiRoute(APIRoute):
    """A route of the API. FastAPI would read and parse the body first; this asks for the key before."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """See APIRoute. Raises ValueError for a route that does not require exactly one scope."""
        handle, required = super().get_route_handler(), permissions_of(self.dependant)
        if len(required) != 1:
            raise ValueError(f"{self.path} requires {len(required)} scopes: a route of the API requires exactly one")

        async def guarded(request: Request) -> Response:
            request.state.caller = await _admit(request, required[0])
            response = await handle(Request(request.scope, _bounded(request.receive)))
            response.headers.update(HEADERS | request.state.api_headers)
            return response

        return guarded


async def _admit(request: Request, permission: Permission) -> Caller:
    """Return whose key the request carries; cookies count for nothing. Raises ApiError."""
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not key.strip():
        raise ApiError(401, "Send a key: “Authorization: Bearer kst_…”.", {"WWW-Authenticate": _REALM})
    caller = await find_caller(deps_of(request).db, key.strip())
    if caller is None:
        text = "This key opens nothing: it is mistyped, was revoked, has expired, or its maker has left."
        raise ApiError(401, text, {"WWW-Authenticate": f'{_REALM}, error="invalid_token"'})
    allowance = await request.app.state.api_limits.draw(caller.scope, caller.key_id)
    request.state.api_headers = allowance.headers()
    if allowance.wait_s:
        raise ApiError(429, "Wait for the seconds of the header Retry-After, then go on more slowly.")
    if not caller.may(permission):
        told = {"WWW-Authenticate": f'{_REALM}, error="insufficient_scope", scope="{permission.value}"'}
        raise ApiError(403, f"This needs the scope {permission.value}, which the key or its maker does not have.", told)
    return caller


def _bounded(receive: Receive) -> Receive:
    """Return `receive` for a body of BODY_MAX bytes at most."""
    size = 0

    async def bounded() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > BODY_MAX:
            raise HTTPException(413)
        return message

    return bounded
