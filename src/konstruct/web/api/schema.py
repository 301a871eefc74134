"""The API's description: OpenAPI 3.1, made from the routes, with the scope and the problems of each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fastapi import APIRouter
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute, iter_route_contexts
from pydantic import BaseModel

from konstruct.web.api.guard import permissions_of
from konstruct.web.api.models import FieldProblem, Problem
from konstruct.web.api.problems import MEDIA_TYPE, TITLES

VERSION = "1.0.0"
"""Of the API, not of the program: fields may be added within 1; nothing is renamed or taken away."""
_OWN = "konstruct.web.api."
_REFERENCE = "#/components/schemas/{model}"
_ABOUT = """What the pages of Konstruct do, for programs.

Every request carries a key: `Authorization: Bearer kst_…`, made under Settings → API keys. Lists are cut into pages by
cursors. Every error is a problem of RFC 9457. Each write takes an `Idempotency-Key`, so that it may be sent again."""
_TAGS = {
    "key": "The key itself.",
    "agents": "The employee, and the versions of what it was told.",
    "documents": "What the employee knows.",
    "conversations": "What was said, and who answers.",
    "turns": "How answers came about.",
    "deliveries": "What was sent, and what became of it.",
    "channel accounts": "Where the employee can be reached.",
    "templates": "Words that a channel's provider has approved before: with them a business may write first.",
    "outreach": "Writing to contacts first, by a template.",
    "consents": "Who has agreed to be written to first, and who wants no more messages.",
    "usage": "What it took and cost.",
}
_ALWAYS = (401, 403, 429, 500, 503)


def describe(api: APIRouter) -> dict[str, Any]:
    """Return the OpenAPI document of the routes of `api`."""
    document = get_openapi(
        title="Konstruct API",
        version=VERSION,
        description=_ABOUT,
        routes=api.routes,
        tags=[{"name": name, "description": text} for name, text in _TAGS.items()],
    )
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    for model in (Problem, FieldProblem):
        schemas[model.__name__] = model.model_json_schema(ref_template=_REFERENCE, by_alias=True)
        schemas[model.__name__].pop("$defs", None)
    _restore_examples(schemas)
    components["securitySchemes"] = {
        "key": {"type": "http", "scheme": "bearer", "bearerFormat": "kst_…", "description": "A key of the business."}
    }
    components["responses"] = {str(status): _problem(status) for status in TITLES}
    for context in iter_route_contexts(api.routes):
        route = context.original_route
        if isinstance(route, APIRoute):
            _complete(document["paths"][context.path], context.methods or set(), permissions_of(route.dependant)[0].value)
    return document


def _restore_examples(schemas: dict[str, Any]) -> None:
    """Put the models' own examples back: FastAPI leaves out what is null, which says much."""
    for model in _models(BaseModel):
        extra = model.model_config.get("json_schema_extra")
        if model.__name__ in schemas and model.__module__.startswith(_OWN) and isinstance(extra, dict):
            schemas[model.__name__] |= extra


def _models(base: type[BaseModel]) -> Iterator[type[BaseModel]]:
    for model in base.__subclasses__():
        yield model
        yield from _models(model)


def _complete(path: dict[str, Any], methods: set[str], scope: str) -> None:
    for method in methods:
        operation = path[method.lower()]
        operation["security"] = [{"key": [scope]}]
        operation["description"] = f"{operation.get('description', '')}\n\nNeeds the scope `{scope}`.".strip()
        responses = operation["responses"]
        # FastAPI's own, in another form than ours.
        responses.pop("422", None)
        declared = [int(status) for status in responses if status >= "400"]
        for status in (*_ALWAYS, *_own(operation, method), *declared):
            responses[str(status)] = {"$ref": f"#/components/responses/{status}"}
        operation["responses"] = dict(sorted(responses.items()))


def _own(operation: dict[str, Any], method: str) -> list[int]:
    """Return what can go wrong with this operation, besides what can go wrong with each."""
    places = {parameter["in"] for parameter in operation.get("parameters", [])}
    found = [404] if "path" in places else []
    if any(parameter["name"] == "cursor" for parameter in operation.get("parameters", [])):
        found.append(400)
    if "requestBody" in operation:
        found += [400, 413]
    if places & {"query", "header"} or "requestBody" in operation:
        found.append(422)
    return [*found, 409] if method != "GET" and "header" in places else found


def _problem(status: int) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "description": TITLES[status],
        "content": {
            MEDIA_TYPE: {
                "schema": {"$ref": _REFERENCE.format(model="Problem")},
                "example": {"type": "about:blank", "title": TITLES[status], "status": status, "detail": TITLES[status] + "."},
            }
        },
    }
    if status == 401:
        shown["headers"] = {"WWW-Authenticate": {"schema": {"type": "string"}, "description": "Bearer, and why not."}}
    if status in (429, 503):
        shown["headers"] = {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds to wait."}}
    return shown
