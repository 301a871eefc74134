"""Where notices come from: each trouble raises its own, for its own business, and takes it back when it is gone."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from uuid import UUID

import pytest

from konstruct.channels import accounts
from konstruct.conversations import dead_letters
from konstruct.conversations.dead_letters import Decision
from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.db.session import TenantSession
from konstruct.llm.budget import PostgresBudget
from konstruct.tenants.vault import Vault
from tests.support.fake_slack import answers
from tests.support.hand import abandon, claim, send, take_turn
from tests.support.house import House
from tests.support.puppet import Puppet
from tests.support.slack_events import message
from tests.tenants.support import change, rows

Tenants = tuple[TenantScope, TenantScope]
Decide = Callable[[TenantSession, UUID], Awaitable[Decision]]
LASTS_S = 60.0


async def notices_of(db: Database, scope: TenantScope) -> list[tuple[str, str, int, bool]]:
    found = await rows(
        db,
        scope,
        "SELECT kind, action_path, count, resolved_at IS NULL AS open FROM notices WHERE tenant_id = $1 ORDER BY first_at, id",
    )
    return [(row["kind"], row["action_path"], row["count"], row["open"]) for row in found]


async def _answer_to(still: House, error: str) -> None:
    """Bring a question as far as the outbox, where Slack answers with an error."""
    await still.deliver(message(still.teams[0], "D1", "U1", "a private question"))
    await take_turn(still)
    still.slack.fault, still.slack.accept = answers(200, f'{{"ok":false,"error":"{error}"}}'), False
    still.slack.fault_in, still.slack.fault_times = "chat.postMessage", 1
    await send(still)


async def test_a_broken_channel_until_it_is_connected_again(still: House, house_vault: Vault) -> None:
    scope, team = still.scopes[0], still.teams[0]
    await _answer_to(still, "token_revoked")
    assert await notices_of(still.db, scope) == [("channel_broken", "/channels", 1, True)]
    assert await notices_of(still.db, still.scopes[1]) == []
    await accounts.connect(
        still.db, house_vault, scope, kind="slack", external_id=team.team_id, app_id=team.app_id,
        bot_user_id=team.bot_user_id, token=team.token,
    )  # fmt: skip
    assert await notices_of(still.db, scope) == [("channel_broken", "/channels", 1, False)]


async def test_an_answer_that_cannot_be_shown(still: House) -> None:
    await _answer_to(still, "channel_not_found")
    (conversation,) = await rows(still.db, still.scopes[0], "SELECT id FROM conversations WHERE tenant_id = $1")
    assert await notices_of(still.db, still.scopes[0]) == [("delivery_failed", f"/inbox/{conversation['id']}", 1, True)]
    (notice,) = await rows(still.db, still.scopes[0], "SELECT title || body AS words FROM notices WHERE tenant_id = $1")
    assert "private" not in notice["words"]
    await _answer_to(still, "channel_not_found")
    assert [count for _, _, count, _ in await notices_of(still.db, still.scopes[0])] == [2]
    assert await notices_of(still.db, still.scopes[1]) == []


async def test_a_question_that_is_given_up(still: House, model: Puppet) -> None:
    await still.deliver(message(still.teams[0], "D1", "U1", "poison"))

    def burst(_request: object) -> str:
        raise RuntimeError("a bug of ours")

    model.says = burst
    held = await claim(still, "turn")
    with pytest.raises(RuntimeError):
        await still.turns(held)
    await abandon(still, held)
    await take_turn(still)
    (notice,) = await notices_of(still.db, still.scopes[0])
    assert notice[0] == "turn_failed" and notice[2:] == (1, True)


async def test_a_budget_that_runs_out_and_is_raised(db: Database, tenants: Tenants) -> None:
    budget = PostgresBudget(db)
    for scope in tenants:
        reservation = await budget.reserve(scope, 1, LASTS_S)
        assert reservation is not None
        await budget.settle(scope, reservation, 0)
        await change(db, scope, "UPDATE llm_budgets SET limit_micro = 1000 WHERE tenant_id = $1")

    async def spend(amount: int) -> None:
        reservation = await budget.reserve(tenants[0], 1, LASTS_S)
        assert reservation is not None
        await budget.settle(tenants[0], reservation, amount)

    await spend(790)
    assert await notices_of(db, tenants[0]) == []
    await spend(20)
    await spend(20)
    assert await notices_of(db, tenants[0]) == [("budget_low", "/usage", 1, True)]
    await spend(200)
    assert await notices_of(db, tenants[0]) == [("budget_low", "/usage", 1, False), ("budget_spent", "/usage", 1, True)]
    assert await budget.reserve(tenants[0], 1, LASTS_S) is None
    assert [count for _, _, count, _ in await notices_of(db, tenants[0])] == [1, 2]
    await change(db, tenants[0], "UPDATE llm_budgets SET limit_micro = 100000 WHERE tenant_id = $1")
    await spend(1)
    assert [still_open for *_, still_open in await notices_of(db, tenants[0])] == [False, False]
    assert await notices_of(db, tenants[1]) == []


async def test_a_business_without_a_budget_hears_nothing_of_one(db: Database, tenants: Tenants) -> None:
    budget = PostgresBudget(db)
    reservation = await budget.reserve(tenants[0], 10**12, LASTS_S)
    assert reservation is not None
    await budget.settle(tenants[0], reservation, 10**12)
    assert await notices_of(db, tenants[0]) == []


@pytest.mark.parametrize("decide", [dead_letters.discard, dead_letters.retry])
async def test_the_last_dead_letter_takes_its_notice_along(still: House, decide: Decide) -> None:
    for _ in range(2):
        await _answer_to(still, "channel_not_found")
    letters = await rows(still.db, still.scopes[0], "SELECT id FROM dead_letters WHERE tenant_id = $1")
    for letter, still_open in zip(letters, (True, False), strict=True):
        async with still.db.tenant(still.scopes[0]) as session:
            await decide(session, letter["id"])
        assert [found[3] for found in await notices_of(still.db, still.scopes[0])] == [still_open]
