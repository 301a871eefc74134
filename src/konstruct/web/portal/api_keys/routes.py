"""API keys: made, listed and revoked. A new key is in the answer to its form and nowhere else."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from konstruct.kit.errors import ConflictError
from konstruct.kit.ids import parse_id
from konstruct.tenants import api_keys, api_keys_repository
from konstruct.tenants.roles import Permission
from konstruct.web.deps import deps_of
from konstruct.web.portal.api_keys.view import LIFETIMES, TOLD, KeysView, choices_of, line_of
from konstruct.web.portal.forms import fields_of
from konstruct.web.portal.guard import Visitor, require
from konstruct.web.portal.pages import HEADERS, page

HOME = "/settings/api-keys"
Managing = Annotated[Visitor, Depends(require(Permission.MANAGE_API_KEYS))]


def router() -> APIRouter:
    """Return the routes under /settings/api-keys."""
    routes = APIRouter(prefix=HOME)
    routes.add_api_route("", show, methods=["GET"])
    routes.add_api_route("", create, methods=["POST"])
    routes.add_api_route("/{key_id}/revoke", revoke, methods=["POST"])
    return routes


async def show(request: Request, visitor: Managing, done: str = "") -> Response:
    """Show the keys and the form for a new one."""
    return await _page(request, visitor, told=TOLD.get(done, ""))


async def create(request: Request, visitor: Managing) -> Response:
    """Make a key and show it, this once: a redirect would have to carry it."""
    pairs = await fields_of(request)
    fields = dict(pairs)
    name, lifetime = fields.get("name", ""), fields.get("lifetime", "")
    scopes = [value for field, value in pairs if field == "scope"]
    entered: dict[str, Any] = {"name": name, "lifetime": lifetime, "chosen": scopes}
    wanted: dict[str, Any] = {"name": name, "scopes": scopes, "lifetime": lifetime, "key_id": _form_id(fields)}
    try:
        _, key = await api_keys.create(deps_of(request).db, visitor.scope, visitor.member, **wanted)
    except api_keys.ApiKeyError as error:
        return await _page(request, visitor, 422, errors={error.field: str(error)}, **entered)
    except ConflictError as error:
        return await _page(request, visitor, 409, errors={"name": str(error)}, **entered)
    return await _page(request, visitor, made=key)


async def revoke(request: Request, visitor: Managing, key_id: str) -> Response:
    """Revoke a key."""
    await api_keys.revoke(deps_of(request).db, visitor.scope, visitor.member, parse_id(key_id))
    return RedirectResponse(f"{HOME}?done=revoked", status_code=303, headers=HEADERS)


def _form_id(fields: dict[str, str]) -> UUID | None:
    """Return the id that the form brought for its key; another form without one makes another key."""
    return parse_id(fields["form"]) if fields.get("form") else None


async def _page(
    request: Request, visitor: Visitor, status: int = 200, *, chosen: list[str] | None = None, **shown: Any
) -> Response:
    async with deps_of(request).db.tenant(visitor.scope) as session:
        keys = await api_keys_repository.list_all(session, api_keys.LIST_MAX)
    view = KeysView([line_of(key) for key in keys], choices_of(visitor.member, chosen or []), **shown)
    url = deps_of(request).settings.public_url.rstrip("/")
    return page("api_keys/keys.html", visitor, status, view=view, lifetimes=LIFETIMES, request_url=url)
