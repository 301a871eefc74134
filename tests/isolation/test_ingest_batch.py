"""A batch over several tenants keeps them apart (docs/adr/0003): each item lives in its own tenant's scope only."""

from __future__ import annotations

import random

import asyncpg
import pytest

from konstruct.channels import ingest_repository
from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from tests.isolation.conftest import Shop

TABLES = ("messages", "conversations", "contacts", "inbound_events", "dedupe_keys", "ready_queue")


async def _texts(db: Database, scope: TenantScope) -> list[str]:
    async with db.tenant(scope) as session:
        rows = await session.fetch("SELECT text FROM messages WHERE tenant_id = $1 ORDER BY seq", scope.tenant_id)
    return [row["text"] for row in rows]


async def test_look_alike_messages_of_two_tenants_in_one_batch(db: Database, shops: tuple[Shop, Shop]) -> None:
    items = [shop.item(number, f"{shop.team} {number}") for number in range(1, 21) for shop in shops]
    random.Random(7).shuffle(items)
    outcomes = await ingest_repository.store(db, items, 0.0, 5.0)
    assert outcomes == ["ready"] * 40

    for shop in shops:
        texts = await _texts(db, shop.scope)
        assert sorted(texts) == sorted(f"{shop.team} {number}" for number in range(1, 21))
        async with db.tenant(shop.scope) as session:
            for table in TABLES:
                foreign = await session.fetchval(
                    f"SELECT count(*) FROM {table} WHERE tenant_id IS DISTINCT FROM $1", shop.scope.tenant_id
                )
                assert foreign == 0, table
            assert await session.fetchval("SELECT count(*) FROM conversations") == 1
            assert await session.fetchval("SELECT count(*) FROM contacts") == 1


async def test_a_key_of_one_tenant_does_not_make_a_message_of_another_a_duplicate(db: Database, shops: tuple[Shop, Shop]) -> None:
    alpha, beta = shops
    assert await ingest_repository.store(db, [alpha.item(1, "first")], 0.0, 5.0) == ["ready"]
    assert await ingest_repository.store(db, [beta.item(1, "first"), alpha.item(1, "again")], 0.0, 5.0) == ["ready", "duplicate"]
    assert await _texts(db, beta.scope) == ["first"]
    assert await _texts(db, alpha.scope) == ["first"]


async def test_an_item_with_another_tenants_account_fails_whole_and_stores_nothing(
    db: Database, shops: tuple[Shop, Shop]
) -> None:
    alpha, beta = shops
    forged = beta.item(2, "forged", account_id=alpha.account_id)
    with pytest.raises(asyncpg.PostgresError):
        await ingest_repository.store(db, [alpha.item(1, "honest"), forged], 0.0, 5.0)
    assert await _texts(db, alpha.scope) == []
    assert await _texts(db, beta.scope) == []


async def test_no_scope_is_left_on_the_connection_after_a_batch(db: Database, shops: tuple[Shop, Shop]) -> None:
    await ingest_repository.store(db, [shop.item(1, "x") for shop in shops], 0.0, 5.0)
    for _ in range(8):
        async with db.unscoped() as session:
            with pytest.raises((asyncpg.UndefinedObjectError, asyncpg.InvalidTextRepresentationError)):
                await session.fetchval("SELECT count(*) FROM messages")


async def test_each_guard_of_the_function_is_the_policys_not_its_own(db: Database, shops: tuple[Shop, Shop]) -> None:
    """Were the scope not set per item, the second tenant's rows would be refused by the policy: forged scopes fail."""
    alpha, beta = shops
    async with db.tenant(alpha.scope) as session:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await session.execute("INSERT INTO dedupe_keys (tenant_id, key) VALUES ($1, 'slack:A1:Ev1')", beta.scope.tenant_id)
