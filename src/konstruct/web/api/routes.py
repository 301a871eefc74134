"""The API's routes, under /api/v1, and their description."""

from __future__ import annotations

from functools import cache

import orjson
from fastapi import APIRouter, Response

from konstruct.web.api.resources import (
    accounts,
    agents,
    consents,
    conversations,
    deliveries,
    documents,
    me,
    outreach,
    templates,
    turns,
    usage,
)
from konstruct.web.api.schema import describe

RESOURCES = (me, agents, documents, conversations, turns, deliveries, accounts, consents, templates, outreach, usage)
"""Each module has `router()`, for what its name says."""
VERSION = "/api/v1"


def router() -> APIRouter:
    """Return every route of the API; `request.app.state` must hold `deps` and `api_limits`."""
    routes = APIRouter()
    routes.include_router(v1())
    routes.add_api_route("/api/openapi.json", openapi, methods=["GET"], include_in_schema=False)
    return routes


@cache
def v1() -> APIRouter:
    """Return the routes that keys open."""
    routes = APIRouter(prefix=VERSION)
    for resource in RESOURCES:
        routes.include_router(resource.router())
    return routes


async def openapi() -> Response:
    """Return the OpenAPI document. It is the same for everybody, and tells nothing of anybody."""
    return Response(_document(), media_type="application/json", headers={"Cache-Control": "public, max-age=300"})


@cache
def _document() -> bytes:
    return orjson.dumps(describe(v1()), option=orjson.OPT_INDENT_2)
