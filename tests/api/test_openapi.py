"""The description: OpenAPI 3.1 that a client can be made from, with examples that are true."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import aiohttp
import pytest
from pydantic import BaseModel, TypeAdapter

from konstruct.web.api import models
from konstruct.web.api.resources import (
    accounts,
    agents,
    answering,
    conversations,
    deliveries,
    documents,
    me,
    personas,
    threads,
    turns,
    usage,
)
from tests.api.table import document, routes
from tests.support.house import House

SCHEMAS: dict[str, Any] = document()["components"]["schemas"]
MODULES = (models, accounts, agents, answering, conversations, deliveries, documents, me, personas, threads, turns, usage)


def walk(node: Any, at: str = "") -> Iterator[tuple[str, Any]]:
    yield at, node
    for key, value in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
        yield from walk(value, f"{at}/{key}")


async def test_it_is_served_to_everybody(house: House) -> None:
    async with aiohttp.ClientSession() as http, http.get(f"{house.url}/api/openapi.json") as answer:
        served = await answer.json()
        assert answer.headers["cache-control"] == "public, max-age=300"
    assert served == document()


def test_its_form() -> None:
    found = document()
    assert re.fullmatch(r"3\.1\.\d+", found["openapi"])
    assert found["info"]["title"] and found["info"]["version"] and found["info"]["description"]
    assert set(found) <= {"openapi", "info", "paths", "components", "tags", "servers"}
    assert {tag["name"] for tag in found["tags"]} == {tag for route in routes() for tag in route.operation["tags"]}
    assert found["components"]["securitySchemes"]["key"]["type"] == "http"


def test_every_reference_leads_somewhere() -> None:
    for at, node in walk(document()):
        if isinstance(node, dict) and isinstance(reference := node.get("$ref"), str):
            target: Any = document()
            for part in reference.removeprefix("#/").split("/"):
                assert part in target, f"{at}: {reference}"
                target = target[part]


def test_nothing_is_described_in_vain() -> None:
    used = {node["$ref"].rpartition("/")[2] for _, node in walk(document()) if isinstance(node, dict) and "$ref" in node}
    assert used >= set(SCHEMAS), set(SCHEMAS) - used


NAMES_IN_BODY = {f"/api/v1/{name}" for name in ("outreach", "consents", "consents/withdrawals")}
"""What they are about is named in the body."""


@pytest.mark.parametrize("route", routes(), ids=lambda route: f"{route.method} {route.path}")
def test_each_operation_is_complete(route: Any) -> None:
    operation = route.operation
    assert operation["security"] == [{"key": [route.permission.value]}]
    assert operation["summary"] and operation["description"].endswith(f"Needs the scope `{route.permission.value}`.")
    assert [parameter["name"] for parameter in operation.get("parameters", []) if parameter["in"] == "path"] == route.names
    assert all(parameter["description"] for parameter in operation.get("parameters", []))
    responses = operation["responses"]
    assert {"401", "403", "429", "503"} <= set(responses) and ("404" in responses) == bool(
        route.names or route.path in NAMES_IN_BODY
    )
    assert not route.writes or {"409", "422"} <= set(responses)
    for status, response in responses.items():
        if status == "204":
            assert "content" not in response
        elif status < "400":
            assert "$ref" in response["content"]["application/json"]["schema"], f"{status} has no model"
        else:
            assert response == {"$ref": f"#/components/responses/{status}"}


def test_operation_ids_are_unique_words() -> None:
    ids = [route.operation["operationId"] for route in routes()]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"(get|list|create|upload|search|delete|take_over|hand_back)_[a-z_]+", name) for name in ids)


def test_problems_are_described() -> None:
    for status, response in document()["components"]["responses"].items():
        content = response["content"]["application/problem+json"]
        assert content["example"]["status"] == int(status)
        models.Problem.model_validate(content["example"])


def described() -> list[type[BaseModel]]:
    found = {value.__name__: value for module in MODULES for value in vars(module).values() if isinstance(value, type)}
    return [model for name, model in sorted(found.items()) if name in SCHEMAS and issubclass(model, BaseModel)]


@pytest.mark.parametrize("model", described(), ids=lambda model: model.__name__)
def test_each_example_is_what_its_model_says(model: type[BaseModel]) -> None:
    examples = SCHEMAS[model.__name__].get("examples")
    if model is documents.NewFile:
        return
    assert examples, "a model without an example"
    for example in examples:
        by_alias = {field.serialization_alias: name for name, field in model.model_fields.items() if field.serialization_alias}
        values = {by_alias.get(name, name): value for name, value in example.items()}
        shown = TypeAdapter(model).validate_python(values).model_dump(mode="json", by_alias=True)
        assert {name: shown[name] for name in example} == example
        required = set(SCHEMAS[model.__name__].get("required", []))
        assert required <= set(example)
