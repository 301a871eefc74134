"""Names of many businesses in one call: each read inside its own scope, which is not left behind."""

from __future__ import annotations

import asyncpg
import pytest

from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.kit.ids import uuid7
from konstruct.tenants import operator_overview_repository as repository

Pair = tuple[TenantScope, TenantScope]


async def test_each_name_goes_to_its_own_business_in_any_order(db: Database, tenants: Pair) -> None:
    alpha, beta, nobody = tenants[0].tenant_id, tenants[1].tenant_id, uuid7()
    wanted = {alpha: "Alpha Bikes", beta: "Beta Bakery", nobody: "(no name)"}
    for order in ([alpha, nobody, beta], [beta, alpha, nobody, beta, alpha], [nobody, beta, alpha]):
        assert await repository.names(db, order) == wanted
    assert await repository.names(db, []) == {}


async def test_no_scope_is_left_on_the_connection(db: Database, tenants: Pair) -> None:
    await repository.names(db, [scope.tenant_id for scope in tenants])
    for _ in range(8):
        async with db.unscoped() as session:
            with pytest.raises((asyncpg.UndefinedObjectError, asyncpg.InvalidTextRepresentationError)):
                await session.fetchval("SELECT count(*) FROM tenants")


async def test_a_page_is_read_not_the_installation(db: Database) -> None:
    with pytest.raises(asyncpg.RaiseError):
        await repository.names(db, [uuid7() for _ in range(101)])


async def test_a_scope_reads_its_own_figures_only(db: Database, tenants: Pair) -> None:
    async with db.tenant(tenants[0]) as session:
        for table in ("tenant_health", "operator_accesses", "operator_actions"):
            sql = f"SELECT count(*) FROM {table} WHERE tenant_id <> $1"
            assert await session.fetchval(sql, tenants[0].tenant_id) == 0


async def test_the_pages_of_the_list_hold_each_tenant_once(db: Database, tenants: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repository, "PAGE", 1)
    seen = []
    page = await repository.list_page(db)
    while page.older is not None:
        seen += [tenant.tenant_id for tenant in page.tenants]
        page = await repository.list_page(db, behind=page.older)
    seen += [tenant.tenant_id for tenant in page.tenants]
    assert len(seen) == len(set(seen))
    assert {scope.tenant_id for scope in tenants} <= set(seen)
