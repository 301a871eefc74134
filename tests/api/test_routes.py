"""Every route of the API, generated from its table: one scope each, and ids that are nothing are nothing everywhere."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest
from fastapi import APIRouter, Depends

from konstruct.tenants.api_keys import ALWAYS, SCOPES
from konstruct.tenants.roles import ROLES, Permission, Role, allows
from konstruct.web.api.guard import ApiRoute, require
from tests.api.table import routes
from tests.support.api import Program, open_api, stock
from tests.support.hand import rows
from tests.support.house import House

pytestmark = pytest.mark.usefixtures("unhurried")
PROBLEM = "application/problem+json"


def test_the_table_is_what_it_is() -> None:
    assert len(routes()) >= 26
    assert all(route.path.startswith("/api/v1/") for route in routes())


def test_a_key_can_be_given_what_routes_need_and_nothing_else() -> None:
    assert {route.permission for route in routes()} == {*SCOPES, ALWAYS}
    assert not {Permission.DELETE_BUSINESS, Permission.MANAGE_MEMBERS, Permission.MANAGE_API_KEYS} & {*SCOPES, ALWAYS}
    assert all(allows(role, ALWAYS) for role in ROLES)


@pytest.mark.parametrize("scopes", [(), (Permission.VIEW_USAGE, Permission.VIEW_CHANNELS)])
def test_a_route_without_exactly_one_scope_cannot_be_made(scopes: tuple[Permission, ...]) -> None:
    dependencies = [Depends(require(scope)) for scope in scopes]
    with pytest.raises(ValueError, match="exactly one"):
        APIRouter(route_class=ApiRoute).add_api_route("/x", lambda: None, methods=["GET"], dependencies=dependencies)


def test_changing_needs_another_scope_than_looking() -> None:
    for route in routes():
        looks = route.permission.value.endswith(":view")
        assert looks == (not route.writes), route
        assert route.writes or route.method == "GET" or route.path.endswith("/search"), route


async def test_an_id_that_is_nothing_is_the_same_404(house: House, program: Program) -> None:
    """Foreign, unknown and malformed ids, in every address, answered with the very same bytes."""
    own, foreign = await stock(house, 0), await stock(house, 1)
    before = await _counts(house, 1)
    seen: set[str] = set()
    for route in routes():
        for name in route.names:
            wrong = [foreign[name], str(uuid4()), "x", "0", "%00", "é", str(uuid4()) + "0", "9" * 40, "-1"]
            if name == "version":
                wrong = ["0", "2", "999999999", "9" * 40, "x", "1.0", "-1", "+1", "%C2%B2", str(uuid4())]
            answers = [await route.ask(program, own | {name: text}) for text in wrong]
            assert [answer.status for answer in answers] == [404] * len(wrong), f"{route.method} {route.path} {name}"
            assert all(answer.seen == answers[0].seen for answer in answers), f"{route.method} {route.path} {name}"
            seen.add(answers[0].text)
    assert len(seen) == 1
    assert await _counts(house, 1) == before


async def _counts(house: House, tenant: int) -> list[Any]:
    counted = ("documents", "messages", "deliveries", "persona_versions", "conversation_events", "api_requests")
    found = [await rows(house, house.scopes[tenant], f"SELECT count(*) FROM {name} WHERE tenant_id = $1") for name in counted]
    return [row[0]["count"] for row in found]


async def test_own_ids_are_something(house: House, program: Program) -> None:
    own = await stock(house, 0)
    # What needs the conversation in a person's hands comes after it was taken over, and deleting at the end.
    late = {"POST messages": 1, "POST handback": 2, "DELETE {document_id}": 3}
    for route in sorted(routes(), key=lambda route: late.get(f"{route.method} {route.path.rpartition('/')[2]}", 0)):
        options = route.options()
        if isinstance(options.get("json"), dict):
            options["json"].pop("owner_epoch", None)
        answer = await route.ask(program, own, **options)
        assert answer.status in (200, 201, 204), f"{route.method} {route.path}: {answer.status} {answer.text}"
        assert str(answer.status) in route.operation["responses"]
        assert answer.headers["cache-control"] == "no-store" and answer.headers["ratelimit"]
    [left] = await rows(
        house, house.scopes[0], "SELECT count(*) FROM documents WHERE tenant_id = $1 AND id = $2", UUID(own["document_id"])
    )
    assert left["count"] == 0


async def test_lists_and_answers_hold_nothing_foreign(house: House, program: Program) -> None:
    own, foreign = await stock(house, 0), await stock(house, 1)
    for route in routes():
        if route.method == "GET":
            answer = await route.ask(program, own)
            assert answer.status == 200
            assert not [name for name, value in foreign.items() if name != "version" and value in answer.text], route
            assert "open? 1" not in answer.text and "nine. 1" not in answer.text and "Beta" not in answer.text, route


@pytest.mark.parametrize("filtered", ["conversation_id", "account_id", "contact_id"])
async def test_filters_by_a_foreign_id_find_nothing(house: House, program: Program, filtered: str) -> None:
    await stock(house, 0)
    foreign = await stock(house, 1)
    for route in routes():
        if filtered in {parameter["name"] for parameter in route.operation.get("parameters", []) if parameter["in"] == "query"}:
            for value in (foreign.get(filtered, str(uuid4())), str(uuid4()), "x"):
                answer = await program.get(route.path, **{filtered: value})
                assert (answer.status, answer.json()["items"]) == (200, []), route


async def test_each_scope_opens_its_own_routes_and_no_other(house: House) -> None:
    ids = await stock(house, 0)
    for scope in SCOPES:
        async with open_api(house, house.scopes[0], scopes=[scope]) as program:
            for route in routes():
                if route.permission in (scope, ALWAYS):
                    continue
                answer = await route.ask(program, ids)
                assert answer.status == 403, f"{scope} {route.method} {route.path}"
                assert answer.json()["detail"].startswith(f"This needs the scope {route.permission.value}")
                assert f'scope="{route.permission.value}"' in answer.headers["www-authenticate"]


@pytest.mark.parametrize("role", ROLES)
async def test_a_role_reaches_what_it_may_and_no_more(house: House, role: Role) -> None:
    """A key of everything, whose maker has become what `role` says."""
    ids = {name: str(uuid4()) for name in ("agent_id", "document_id", "conversation_id", "turn_id", "delivery_id", "account_id")}
    async with open_api(house, house.scopes[0]) as program:
        async with house.db.tenant(house.scopes[0]) as session:
            sql = "UPDATE members SET role = $3 WHERE tenant_id = $1 AND id = $2"
            await session.execute(sql, house.scopes[0].tenant_id, program.member.id, role)
        for route in routes():
            answer = await route.ask(program, ids | {"version": "1"})
            assert (answer.status == 403) == (not allows(role, route.permission)), f"{role} {route.method} {route.path}"


async def test_without_a_key_nothing_is_told(house: House, program: Program) -> None:
    own = await stock(house, 0)
    for route in routes():
        answers = [
            await route.ask(program, ids, headers={"Authorization": "Bearer kst_x"}) for ids in (own, dict.fromkeys(own, "x"))
        ]
        assert [answer.status for answer in answers] == [401, 401], route
        assert answers[0].seen == answers[1].seen
        assert answers[0].headers["content-type"] == PROBLEM


async def test_a_body_that_names_a_tenant_or_a_role_is_refused(house: House, program: Program, other: Program) -> None:
    own = await stock(house, 0)
    for route in routes():
        body: dict[str, Any] | None = route.options().get("json")
        for field in () if body is None else ("tenant_id", "role", "uploaded_by", "id"):
            answer = await route.ask(program, own, json={**(body or {}), field: str(house.scopes[1].tenant_id)})
            assert answer.status == 422, f"{route.method} {route.path} {field}"
            assert answer.json()["errors"] == [{"in": "body", "field": field, "detail": "Extra inputs are not permitted"}]
