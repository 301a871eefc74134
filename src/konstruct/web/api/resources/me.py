"""Who the key stands for."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from konstruct.tenants.api_keys import Caller
from konstruct.tenants.roles import Permission
from konstruct.web.api.guard import ApiRoute, require
from konstruct.web.api.models import ID, example


class Me(BaseModel):
    """The key of the request, and what it may do at this moment."""

    model_config = example(
        key_id=ID, name="Nightly report", prefix="kst_…_Zk3qLx", scopes=["overview:view", "usage:view"], business="Alpha Bikes",
        acts_for="Pat Doe", created_at="2026-03-01T09:00:00Z", expires_at=None,
    )  # fmt: skip

    key_id: UUID
    name: str = Field(description="What the key is for, in its maker's words.")
    prefix: str = Field(description="How its secret begins, by which you can recognize it.")
    scopes: list[str] = Field(description="What it may do: what it was given, as far as its maker may still do that.")
    business: str = Field(description="The business that it belongs to.")
    acts_for: str = Field(description="The member who made it: what it does is done in this name.")
    created_at: datetime
    expires_at: datetime | None = Field(description="null: it does not expire.")


def router() -> APIRouter:
    """Return the routes of /me."""
    routes = APIRouter(route_class=ApiRoute, tags=["key"])
    routes.add_api_route("/me", show, methods=["GET"], response_model=Me, operation_id="get_me", summary="Who am I?")
    return routes


async def show(caller: Annotated[Caller, Depends(require(Permission.VIEW_OVERVIEW))]) -> Me:
    """Return the key that the request was made with. Every key has the scope for it."""
    return Me(
        key_id=caller.key_id,
        name=caller.key_name,
        prefix=f"kst_…_{caller.prefix}",
        scopes=sorted(scope.value for scope in caller.scopes),
        business=caller.business,
        acts_for=caller.member.name,
        created_at=caller.created_at,
        expires_at=caller.expires_at,
    )
