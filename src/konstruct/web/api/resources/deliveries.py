"""What was sent, and what became of it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, Field

from konstruct.channels import delivery_log_repository as repository
from konstruct.tenants.api_keys import Caller
from konstruct.tenants.roles import Permission
from konstruct.web.api.cursors import Places
from konstruct.web.api.guard import ApiRoute, require
from konstruct.web.api.models import ID, LIMIT, Cursor, Id, Limit, Page, example
from konstruct.web.api.reading import filter_id, found, parse_id
from konstruct.web.deps import deps_of

Viewing = Annotated[Caller, Depends(require(Permission.VIEW_CONVERSATIONS))]
State = Literal["pending", "sending", "unknown", "sent", "failed", "cancelled"]


class Delivery(BaseModel):
    """One visible part of an answer, a reply or a notice."""

    model_config = example(
        id=ID, conversation_id=ID, account_id=ID, turn_id=ID, message_id=ID, kind="reply", part=0,
        text="We open at nine.", state="sent", attempts=1, reason=None, channel_id="C024BE91L", thread_id="1760000000.000100",
        external_id="1760000003.000200", created_at="2026-03-01T09:00:02Z", sent_at="2026-03-01T09:00:03Z",
    )  # fmt: skip

    id: UUID
    conversation_id: UUID
    account_id: UUID = Field(description="The channel account that it goes out by.")
    turn_id: UUID | None = Field(description="The turn that made it; null for what people wrote.")
    message_id: UUID = Field(description="The message of which it is a part.")
    kind: str = Field(description="reply, fallback, human or notice.")
    part: int = Field(description="Which part of the message, from 0.")
    text: str = Field(description="As the channel shows it.")
    state: State = Field(description="unknown: the channel gave no answer; it is being looked up and is not sent twice.")
    attempts: int
    reason: str | None = Field(description="Why it was not shown, in the channel's word or ours.")
    channel_id: str
    thread_id: str | None
    external_id: str | None = Field(description="The channel's own id of the visible message.")
    created_at: datetime
    sent_at: datetime | None


def router() -> APIRouter:
    """Return the routes of /deliveries."""
    routes = APIRouter(route_class=ApiRoute, tags=["deliveries"], prefix="/deliveries")
    routes.add_api_route(
        "", index, methods=["GET"], response_model=Page[Delivery], operation_id="list_deliveries", summary="List deliveries"
    )
    routes.add_api_route(
        "/{delivery_id}", show, methods=["GET"], response_model=Delivery, operation_id="get_delivery", summary="Read a delivery"
    )
    return routes


async def index(
    request: Request,
    caller: Viewing,
    conversation_id: Annotated[str | None, Query(description="Only of this conversation.", max_length=64)] = None,
    state: Annotated[State | None, Query(description="Only in this state.")] = None,
    cursor: Cursor = None,
    limit: Limit = LIMIT,
) -> Page[Delivery]:
    """List what was sent or is to be, the newest first."""
    places = Places(caller.scope, "deliveries", (UUID,))
    [before] = places.parse(cursor) or (None,)
    of = filter_id(conversation_id)
    async with deps_of(request).db.tenant(caller.scope) as session:
        rows = await repository.page(session, limit + 1, before=before, conversation_id=of, state=state)
    kept, following = places.cut(rows, limit, lambda row: (row.id,))
    return Page(items=[Delivery.model_validate(row) for row in kept], next_cursor=following)


async def show(request: Request, caller: Viewing, delivery_id: Id) -> Delivery:
    """Return one delivery."""
    wanted = parse_id(delivery_id)
    async with deps_of(request).db.tenant(caller.scope) as session:
        return Delivery.model_validate(found(await repository.find(session, wanted)))
