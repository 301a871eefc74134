"""`llm_calls` and `llm_budgets` on a real database, by two tenants."""

from __future__ import annotations

import asyncio
from uuid import UUID

import pytest

from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.db.session import TenantSession
from konstruct.kit.ids import uuid7
from konstruct.llm.backends.scripted import ScriptedBackend
from konstruct.llm.budget import PostgresBudget
from konstruct.llm.port import CallRecord, Finish, LlmFailed, TextDelta, Usage
from konstruct.llm.prices import load_prices
from konstruct.llm.router import Router
from konstruct.llm.usage_repository import record_calls
from tests.llm.support import Clock, request

Tenants = tuple[TenantScope, TenantScope]
LASTS_S = 60.0
DEAD_S = -1.0
"""What a process that died long ago had reserved for: its reservation has expired."""
KNOWN = CallRecord("openai_compat", "gpt-4o", "ok", Usage(1000, 600, 200), 3_500, 812, 95)
UNKNOWN = CallRecord("openai_compat", "some-model", "timeout", Usage(), None, 30_000, None)


async def limit(db: Database, scope: TenantScope, micro: int | None, *, months_ago: int = 0, spent: int = 0) -> None:
    sql = (
        "INSERT INTO llm_budgets (tenant_id, period, limit_micro, spent_micro) VALUES ($1, "
        "(date_trunc('month', now() AT TIME ZONE 'UTC') - make_interval(months => $2))::date, $3, $4)"
    )
    async with db.tenant(scope) as session:
        await session.execute(sql, scope.tenant_id, months_ago, micro, spent)


async def rows(db: Database, scope: TenantScope) -> list[tuple[object, ...]]:
    sql = "SELECT limit_micro, reserved_micro, spent_micro FROM llm_budgets WHERE tenant_id = $1 ORDER BY period"
    async with db.tenant(scope) as session:
        return [tuple(row) for row in await session.fetch(sql, scope.tenant_id)]


async def turn(session: TenantSession) -> UUID:
    """A running turn with the rows it hangs on."""
    secret, account, conversation, turn_id = uuid7(), uuid7(), uuid7(), uuid7()
    tenant_id = session.scope.tenant_id
    agent, version = await session.fetchrow("SELECT id, persona_version FROM agents WHERE tenant_id = $1", tenant_id) or (None, 0)
    for sql, *values in (
        ("secrets (tenant_id, id, purpose, key_version, wrapped_key, sealed) VALUES ($1, $2, 'test', 1, '', '')", secret),
        (
            "channel_accounts (tenant_id, id, agent_id, kind, external_id, secret_id) VALUES ($1, $2, $3, 'slack', 'T1', $4)",
            account,
            agent,
            secret,
        ),
        (
            "conversations (tenant_id, id, account_id, agent_id, external_key, kind, channel_id, audience, audience_key) "
            "VALUES ($1, $2, $3, $4, 'D1', 'direct', 'D1', 'person', 'U1')",
            conversation,
            account,
            agent,
        ),
        (
            "turns (tenant_id, id, conversation_id, agent_id, persona_version, epoch, owner_epoch, deadline_at) "
            "VALUES ($1, $2, $3, $4, $5, 1, 0, now())",
            turn_id,
            conversation,
            agent,
            version,
        ),
    ):
        await session.execute(f"INSERT INTO {sql}", tenant_id, *values)
    return turn_id


async def test_calls_are_stored_with_what_is_known(db: Database, tenants: Tenants) -> None:
    alpha, beta = tenants
    sql = (
        "SELECT step, backend, model, outcome, input_tokens, cached_tokens, output_tokens, "
        "cost_micro, latency_ms, first_token_ms "
        "FROM llm_calls WHERE tenant_id = $1 ORDER BY id"
    )
    async with db.tenant(alpha) as session:
        turn_id = await turn(session)
        await record_calls(session, turn_id, 0, [UNKNOWN, KNOWN])
        await record_calls(session, turn_id, 1, [])
        stored = [tuple(row) for row in await session.fetch(sql, alpha.tenant_id)]
    assert sorted(stored, key=lambda row: row[2]) == [
        (0, "openai_compat", "gpt-4o", "ok", 1000, 600, 200, 3_500, 812, 95),
        (0, "openai_compat", "some-model", "timeout", None, None, None, None, 30_000, None),
    ]
    async with db.tenant(beta) as session:
        assert await session.fetch(sql, beta.tenant_id) == []


async def test_a_reservation_is_settled_in_its_month(db: Database, tenants: Tenants) -> None:
    alpha, beta = tenants
    await limit(db, alpha, 1000)
    budget = PostgresBudget(db)
    reservation = await budget.reserve(alpha, 600, LASTS_S)
    assert reservation is not None
    assert await rows(db, alpha) == [(1000, 600, 0)]
    assert await budget.reserve(alpha, 401, LASTS_S) is None
    await budget.settle(alpha, reservation, 250)
    assert await rows(db, alpha) == [(1000, 0, 250)]
    assert await rows(db, beta) == []


async def test_without_a_limit_it_is_counted(db: Database, tenants: Tenants) -> None:
    budget = PostgresBudget(db)
    reservation = await budget.reserve(tenants[1], 10**12, LASTS_S)
    assert reservation is not None
    await budget.settle(tenants[1], reservation, 77)
    assert await rows(db, tenants[1]) == [(None, 0, 77)]


async def test_a_new_month_keeps_the_limit_and_starts_at_nothing(db: Database, tenants: Tenants) -> None:
    alpha = tenants[0]
    await limit(db, alpha, 5000, months_ago=2, spent=10)
    await limit(db, alpha, 1000, months_ago=1, spent=1000)
    budget = PostgresBudget(db)
    assert await budget.reserve(alpha, 1001, LASTS_S) is None
    assert await budget.reserve(alpha, 900, LASTS_S) is not None
    assert await rows(db, alpha) == [(5000, 0, 10), (1000, 0, 1000), (1000, 900, 0)]


@pytest.mark.parametrize("spent", [0, 1000])
async def test_at_its_limit_even_an_unpriced_call_is_refused(db: Database, tenants: Tenants, spent: int) -> None:
    await limit(db, tenants[0], spent, spent=spent)
    assert await PostgresBudget(db).reserve(tenants[0], 0, LASTS_S) is None


async def test_calls_at_the_same_time_do_not_pass_the_limit(db: Database, tenants: Tenants) -> None:
    alpha, beta = tenants
    await limit(db, alpha, 1000, months_ago=1)
    budget = PostgresBudget(db)
    taken = await asyncio.gather(*(budget.reserve(scope, 300, LASTS_S) for _ in range(8) for scope in (alpha, beta)))
    assert [reservation is not None for reservation in taken[::2]].count(True) == 3
    assert all(taken[1::2])
    assert (await rows(db, alpha))[-1] == (1000, 900, 0)


async def test_what_a_dead_process_had_reserved_is_taken_back(db: Database, tenants: Tenants) -> None:
    alpha, beta = tenants
    await limit(db, alpha, 1000)
    budget = PostgresBudget(db)
    dead = await budget.reserve(alpha, 900, DEAD_S)
    other = await budget.reserve(beta, 700, DEAD_S)
    assert dead is not None and other is not None
    # Also by a call that does not fit itself, and never a second time.
    assert await budget.reserve(alpha, 1001, LASTS_S) is None
    assert await rows(db, alpha) == [(1000, 0, 0)]
    assert await budget.reserve(alpha, 800, LASTS_S) is not None
    assert await budget.reserve(alpha, 300, LASTS_S) is None
    assert await rows(db, alpha) == [(1000, 800, 0)]
    # It was only frozen: what it spent is booked, and the money of others stays reserved.
    await budget.settle(alpha, dead, 50)
    assert await rows(db, alpha) == [(1000, 800, 50)]
    assert await rows(db, beta) == [(None, 700, 0)]


async def test_calls_at_the_same_time_take_it_back_once(db: Database, tenants: Tenants) -> None:
    alpha = tenants[0]
    await limit(db, alpha, 1000)
    budget = PostgresBudget(db)
    assert await budget.reserve(alpha, 100, LASTS_S) is not None
    assert await budget.reserve(alpha, 900, DEAD_S) is not None
    taken = await asyncio.gather(*(budget.reserve(alpha, 300, LASTS_S) for _ in range(8)))
    assert [reservation is not None for reservation in taken].count(True) == 3
    assert await rows(db, alpha) == [(1000, 1000, 0)]
    await asyncio.gather(*(budget.settle(alpha, reservation, 10) for reservation in taken if reservation is not None))
    assert await rows(db, alpha) == [(1000, 100, 30)]


async def test_the_router_over_the_real_budget(db: Database, tenants: Tenants) -> None:
    alpha, beta = tenants
    await limit(db, alpha, 100)
    clock = Clock()
    target = ScriptedBackend([[TextDelta("Hi"), Finish("stop", Usage(1000, 600, 200), "gpt-4o-mini")]], model="gpt-4o-mini")
    router = Router([target], prices=load_prices(), budget=PostgresBudget(db), clock=clock, sleep=clock.sleep)
    with pytest.raises(LlmFailed) as caught:
        await router.complete(request(scope=alpha), deadline=clock.now + 60)
    assert (caught.value.last.kind, target.requests) == ("over_budget", [])
    assert (await router.complete(request(scope=beta), deadline=clock.now + 60)).text == "Hi"
    assert await rows(db, beta) == [(None, 0, 225)]
