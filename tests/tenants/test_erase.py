"""Erasing: nothing of the business is left anywhere, its neighbour is as before, and no restored dump helps."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from konstruct.db.database import Database
from konstruct.db.redis import Redis
from konstruct.db.scope import TenantScope
from konstruct.db.tenant_tables import TenantTable, children_first, tenant_tables
from konstruct.jobs import queue
from konstruct.jobs.tenant_runner import TenantJobs
from konstruct.kit.errors import ConflictError, NotFoundError
from konstruct.kit.ids import uuid7
from konstruct.local.postgres import Postgres
from konstruct.tenants import erase, erase_repository, service, sessions
from konstruct.tenants.erase import ConfirmationError, Erasing
from konstruct.tenants.key_provider import KeyDestroyedError
from konstruct.tenants.vault import Vault
from tests.support.house import House, until
from tests.support.slack_events import message
from tests.tenants.filled import canary_of, fill, overview
from tests.tenants.support import add_member, claim_own, make_due, rows, work_off

Tenants = tuple[TenantScope, TenantScope]


async def name_of(db: Database, scope: TenantScope) -> str:
    (row,) = await rows(db, scope, "SELECT name FROM tenants WHERE tenant_id = $1")
    return str(row["name"])


async def test_nothing_is_left_and_the_neighbour_is_as_before(
    still: House, cluster: Postgres, redis: Redis, house_vault: Vault
) -> None:
    own, other = still.scopes
    for number, scope in enumerate(still.scopes):
        await fill(still, number)
        for part in range(25):
            await redis.tenant(scope).set("cache", f"name-{part}", value=canary_of(scope), expiry_s=600)
    async with overview(cluster) as view:
        before, full = await view.checksums(other), await view.counts(own)
        assert [name for name, count in full.items() if count == 0] == [], "let `fill` fill these tables too"
        (secret,) = await view.connection.fetch(
            "SELECT * FROM secrets WHERE tenant_id = $1 AND purpose = 'slack.token'", own.tenant_id
        )
        await erase.begin(still.db, own, await name_of(still.db, own))
        assert await work_off(still.db, own, "erase", Erasing(still.db, redis, house_vault)) == 1
        assert {name: count for name, count in (await view.counts(own)).items() if count} == {}
        for mark in (canary_of(own), str(own.tenant_id), still.teams[0].team_id):
            assert await view.mentions(mark) == []
        assert await view.checksums(other) == before
        assert await view.mentions(canary_of(other)) != []
        await _restore(view.connection, own, secret)
    with pytest.raises(KeyDestroyedError):
        await house_vault.reveal(still.db, own, secret["id"])
    assert [await redis.tenant(scope).get("cache", "name-1") for scope in still.scopes] == [None, canary_of(other)]
    assert [key async for key in redis._client.scan_iter(f"*{own.tenant_id}*")] == []  # type: ignore[union-attr]
    assert len([key async for key in redis._client.scan_iter(f"*{other.tenant_id}*")]) >= 25  # type: ignore[union-attr]


async def _restore(connection: Any, scope: TenantScope, secret: Any) -> None:
    """Put the tenant and a secret back as a dump of before holds them."""
    await connection.execute("INSERT INTO tenant_directory (tenant_id) VALUES ($1)", scope.tenant_id)
    await connection.execute("INSERT INTO tenants (tenant_id, name) VALUES ($1, 'Restored')", scope.tenant_id)
    places = ", ".join(f"${number}" for number in range(1, len(secret) + 1))
    await connection.execute(f"INSERT INTO secrets VALUES ({places})", *secret.values())


async def test_every_table_can_be_emptied(db: Database, cluster: Postgres) -> None:
    """Of each table, today's and tomorrow's: somebody may delete its rows, or they go with what they belong to."""
    async with db.unscoped() as session:
        app = {table.name: table for table in await tenant_tables(session)}
    async with db.fleet("test") as session:
        fleet = {table.name for table in await tenant_tables(session) if table.deletable}
    children_first(list(app.values()))
    async with overview(cluster) as view:
        cascades = await view.connection.fetch(
            "SELECT conrelid::regclass::text AS child, confrelid::regclass::text AS parent FROM pg_constraint"
            " WHERE contype = 'f' AND confdeltype = 'c'"
        )
        every = await view.tables()
    goes = {name for name, table in app.items() if table.deletable} | fleet
    for _ in every:
        goes |= {row["child"] for row in cascades if row["parent"] in goes}
    assert set(every) - goes == set()


async def test_the_exact_name_is_needed_and_then_everything_stops_at_once(still: House, cluster: Postgres) -> None:
    own = still.scopes[0]
    for wrong in ("", "alpha bikes", "Alpha Bikes ", "Beta Bakery"):
        with pytest.raises(ConfirmationError):
            await erase.begin(still.db, own, wrong)
    await still.deliver(message(still.teams[0], "D1", "U1", "hello"))
    member = await add_member(still.db, own, "owner")
    async with still.db.tenant(own) as session:
        ticket = await sessions.open_session(session, member, "Test")
    assert await sessions.find_visitor(still.db, ticket) is not None
    await erase.begin(still.db, own, "Alpha Bikes")
    await erase.begin(still.db, own, "Alpha Bikes")
    assert await sessions.find_visitor(still.db, ticket) is None
    assert [c for c in await queue.claim(still.db, "turn", uuid7(), 100, 5.0) if c.scope == own] == []
    assert await still.deliver(message(still.teams[0], "D1", "U1", "are you there?")) == [200]
    assert len(await rows(still.db, own, "SELECT 1 FROM messages WHERE tenant_id = $1")) == 1
    with pytest.raises(NotFoundError):
        await service.set_status(still.db, own.tenant_id, "active")
    async with overview(cluster) as view:
        sql = "SELECT status FROM tenant_directory WHERE tenant_id = ANY ($1)"
        found = await view.connection.fetch(sql, [scope.tenant_id for scope in still.scopes])
    assert sorted(row["status"] for row in found) == ["active", "erasing"]


async def test_what_was_not_asked_for_is_not_erased(db: Database, tenants: Tenants, redis: Redis, house_vault: Vault) -> None:
    with pytest.raises(ConflictError):
        await Erasing(db, redis, house_vault).erase(tenants[0])
    assert await name_of(db, tenants[0]) == "Alpha Bikes"
    with pytest.raises(NotFoundError):
        await erase.begin(db, TenantScope(uuid7()), "")
    await house_vault.seal(tenants[0], "slack.token", "still there")


@pytest.mark.parametrize("died_at", ["delete_some", "delete_tenant", "delete_shared", "leftovers"])
async def test_a_crash_anywhere_is_made_up_for(
    still: House, cluster: Postgres, redis: Redis, house_vault: Vault, monkeypatch: pytest.MonkeyPatch, died_at: str
) -> None:
    own = still.scopes[0]
    await fill(still, 0)
    await erase.begin(still.db, own, await name_of(still.db, own))
    real, calls = getattr(erase_repository, died_at), 0

    async def dying(*args: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == (8 if died_at == "delete_some" else 1):
            raise RuntimeError("killed")
        return await real(*args)

    erasing = Erasing(still.db, redis, house_vault)
    (job,) = await claim_own(still.db, own, "erase")
    with monkeypatch.context() as patch, pytest.raises(RuntimeError):
        patch.setattr(erase_repository, died_at, dying)
        await erasing(job)
    await make_due(still.db, own)
    assert await work_off(still.db, own, "erase", erasing) == 1
    async with overview(cluster) as view:
        assert sum((await view.counts(own)).values()) == 0


async def test_a_worker_does_it(db: Database, tenants: Tenants, redis: Redis, house_vault: Vault, cluster: Postgres) -> None:
    await erase.begin(db, tenants[0], "Alpha Bikes")
    async with overview(cluster) as view, TenantJobs(db, {"erase": Erasing(db, redis, house_vault)}, poll_s=0.02).running():

        async def gone() -> bool:
            return sum((await view.counts(tenants[0])).values()) == 0

        await until(gone)
        assert (await view.counts(tenants[1]))["tenants"] == 1


async def test_many_rows_go_in_steps(
    db: Database, tenants: Tenants, redis: Redis, house_vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    for scope in tenants:
        async with db.tenant(scope) as session:
            await session.execute(
                "INSERT INTO dedupe_keys (tenant_id, key) SELECT $1, 'k' || n FROM generate_series(1, 450) n", scope.tenant_id
            )
    monkeypatch.setattr(erase, "STEP", 100)
    await erase.begin(db, tenants[0], "Alpha Bikes")
    told: list[str] = []
    await Erasing(db, redis, house_vault).erase(tenants[0], told.append)
    assert [line for line in told if line.startswith("dedupe_keys")] == [
        f"dedupe_keys: {count} rows deleted" for count in (100, 200, 300, 400, 450)
    ]
    assert len(await rows(db, tenants[1], "SELECT 1 FROM dedupe_keys WHERE tenant_id = $1")) == 450


async def test_two_processes_may_erase_at_once(
    still: House, cluster: Postgres, redis: Redis, house_vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = still.scopes[0]
    await fill(still, 0)
    async with still.db.tenant(own) as session:
        await session.execute(
            "INSERT INTO dedupe_keys (tenant_id, key) SELECT $1, 'k' || n FROM generate_series(1, 3000) n", own.tenant_id
        )
    monkeypatch.setattr(erase, "STEP", 50)
    await erase.begin(still.db, own, await name_of(still.db, own))
    await asyncio.gather(*(Erasing(still.db, redis, house_vault).erase(own) for _ in range(3)))
    async with overview(cluster) as view:
        assert sum((await view.counts(own)).values()) == 0


def test_tables_that_name_each_other_in_a_circle_are_named() -> None:
    def table(name: str, *parents: str) -> TenantTable:
        return TenantTable(name, name, (), (), frozenset(parents), True)

    ordered = [found.name for found in children_first([table("a"), table("b", "a"), table("c", "b", "elsewhere")])]
    assert ordered == ["c", "b", "a"]
    with pytest.raises(ValueError, match="circle"):
        children_first([table("a", "b"), table("b", "a")])
