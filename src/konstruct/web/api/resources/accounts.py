"""Where the employee can be reached."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field

from konstruct.channels import account_list_repository as repository
from konstruct.tenants.api_keys import Caller
from konstruct.tenants.roles import Permission
from konstruct.web.api.cursors import Places
from konstruct.web.api.guard import ApiRoute, require
from konstruct.web.api.models import ID, LIMIT, Cursor, Id, Limit, Page, example
from konstruct.web.api.reading import found, parse_id
from konstruct.web.deps import deps_of

Viewing = Annotated[Caller, Depends(require(Permission.VIEW_CHANNELS))]


class ChannelAccount(BaseModel):
    """An account at a channel's provider, such as a Slack workspace."""

    model_config = example(
        id=ID, agent_id=ID, kind="slack", external_id="T024BE7LD", status="active", status_reason=None,
        connected_at="2026-03-01T09:00:00Z", status_changed_at="2026-03-01T09:00:00Z",
    )  # fmt: skip

    id: UUID
    agent_id: UUID = Field(description="The employee that answers there.")
    kind: str = Field(description="Which kind of channel, such as slack.")
    external_id: str = Field(description="The provider's own id of the account.")
    status: str = Field(description="active, broken or disconnected.")
    status_reason: str | None = Field(description="Why it is broken, in the provider's word.")
    connected_at: datetime
    status_changed_at: datetime


def router() -> APIRouter:
    """Return the routes of /channel-accounts."""
    routes = APIRouter(route_class=ApiRoute, tags=["channel accounts"], prefix="/channel-accounts")
    routes.add_api_route(
        "",
        index,
        methods=["GET"],
        response_model=Page[ChannelAccount],
        operation_id="list_channel_accounts",
        summary="List channel accounts",
    )
    routes.add_api_route(
        "/{account_id}",
        show,
        methods=["GET"],
        response_model=ChannelAccount,
        operation_id="get_channel_account",
        summary="Read a channel account",
    )
    return routes


async def index(request: Request, caller: Viewing, cursor: Cursor = None, limit: Limit = LIMIT) -> Page[ChannelAccount]:
    """List the connected accounts, the one connected last first."""
    places = Places(caller.scope, "channel-accounts", (datetime, UUID))
    async with deps_of(request).db.tenant(caller.scope) as session:
        rows = await repository.page(session, limit + 1, places.parse(cursor))
    kept, following = places.cut(rows, limit, lambda row: (row.connected_at, row.id))
    return Page(items=[ChannelAccount.model_validate(row) for row in kept], next_cursor=following)


async def show(request: Request, caller: Viewing, account_id: Id) -> ChannelAccount:
    """Return one account."""
    wanted = parse_id(account_id)
    async with deps_of(request).db.tenant(caller.scope) as session:
        return ChannelAccount.model_validate(found(await repository.find(session, wanted)))
