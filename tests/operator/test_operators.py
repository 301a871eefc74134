"""Operators: a link works once and for half an hour, a session ends on the server, and only hashes are stored."""

from __future__ import annotations

import pytest

from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.kit.errors import ConflictError, KonstructError, NotFoundError
from konstruct.tenants import operators
from konstruct.tenants.operators_repository import Operator

URL = "http://127.0.0.1:8400"


async def _ticket(db: Database, operator: Operator) -> str:
    link = await operators.create_link(db, operator.name, URL + "/")
    assert link.startswith(f"{URL}/operator/sign-in/")
    return link.rsplit("/", 1)[1]


async def _cookie(db: Database, operator: Operator) -> str:
    cookie = await operators.use_link(db, await _ticket(db, operator))
    assert cookie
    return cookie


async def test_a_link_opens_one_session_and_then_nothing(db: Database, olga: Operator) -> None:
    ticket = await _ticket(db, olga)
    cookie = await operators.use_link(db, ticket)
    assert cookie
    assert await operators.find_operator(db, cookie) == olga
    assert await operators.use_link(db, ticket) is None
    assert await operators.find_operator(db, ticket) is None


@pytest.mark.parametrize("ticket", ["", "x", "a" * 500, "\ud800", "\x00", "0" * 32 + ".secret"])
async def test_a_made_up_ticket_opens_nothing(db: Database, ticket: str) -> None:
    assert await operators.use_link(db, ticket) is None
    assert await operators.find_operator(db, ticket) is None


async def test_a_link_is_over_after_half_an_hour(db: Database, olga: Operator) -> None:
    ticket = await _ticket(db, olga)
    await db.fleet_fetch(
        "test",
        "UPDATE operator_links SET created_at = created_at - interval '31 minutes',"
        " expires_at = expires_at - interval '31 minutes'"
        " WHERE operator_id = $1",
        olga.id,
    )
    assert await operators.use_link(db, ticket) is None


@pytest.mark.parametrize(("column", "back"), [("seen_at", "61 minutes"), ("expires_at", "12 hours 1 second")])
async def test_a_session_ends_when_idle_and_after_its_time(db: Database, olga: Operator, column: str, back: str) -> None:
    cookie = await _cookie(db, olga)
    await db.fleet_fetch(
        "test",
        f"UPDATE operator_sessions SET created_at = created_at - interval '1 day', {column} = {column} - interval '{back}'"
        " WHERE operator_id = $1",
        olga.id,
    )
    assert await operators.find_operator(db, cookie) is None


async def test_sign_out_ends_one_session_and_everywhere_ends_all(db: Database, olga: Operator) -> None:
    first, second, third = [await _cookie(db, olga) for _ in range(3)]
    unused = await _ticket(db, olga)
    await operators.close_session(db, first)
    assert await operators.find_operator(db, first) is None
    assert await operators.find_operator(db, second) == olga
    assert await operators.close_all(db, olga) == 2
    assert await operators.find_operator(db, second) is None
    assert await operators.find_operator(db, third) is None
    assert await operators.use_link(db, unused) is None


async def test_a_removed_operator_is_signed_out_and_its_link_is_over(db: Database, olga: Operator) -> None:
    cookie, ticket = await _cookie(db, olga), await _ticket(db, olga)
    await operators.remove_operator(db, olga.name)
    assert await operators.find_operator(db, cookie) is None
    assert await operators.use_link(db, ticket) is None
    with pytest.raises(NotFoundError):
        await operators.remove_operator(db, olga.name)
    with pytest.raises(NotFoundError):
        await operators.create_link(db, olga.name, URL)


async def test_names_are_checked_and_unique(db: Database, olga: Operator) -> None:
    with pytest.raises(ConflictError):
        await operators.create_operator(db, f" {olga.name} ")
    for name in ("", "  ", "x" * 101):
        with pytest.raises(KonstructError):
            await operators.create_operator(db, name)
    assert olga.name in [found.name for found in await operators.list_operators(db)]


async def test_no_secret_is_stored(db: Database, olga: Operator) -> None:
    ticket, cookie = await _ticket(db, olga), await _cookie(db, olga)
    for table in ("operators", "operator_links", "operator_sessions"):
        rows = await db.fleet_fetch("test", f"SELECT t::text AS row FROM {table} t")
        assert not [row for row in rows if ticket in row["row"] or cookie in row["row"]], table


async def test_the_app_role_reads_no_operator(db: Database, tenants: tuple[TenantScope, TenantScope]) -> None:
    for table in ("operators", "operator_links", "operator_sessions"):
        with pytest.raises(Exception, match="permission denied"):
            async with db.tenant(tenants[0]) as session:
                await session.fetch(f"SELECT * FROM {table}")
