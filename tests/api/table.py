"""The API's routes, for tests that ask each of them the same."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Any

import aiohttp
from fastapi.routing import APIRoute, iter_route_contexts

from konstruct.tenants.roles import Permission
from konstruct.web.api.guard import permissions_of
from konstruct.web.api.routes import v1
from konstruct.web.api.schema import describe
from tests.support.api import Answer, Program


@dataclass(frozen=True, slots=True)
class Route:
    """A method at an address, and the one scope it needs."""

    method: str
    path: str
    permission: Permission

    @property
    def names(self) -> list[str]:
        """The names of what stands in the address."""
        return re.findall(r"\{([^}]+)\}", self.path)

    @property
    def operation(self) -> dict[str, Any]:
        """What the description says of it."""
        found: dict[str, Any] = document()["paths"][self.path][self.method.lower()]
        return found

    @property
    def writes(self) -> bool:
        """Whether it changes something."""
        return any(parameter["name"] == "Idempotency-Key" for parameter in self.operation.get("parameters", []))

    def options(self) -> dict[str, Any]:
        """Return a body that the route takes: the example of its description."""
        content = self.operation.get("requestBody", {}).get("content", {})
        if "multipart/form-data" in content:
            form = aiohttp.FormData()
            form.add_field("file", b"# Opening hours\nNine to five.", filename="hours.md", content_type="text/markdown")
            return {"data": form}
        if "application/json" not in content:
            return {}
        schema = content["application/json"]["schema"]
        reference = schema.get("$ref") or schema["anyOf"][0]["$ref"]
        body = dict(document()["components"]["schemas"][reference.rpartition("/")[2]]["examples"][0])
        return {"json": body | ({"based_on": 1} if "based_on" in body else {})}

    async def ask(self, program: Program, ids: dict[str, str], **options: Any) -> Answer:
        """Call the route with these ids in its address."""
        path = re.sub(r"\{([^}]+)\}", lambda name: ids[name[1]], self.path)
        options = self.options() | options
        if isinstance(sent := options.get("json"), dict) and "contact_id" in sent and "contact_id" in ids:
            options["json"] = sent | {"contact_id": ids["contact_id"]}
        return await program.ask(self.method, path, **options)


@cache
def document() -> dict[str, Any]:
    return describe(v1())


@cache
def routes() -> tuple[Route, ...]:
    return tuple(
        Route(method, context.path or "", *permissions_of(context.original_route.dependant))
        for context in iter_route_contexts(v1().routes)
        if isinstance(context.original_route, APIRoute)
        for method in sorted(context.methods or ())
    )
