"""Dead letters: tried once more or let be, once, however often and by how many it is asked."""

from __future__ import annotations

import asyncio
from uuid import UUID

import pytest

from konstruct.agents import fallbacks
from konstruct.conversations import dead_letters, fleet_dead_letters_repository, ownership
from konstruct.conversations.dead_letters import Decision, MayShowTwiceError
from konstruct.db.scope import TenantScope
from konstruct.kit.errors import ConflictError, NotFoundError
from tests.support.fake_slack import answers
from tests.support.hand import abandon, claim, conversation, deliveries, rows, send, take_turn
from tests.support.house import House, until
from tests.support.puppet import Puppet
from tests.support.slack_events import message

REGRET = fallbacks.sentence(fallbacks.BROKEN)


async def bury_turn(house: House, model: Puppet, number: int = 0, text: str = "poison") -> UUID:
    """Let a question fail until it is a dead letter, its fallback shown; return the letter's id."""

    def burst(_request: object) -> str:
        raise RuntimeError("a bug of ours")

    model.says = burst
    await house.deliver(message(house.teams[number], "D1", "U1", text))
    held = await claim(house, "turn")
    with pytest.raises(RuntimeError):
        await house.turns(held)
    await abandon(house, held)
    await take_turn(house)
    await send(house)
    model.says = lambda request: "all is well"
    return await letter_of(house, house.scopes[number])


async def bury_delivery(house: House, number: int = 0) -> UUID:
    """Let an answer be refused by its channel; return the letter's id."""
    await house.deliver(message(house.teams[number], "D1", "U1", "hello"))
    await take_turn(house)
    refuse(house)
    await send(house)
    return await letter_of(house, house.scopes[number])


def refuse(house: House) -> None:
    """Let the next post be refused."""
    house.slack.fault, house.slack.accept = answers(200, '{"ok":false,"error":"channel_not_found"}'), False
    house.slack.fault_in, house.slack.fault_times = "chat.postMessage", 1


async def letter_of(house: House, scope: TenantScope) -> UUID:
    """Return the id of the tenant's one open letter."""
    (row,) = await rows(house, scope, "SELECT id FROM dead_letters WHERE tenant_id = $1 AND resolved_at IS NULL")
    found: UUID = row["id"]
    return found


async def _retry(house: House, letter_id: UUID, number: int = 0, *, accept_twice: bool = False) -> Decision:
    async with house.db.tenant(house.scopes[number]) as session:
        return await dead_letters.retry(session, letter_id, accept_twice=accept_twice)


async def _discard(house: House, letter_id: UUID, number: int = 0) -> Decision:
    async with house.db.tenant(house.scopes[number]) as session:
        return await dead_letters.discard(session, letter_id)


async def _open(house: House, number: int = 0) -> int:
    return len(await rows(house, house.scopes[number], "SELECT 1 FROM dead_letters WHERE tenant_id = $1 AND resolved_at IS NULL"))


async def test_a_retried_turn_answers_its_messages_in_a_new_turn(still: House, model: Puppet) -> None:
    letter = await bury_turn(still, model)
    assert still.texts(still.teams[0]) == [REGRET]
    assert await _retry(still, letter) == Decision("retried", fresh=True)
    await take_turn(still)
    await send(still)
    assert still.texts(still.teams[0]) == [REGRET, "all is well"]
    (asked,) = await rows(still, still.scopes[0], "SELECT state, turn_id FROM messages WHERE tenant_id = $1 AND direction = 'in'")
    turns = await rows(still, still.scopes[0], "SELECT id, outcome FROM turns WHERE tenant_id = $1 ORDER BY started_at")
    assert [row["outcome"] for row in turns] == ["fallback", "answered"]
    assert (asked["state"], asked["turn_id"]) == ("answered", turns[1]["id"])
    assert await _open(still) == 0


async def test_what_came_since_is_answered_together_with_it(still: House, model: Puppet) -> None:
    letter = await bury_turn(still, model, text="first")
    await still.deliver(message(still.teams[0], "D1", "U1", "second"))
    await _retry(still, letter)
    await take_turn(still)
    asked = await rows(
        still, still.scopes[0], "SELECT count(DISTINCT turn_id) AS n FROM messages WHERE tenant_id = $1 AND direction = 'in'"
    )
    assert asked[0]["n"] == 1


async def test_two_people_who_retry_at_once_get_one_answer(still: House, model: Puppet) -> None:
    letter = await bury_turn(still, model)
    decisions = await asyncio.gather(*(_retry(still, letter) for _ in range(3)))
    assert sorted(decision.fresh for decision in decisions) == [False, False, True]
    await take_turn(still)
    await send(still)
    assert await _retry(still, letter) == Decision("retried", fresh=False)
    assert await _discard(still, letter) == Decision("retried", fresh=False)
    assert still.texts(still.teams[0]) == [REGRET, "all is well"]
    queued = await rows(still, still.scopes[0], "SELECT 1 FROM ready_queue WHERE tenant_id = $1 AND state <> 'idle'")
    assert queued == []


async def test_a_turn_that_fails_again_is_a_new_letter(still: House, model: Puppet) -> None:
    letter = await bury_turn(still, model)
    await _retry(still, letter)

    def burst(_request: object) -> str:
        raise RuntimeError("again")

    model.says = burst
    held = await claim(still, "turn")
    with pytest.raises(RuntimeError):
        await still.turns(held)
    await abandon(still, held)
    await take_turn(still)
    assert await letter_of(still, still.scopes[0]) != letter


async def test_a_turn_is_not_retried_while_a_person_answers(still: House, model: Puppet) -> None:
    letter = await bury_turn(still, model)
    async with still.db.tenant(still.scopes[0]) as session:
        await ownership.change_owner(session, await conversation(still, still.scopes[0]), "human")
    with pytest.raises(ConflictError):
        await _retry(still, letter)
    assert await _open(still) == 1
    assert await _discard(still, letter) == Decision("discarded", fresh=True)


async def test_what_was_let_be_is_not_retried(still: House, model: Puppet) -> None:
    letter = await bury_turn(still, model)
    assert await _discard(still, letter) == Decision("discarded", fresh=True)
    assert await _retry(still, letter) == Decision("discarded", fresh=False)
    pending = await rows(still, still.scopes[0], "SELECT 1 FROM messages WHERE tenant_id = $1 AND state = 'pending'")
    assert pending == []


async def test_who_lets_it_be_a_moment_earlier_wins(still: House, model: Puppet) -> None:
    letter = await bury_turn(still, model)

    async def waits() -> bool:
        async with still.db.unscoped() as session:
            return bool(await session.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"))

    async with still.db.tenant(still.scopes[0]) as session:
        await dead_letters.discard(session, letter)
        retrying = asyncio.create_task(_retry(still, letter))
        await until(waits)
    assert await retrying == Decision("discarded", fresh=False)
    pending = await rows(still, still.scopes[0], "SELECT 1 FROM messages WHERE tenant_id = $1 AND state = 'pending'")
    assert pending == []


async def test_a_refused_answer_is_sent_anew_and_may_fail_anew(still: House) -> None:
    letter = await bury_delivery(still)
    await _retry(still, letter)
    refuse(still)
    await send(still)
    second = await letter_of(still, still.scopes[0])
    assert second != letter
    await _retry(still, second)
    await send(still)
    found = await deliveries(still, still.scopes[0])
    assert [row["state"] for row in found] == ["failed", "failed", "sent"]
    assert len({row["body"] for row in found}) == 1
    assert len(still.texts(still.teams[0])) == 1
    (shown,) = await rows(still, still.scopes[0], "SELECT external_id FROM messages WHERE tenant_id = $1 AND direction = 'out'")
    assert shown["external_id"] == found[2]["external_id"]


async def test_an_answer_that_was_too_old_has_a_day_of_its_own_again(still: House) -> None:
    await still.deliver(message(still.teams[0], "D1", "U1", "hello"))
    await take_turn(still)
    async with still.db.tenant(still.scopes[0]) as session:
        sql = "UPDATE deliveries SET created_at = now() - interval '25 hours' WHERE tenant_id = $1"
        await session.execute(sql, still.scopes[0].tenant_id)
    await send(still)
    await _retry(still, await letter_of(still, still.scopes[0]))
    await send(still)
    assert [row["state"] for row in await deliveries(still, still.scopes[0])] == ["failed", "sent"]


@pytest.mark.parametrize("change", ["reason = 'outcome_unknown'", "resent = true"])
async def test_what_may_have_been_shown_is_sent_again_only_if_asked_for(still: House, change: str) -> None:
    letter = await bury_delivery(still)
    table = "dead_letters" if change.startswith("reason") else "deliveries"
    async with still.db.tenant(still.scopes[0]) as session:
        await session.execute(f"UPDATE {table} SET {change} WHERE tenant_id = $1", still.scopes[0].tenant_id)
    with pytest.raises(MayShowTwiceError):
        await _retry(still, letter)
    assert await _open(still) == 1
    assert (await _retry(still, letter, accept_twice=True)).fresh
    await send(still)
    assert len(still.texts(still.teams[0])) == 1


async def test_an_answer_of_another_owner_is_not_sent(still: House) -> None:
    letter = await bury_delivery(still)
    async with still.db.tenant(still.scopes[0]) as session:
        conversation_id = await conversation(still, still.scopes[0])
        await ownership.change_owner(session, conversation_id, "human")
        await ownership.change_owner(session, conversation_id, "ai")
    with pytest.raises(ConflictError):
        await _retry(still, letter)
    assert await _open(still) == 1


async def test_another_tenants_letter_does_not_exist(still: House) -> None:
    letter = await bury_delivery(still)
    for attempt in (_retry, _discard):
        with pytest.raises(NotFoundError):
            await attempt(still, letter, 1)
    assert await _open(still) == 1


async def test_the_fleets_list_pages_through_all_tenants_or_one(
    still: House, model: Puppet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fleet_dead_letters_repository, "PAGE", 1)
    mine = {await bury_turn(still, model, 0), await bury_turn(still, model, 1)}
    found, behind = [], None
    while True:
        (letter,), more = await fleet_dead_letters_repository.list_open(still.db, behind=behind)
        found.append(letter.id)
        behind = (letter.created_at, letter.id)
        if not more:
            break
    assert len(found) == len(set(found))
    assert mine <= set(found)
    (only,), more = await fleet_dead_letters_repository.list_open(still.db, tenant_id=still.scopes[1].tenant_id)
    assert (only.tenant_id, more) == (still.scopes[1].tenant_id, False)
