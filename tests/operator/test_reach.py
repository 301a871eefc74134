"""What operators reach: every route has the guard, and none shows content without a reason that the owner can read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from konstruct.db.bootstrap import RoleUrls
from konstruct.db.scope import TenantScope
from konstruct.kit.errors import KonstructError
from konstruct.local.postgres import Postgres
from konstruct.tenants import operator_access, operator_access_repository, operators
from konstruct.tenants.operators_repository import Operator
from konstruct.web.operator.guard import require_access, require_operator
from konstruct.web.operator.routes import AREAS
from tests.operator.support import REASON, open_operations
from tests.operator.test_dead_letters import bury_delivery, bury_turn
from tests.support.hand import conversation, rows
from tests.support.house import House
from tests.support.portal import open_portal
from tests.support.puppet import Puppet

PUBLIC = {("GET", "/operator/sign-in"), ("GET", "/operator/sign-in/{ticket}"), ("POST", "/operator/sign-in/{ticket}")}
MARK = "cq7vanary"


def _routes() -> Iterator[tuple[str, APIRoute]]:
    for area in AREAS:
        for route in area.router().routes:
            assert isinstance(route, APIRoute)
            for method in route.methods or ():
                yield method, route


ROUTES = sorted(((method, route.path) for method, route in _routes()), key=lambda pair: pair[1])


def _calls(dependant: Dependant) -> list[Any]:
    return [dependency.call for dependency in dependant.dependencies]


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_every_route_asks_for_an_operator_and_content_for_an_access(method: str, path: str) -> None:
    (route,) = [route for found, route in _routes() if (found, route.path) == (method, path)]
    calls = _calls(route.dependant)
    assert calls.count(require_operator) == (0 if (method, path) in PUBLIC else 1)
    assert calls.count(require_access) == (1 if "/content" in path else 0)


def test_the_list_of_public_routes_is_short_and_real() -> None:
    assert set(ROUTES) >= PUBLIC
    assert all(path.startswith("/operator") for _, path in ROUTES)


def _filled(path: str, house: House, letter: UUID, conversation_id: UUID, number: int = 0) -> str:
    ids = {
        "tenant_id": house.scopes[number].tenant_id,
        "letter_id": letter,
        "conversation_id": conversation_id,
        "ticket": "made-up",
    }
    return path.format(**ids)


@pytest.mark.parametrize(("method", "path"), [pair for pair in ROUTES if pair not in PUBLIC])
async def test_nobody_and_no_member_of_a_business_gets_anything(still: House, method: str, path: str) -> None:
    where = _filled(path, still, still.scopes[0].tenant_id, still.scopes[0].tenant_id)
    async with open_portal(still, still.scopes[0]) as owner, open_operations(still, None) as nobody:
        for person in (owner, nobody):
            ask = person.get(where, follow=False) if method == "GET" else person.post(where, follow=False, reason=REASON)
            answer = await ask
            assert (answer.status, answer.path, answer.text) == (303, "/operator/sign-in", "")
    status = await still.db.fleet_fetch(
        "test", "SELECT status FROM tenant_directory WHERE tenant_id = $1", still.scopes[0].tenant_id
    )
    assert status[0]["status"] == "active"


async def test_an_operator_is_no_member_of_a_business(still: House, olga: Operator) -> None:
    async with open_operations(still, olga) as desk:
        for path in ("/settings/members", "/"):
            answer = await desk.get(path)
            assert "Alpha Bikes" not in answer.text
        assert (await desk.get("/settings/members", follow=False)).status == 303
        desk.http.cookie_jar.update_cookies({"konstruct_session": desk.ticket})
        assert (await desk.get("/settings/members", follow=False)).status == 303


# What operators see by design: names of businesses, codes of dead letters, statuses, and their own words.
SHOWN = {("tenants", "name"), ("dead_letters", "reason"), ("operator_accesses", "*"), ("operator_actions", "*")}
_COLUMNS = """
SELECT c.table_name, c.column_name, c.data_type FROM information_schema.columns c
JOIN information_schema.columns t
  ON t.table_schema = c.table_schema AND t.table_name = c.table_name AND t.column_name = 'tenant_id'
WHERE c.table_schema = 'public' AND c.data_type IN ('text', 'jsonb', 'bytea') ORDER BY 1, 2
"""


async def _mark_everything(cluster: Postgres, urls: RoleUrls, scopes: tuple[TenantScope, ...]) -> set[str]:
    """Put a mark into every text of the tenants that takes one; return the columns that hold it."""
    marked = set()
    connection = await asyncpg.connect(cluster.admin_url.rsplit("/", 1)[0] + "/konstruct_test")
    try:
        for table, column, kind in await connection.fetch(_COLUMNS):
            if (table, column) in SHOWN or (table, "*") in SHOWN:
                continue
            value = json.dumps([{"name": MARK}]) if kind == "jsonb" else MARK
            sql = f"UPDATE {table} SET {column} = $1::text::{kind} || $1::text::{kind} WHERE tenant_id = ANY ($2)"
            sql = sql if kind == "jsonb" else f"UPDATE {table} SET {column} = $1::text::{kind} WHERE tenant_id = ANY ($2)"
            try:
                status = await connection.execute(sql, value, [scope.tenant_id for scope in scopes])
            except asyncpg.PostgresError:
                # A word of a fixed set, a key, or a hash: it cannot hold content.
                continue
            if status != "UPDATE 0":
                marked.add(f"{table}.{column}")
    finally:
        await connection.close()
    return marked


async def _fill(house: House, model: Puppet) -> tuple[UUID, UUID]:
    """Let both tenants have questions, answers, fallbacks, documents and dead letters; return a letter and a conversation."""
    letter = await bury_turn(house, model, 0)
    await bury_delivery(house, 1)
    for scope in house.scopes:
        async with house.db.tenant(scope) as session:
            await session.execute(
                "INSERT INTO documents (tenant_id, id, title, source, content, sha256)"
                " VALUES ($1, uuidv7(), 'x', 'x', 'x', sha256('x'))",
                scope.tenant_id,
            )
    return letter, await conversation(house, house.scopes[0])


async def test_no_page_shows_content_without_an_access(
    still: House, olga: Operator, model: Puppet, cluster: Postgres, urls: RoleUrls
) -> None:
    letter, conversation_id = await _fill(still, model)
    async with open_portal(still, still.scopes[0]), open_operations(still, olga) as desk:
        marked = await _mark_everything(cluster, urls, still.scopes)
        assert marked >= {
            "messages.text",
            "messages.attachments",
            "deliveries.body",
            "contacts.display_name",
            "contacts.external_id",
            "agents.name",
            "persona_versions.persona",
            "documents.content",
            "documents.title",
            "members.name",
            "inbound_events.body",
        }
        asked = 0
        for method, path in ROUTES:
            if (method, path) in PUBLIC or "sign-out" in path or method != "GET":
                continue
            for number in (0, 1):
                answer = await desk.get(_filled(path, still, letter, conversation_id, number))
                asked += 1
                assert MARK not in answer.text, path
                assert answer.status == (403 if "/content" in path else 404 if "letter_id" in path and number else 200), path
        assert asked >= 16
        # The control: with a reason the same pages do show it.
        await desk.post(f"/operator/tenants/{still.scopes[0].tenant_id}/access", reason=REASON)
        thread = await desk.get(f"/operator/tenants/{still.scopes[0].tenant_id}/content/{conversation_id}")
        assert (thread.status, MARK in thread.text) == (200, True)


async def test_a_reason_opens_one_business_for_one_operator_and_half_an_hour(still: House, olga: Operator, model: Puppet) -> None:
    await bury_turn(still, model, 0, text="<b>where is my bike?</b>")
    own, other = (f"/operator/tenants/{scope.tenant_id}" for scope in still.scopes)
    second = await operators.create_operator(still.db, olga.name + " the second")
    async with open_operations(still, olga) as desk, open_operations(still, second) as another:
        assert (await desk.get(f"{own}/content")).status == 403
        refused = await desk.post(f"{own}/access", reason="because  ")
        assert (refused.status, "10 to 500" in refused.text) == (422, True)
        opened = await desk.post(f"{own}/access", reason=REASON)
        assert (opened.path, REASON in opened.text) == (f"{own}/content", True)
        thread = await desk.get(f"{own}/content/{await conversation(still, still.scopes[0])}")
        assert "&lt;b&gt;where is my bike?&lt;/b&gt;" in thread.text
        assert (await desk.get(f"{own}/content/{still.scopes[0].tenant_id}")).status == 404
        for before in ("x", "-1", "9" * 30, "%00"):
            assert (await desk.get(f"{own}/content/{await conversation(still, still.scopes[0])}?before={before}")).status == 200
        assert (await desk.get(f"{other}/content")).status == 403
        assert (await another.get(f"{own}/content")).status == 403

        async with still.db.tenant(still.scopes[0]) as session:
            (seen,) = await operator_access_repository.list_accesses(session)
        assert (seen.operator_name, seen.reason) == (olga.name, REASON)
        async with still.db.tenant(still.scopes[1]) as session:
            assert await operator_access_repository.list_accesses(session) == []
        await _run_out(still, seen.id)
        assert (await desk.get(f"{own}/content")).status == 403


async def _run_out(house: House, access_id: UUID) -> None:
    """Let half an hour pass. Only the tables' owner can: for the app role the row is final."""
    assert house.settings.owner_database_url
    connection = await asyncpg.connect(house.settings.owner_database_url.get_secret_value())
    try:
        await connection.execute("SET ROLE konstruct_owner")
        await connection.execute(f"SET app.tenant_id = '{house.scopes[0].tenant_id}'")
        await connection.execute(
            "UPDATE operator_accesses SET created_at = created_at - interval '31 minutes',"
            " expires_at = expires_at - interval '31 minutes' WHERE id = $1",
            access_id,
        )
    finally:
        await connection.close()


@pytest.mark.parametrize("change", ["UPDATE {} SET reason = 'another reason'", "DELETE FROM {}"])
async def test_what_an_operator_did_is_not_rewritten(still: House, olga: Operator, change: str) -> None:
    await operator_access.open_access(still.db, olga, still.scopes[0].tenant_id, REASON)
    for table in ("operator_accesses", "operator_actions"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with still.db.tenant(still.scopes[0]) as session:
                await session.execute(change.format(table))
    assert len(await rows(still, still.scopes[0], "SELECT 1 FROM operator_accesses WHERE tenant_id = $1")) == 1


@pytest.mark.parametrize("reason", ["", " " * 20, "too short", "x" * 501, "\x00" * 20])
async def test_a_reason_says_something(still: House, olga: Operator, reason: str) -> None:
    with pytest.raises(KonstructError):
        await operator_access.open_access(still.db, olga, still.scopes[0].tenant_id, reason)
    assert await rows(still, still.scopes[0], "SELECT 1 FROM operator_accesses WHERE tenant_id = $1") == []
