"""The message templates with which a business may write first."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, Field

from konstruct.channels.templates import filling, templates_repository
from konstruct.channels.templates.template import Template as Known
from konstruct.tenants.api_keys import Caller
from konstruct.tenants.roles import Permission
from konstruct.web.api.cursors import Places
from konstruct.web.api.guard import ApiRoute, require
from konstruct.web.api.models import ID, LIMIT, Cursor, Limit, Page, example
from konstruct.web.api.reading import filter_id
from konstruct.web.deps import deps_of

Viewing = Annotated[Caller, Depends(require(Permission.VIEW_CHANNELS))]
OfAccount = Annotated[
    str | None,
    Query(max_length=64, description="Only those that this channel account can send."),
]


class Template(BaseModel):
    """Words that the provider approved before, in one language, and the places in them that are filled in."""

    model_config = example(
        id=ID, kind="whatsapp", name="order_ready", language="en", state="APPROVED", category="UTILITY", quality="GREEN",
        reason=None, sendable=True, header=[], body=["1", "2"], buttons=[], header_text="",
        body_text="Hello {{1}}, {{2}} is ready.", footer_text="", fetched_at="2026-03-01T09:00:00Z",
    )  # fmt: skip

    id: UUID
    kind: str = Field(description="Of the channel.")
    name: str
    language: str
    state: str = Field(description="The provider's own word: APPROVED, PENDING, REJECTED, PAUSED, DISABLED, …")
    category: str | None = Field(description="What it is charged as: MARKETING, UTILITY, AUTHENTICATION.")
    quality: str | None = Field(description="GREEN, YELLOW, RED, or UNKNOWN.")
    reason: str | None = Field(description="Why it is in its state, in the provider's word.")
    sendable: bool = Field(description="Whether it is approved, and can be filled in here.")
    header: list[str] = Field(description="The places of its headline, in the order in which they are filled in.")
    body: list[str] = Field(description="The places of its text, likewise.")
    buttons: list[int] = Field(description="The buttons, counted from 0, whose address has an end to be filled in.")
    header_text: str
    body_text: str
    footer_text: str
    fetched_at: datetime | None = Field(description="When the provider was asked for it last.")

    @classmethod
    def of(cls, known: Known) -> Self:
        """Return a template as the API shows it."""
        places = known.places
        return cls(
            id=known.id,
            kind=known.kind,
            name=known.name,
            language=known.language,
            state=known.state,
            category=known.category,
            quality=known.quality,
            reason=known.reason,
            sendable=known.approved and known.usable,
            header=[place.name for place in places if place.piece == "header"],
            body=[place.name for place in places if place.piece == "body"],
            buttons=[place.index for place in places if place.piece == "button"],
            header_text=filling.piece_of(known, "HEADER"),
            body_text=filling.piece_of(known, "BODY"),
            footer_text=filling.piece_of(known, "FOOTER"),
            fetched_at=known.synced_at,
        )


def router() -> APIRouter:
    """Return the routes of /templates."""
    routes = APIRouter(route_class=ApiRoute, tags=["templates"], prefix="/templates")
    routes.add_api_route(
        "", index, methods=["GET"], response_model=Page[Template], operation_id="list_templates", summary="List message templates"
    )
    return routes


async def index(
    request: Request, caller: Viewing, account_id: OfAccount = None, cursor: Cursor = None, limit: Limit = LIMIT
) -> Page[Template]:
    """List the message templates that the provider is known to have."""
    places = Places(caller.scope, f"templates {account_id or ''}", (UUID,))
    account = filter_id(account_id)
    async with deps_of(request).db.tenant(caller.scope) as session:
        rows = await templates_repository.page(session, limit + 1, places.parse(cursor), account_id=account)
    kept, following = places.cut(rows, limit, lambda row: (row.id,))
    return Page(items=[Template.of(row) for row in kept], next_cursor=following)
