"""The portal's route table: each page asks for one permission, foreign ids are nothing, and no role gets more than its own.

Generated from the routes themselves: a new page without a permission, or with an unknown parameter, fails here.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from typing import Any
from uuid import uuid4

import pytest
from fastapi import APIRouter
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.kit.settings import Settings
from konstruct.llm.backends.scripted import ScriptedBackend
from konstruct.tenants.roles import ROLES, Permission, Role, allows
from konstruct.tenants.vault import Vault
from konstruct.web.portal import routes as portal
from tests.support.house import House, open_house
from tests.support.portal import open_portal

ENTRANCE = {"/", "/sign-in", "/sign-in/code", "/sign-in/{ticket}", "/sign-out"}
"""Pages that are there for people who are not signed in."""


def _permissions(dependant: Dependant) -> Iterator[Permission]:
    for inner in dependant.dependencies:
        if (permission := getattr(inner.call, "permission", None)) is not None:
            yield permission
        yield from _permissions(inner)


def flat(router: APIRouter, prefix: str = "") -> Iterator[tuple[str, APIRoute]]:
    for route in router.routes:
        if isinstance(route, APIRoute):
            yield prefix + route.path, route
        else:
            # A router in a router: FastAPI keeps it whole, and has no public names for that.
            inner: Any = route
            yield from flat(inner.original_router, prefix + inner.include_context.prefix)


def _routes() -> list[tuple[str, APIRoute]]:
    found = [pair for area in portal.AREAS for pair in flat(area.router())]
    assert len(found) > 10, "the route table is empty"
    return found


def _cases() -> list[Any]:
    return [
        pytest.param(path, method, next(_permissions(route.dependant)), id=f"{method} {path}")
        for path, route in _routes()
        for method in sorted(route.methods or ())
        if path not in ENTRANCE
    ]


@pytest.mark.parametrize(("path", "route"), _routes())
def test_each_route_asks_for_exactly_one_permission(path: str, route: APIRoute) -> None:
    assert len(list(_permissions(route.dependant))) == (0 if path in ENTRANCE else 1)


@pytest.fixture
async def house(
    settings: Settings, db: Database, house_vault: Vault, tenants: tuple[TenantScope, TenantScope]
) -> AsyncIterator[House]:
    async with open_house(settings, db, house_vault, tenants, ScriptedBackend(), run_engine=False) as opened:
        yield opened


@pytest.mark.parametrize("role", ROLES)
async def test_a_role_gets_its_own_pages_and_no_other(house: House, role: Role) -> None:
    async with open_portal(house, house.scopes[0], role) as person:
        for case in _cases():
            path, method, permission = case.values
            if allows(role, permission):
                continue
            address = re.sub(r"\{[^}]+\}", str(uuid4()), path)
            answer = await (person.get(address) if method == "GET" else person.post(address))
            assert answer.status == 403, f"{role} {method} {path}"


async def test_nobody_gets_nothing(house: House) -> None:
    async with open_portal(house, house.scopes[0]) as person:
        person.http.cookie_jar.clear()
        for case in _cases():
            path, method, _ = case.values
            address = re.sub(r"\{[^}]+\}", str(uuid4()), path)
            send = person.get if method == "GET" else person.post
            answer = await send(address, follow=False)
            assert answer.status == 303, f"{method} {path}"
            assert answer.path.startswith("/sign-in"), f"{method} {path}"


async def test_another_site_sends_no_form(house: House) -> None:
    async with open_portal(house, house.scopes[0]) as person:
        for case in _cases():
            path, method, _ = case.values
            if method == "GET":
                continue
            address = re.sub(r"\{[^}]+\}", str(uuid4()), path)
            answer = await person.post(address, headers={"Sec-Fetch-Site": "cross-site"})
            assert answer.status == 403, f"{method} {path}"
            assert "sent from another site" in answer.text


async def test_an_id_that_is_nothing_is_the_same_404_everywhere(house: House) -> None:
    """Unknown and malformed ids; foreign ones have their cases where their rows are made."""
    async with open_portal(house, house.scopes[0]) as person:
        for case in _cases():
            path, method, _ = case.values
            names = re.findall(r"\{([^}]+)\}", path)
            if not names or not all(name.endswith("_id") for name in names):
                continue
            unknown, garbage = (re.sub(r"\{[^}]+\}", text, path) for text in (str(uuid4()), "x"))
            send = person.get if method == "GET" else person.post
            first, second = await send(unknown), await send(garbage)
            if method == "GET" or first.status == 404:
                assert (first.status, second.status) == (404, 404), f"{method} {path}"
                assert first.text == second.text, f"{method} {path}"
            else:
                # A form without its fields, which some look at before the id.
                assert first.status in (400, 422), f"{method} {path}"
