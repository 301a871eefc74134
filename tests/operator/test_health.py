"""Figures per tenant, counted inside its scope, and the five signals of the beta over them."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest

from konstruct.conversations import ownership
from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.db.session import Record
from konstruct.jobs import tenant_health
from konstruct.tenants import signals
from konstruct.tenants.vault import Vault
from tests.operator.rows import answer, others_are_gone, say, sign_up, turn
from tests.support.queueing import connect, make_conversations

Pair = tuple[TenantScope, TenantScope]


@pytest.fixture
async def chat(db: Database, house_vault: Vault, tenants: Pair) -> tuple[UUID, UUID]:
    """Alpha's account and its one conversation."""
    account_id = await connect(db, house_vault, tenants[0])
    (conversation_id,) = await make_conversations(db, tenants[0], account_id, 1)
    return account_id, conversation_id


async def _figures(db: Database, scope: TenantScope) -> Record:
    await tenant_health.refresh(db, scope)
    rows = await db.fleet_fetch("test", "SELECT * FROM tenant_health WHERE tenant_id = $1", scope.tenant_id)
    assert len(rows) == 1
    return rows[0]


async def test_a_tenants_figures_are_its_own(db: Database, tenants: Pair, chat: tuple[UUID, UUID]) -> None:
    alpha, beta = tenants
    for who, ago in (("U1", "1 day"), ("U1", "2 days"), ("U2", "6 days"), ("U3", "8 days")):
        await say(db, alpha, *chat, who, ago)
    await say(db, alpha, *chat, "U4", "1 hour", addressed=False)
    await answer(db, alpha, chat[1], "3 hours")
    await turn(db, alpha, chat[1], "answered", "1 day")
    await turn(db, alpha, chat[1], "fallback", "6 days")
    await turn(db, alpha, chat[1], "answered", "8 days")
    found = await _figures(db, alpha)
    assert found["weekly_active"] == 2
    assert (found["turns"], found["turns_answered"]) == (2, 1)
    assert (found["conversations"], found["conversations_handed_over"]) == (1, 0)
    assert (found["active_accounts"], found["broken_accounts"]) == (1, 0)
    assert found["first_answer_at"] == found["last_sent_at"] is not None
    assert found["last_inbound_at"] is not None

    none = await _figures(db, beta)
    assert (none["weekly_active"], none["turns"], none["conversations"], none["active_accounts"]) == (0, 0, 0, 0)
    assert none["first_answer_at"] is none["last_inbound_at"] is none["last_sent_at"] is None


async def test_what_is_broken_or_handed_over_is_counted(db: Database, tenants: Pair, chat: tuple[UUID, UUID]) -> None:
    await say(db, tenants[0], *chat, "U1", "1 hour")
    async with db.tenant(tenants[0]) as session:
        await ownership.change_owner(session, chat[1], "human")
        await session.execute("UPDATE channel_accounts SET status = 'broken' WHERE tenant_id = $1", tenants[0].tenant_id)
    found = await _figures(db, tenants[0])
    assert (found["conversations_handed_over"], found["broken_accounts"], found["active_accounts"]) == (1, 1, 0)


async def test_the_first_four_weeks_are_counted_once_each(db: Database, tenants: Pair, chat: tuple[UUID, UUID]) -> None:
    alpha = tenants[0]
    await sign_up(db, alpha, "15 days")
    for who, ago in (("U1", "14 days"), ("U2", "13 days"), ("U1", "7 days"), ("U3", "12 hours")):
        await say(db, alpha, *chat, who, ago)
    assert (await _figures(db, alpha))["active_by_week"] == [2, 1]
    # What is gone later, as retention wants, changes no week that was counted; and a week under way is not counted.
    async with db.tenant(alpha) as session:
        await session.execute("DELETE FROM messages WHERE tenant_id = $1", alpha.tenant_id)
    assert (await _figures(db, alpha))["active_by_week"] == [2, 1]
    await sign_up(db, alpha, "200 days")
    assert (await _figures(db, alpha))["active_by_week"] == [2, 1, 0, 0]


async def test_each_tenant_is_counted_when_it_is_due_and_only_then(db: Database, tenants: Pair) -> None:
    await others_are_gone(db, *tenants)
    assert await tenant_health.refresh_due(db) == 2
    assert await tenant_health.refresh_due(db) == 0
    assert await tenant_health.refresh_due(db, every=timedelta(0)) == 2


async def test_a_tenant_that_cannot_be_counted_holds_up_nobody(
    db: Database, tenants: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    await others_are_gone(db, *tenants)
    real = tenant_health.refresh

    async def refresh(db: Database, scope: TenantScope) -> None:
        if scope == tenants[0]:
            raise TimeoutError
        await real(db, scope)

    monkeypatch.setattr(tenant_health, "refresh", refresh)
    assert await tenant_health.refresh_due(db) == 1
    assert await tenant_health.refresh_due(db) == 0


async def test_the_fleet_role_may_not_write_figures_nor_dead_letters(db: Database, tenants: Pair) -> None:
    for sql in (
        "UPDATE tenant_health SET weekly_active = 1",
        "DELETE FROM tenant_health",
        "UPDATE dead_letters SET resolution = 'retried'",
        "DELETE FROM dead_letters",
        "SELECT * FROM operator_accesses",
        "SELECT * FROM operator_actions",
        "SELECT tenant_names(ARRAY[]::uuid[])",
    ):
        # Where the fleet has no policy, planning may meet the template's before the privilege is looked at.
        with pytest.raises(Exception, match=r"permission denied|app\.tenant_id"):
            await db.fleet_fetch("test", sql)


async def test_signals_without_anything_to_count_are_unknown(db: Database) -> None:
    await others_are_gone(db)
    found = await signals.read_signals(db)
    five = (found.first_answer, found.weekly_active, found.answered, found.handed_over, found.retained)
    assert [signal.verdict for signal in five] == ["unknown"] * 5
    assert found.active_by_week == []


async def test_the_five_signals_over_two_tenants(db: Database, tenants: Pair, chat: tuple[UUID, UUID]) -> None:
    alpha, beta = tenants
    await others_are_gone(db, alpha, beta)
    await sign_up(db, alpha, "30 days")
    await sign_up(db, beta, "40 days")
    await answer(db, alpha, chat[1], "29 days 23 hours 30 minutes")
    for ago in ("8 days", "5 days", "3 days"):
        await say(db, alpha, *chat, "U1", ago)
    for n in range(12):
        await say(db, alpha, *chat, f"U{n}", "2 days")
    for outcome in ("answered", "answered", "answered", "answered", "fallback"):
        await turn(db, alpha, chat[1], outcome, "1 day")
    assert (await signals.read_signals(db)).uncounted == 2
    await tenant_health.refresh_due(db)

    found = await signals.read_signals(db)
    assert (found.counted, found.uncounted) == (2, 0)
    assert (found.first_answer.value, found.first_answer.of, found.first_answer.verdict) == (0.5, 2, "missed")
    assert (found.weekly_active.value, found.weekly_active.of, found.weekly_active.verdict) == (6.0, 2, "held")
    assert (found.answered.value, found.answered.of, found.answered.verdict) == (0.8, 5, "held")
    assert (found.handed_over.value, found.handed_over.of, found.handed_over.verdict) == (0.0, 1, "missed")
    assert (found.retained.value, found.retained.of, found.retained.verdict) == (0.5, 2, "missed")
    assert found.active_by_week == [0, 0, 0, 0.5]
