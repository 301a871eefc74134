"""A worker that dies leaves rows from which the next one goes on: nothing lost, nothing asked or said twice."""

from __future__ import annotations

import asyncio
from uuid import UUID

import pytest

from konstruct.agents import turns_repository
from konstruct.agents.turn import Step, Turn
from konstruct.channels import deliveries_repository
from konstruct.conversations import outbox
from konstruct.conversations.outbox import Reply
from konstruct.conversations.part import Part
from konstruct.db.session import UniqueViolation
from konstruct.jobs.queue import Claim
from konstruct.kit.errors import LeaseLostError
from tests.support.hand import abandon, claim, conversation, rows, send, take_turn, working
from tests.support.house import House, until
from tests.support.puppet import Puppet
from tests.support.slack_events import message


async def _die_in(still: House, model: Puppet, moment: str) -> Claim:
    """Claim, and die while the model thinks or just before the answer is put into the outbox; return the dead claim."""
    held = await claim(still, "turn")
    if moment == "thinking":
        model.hold.clear()
        async with working(still, held) as task:
            await model.asked(1)
            task.cancel()
        model.hold.set()
    else:
        model.hold.clear()
        async with working(still, held) as task:
            await model.asked(1)
            # The last transaction locks the conversation: it stops there.
            async with still.db.tenant(held.scope) as session:
                await session.execute("SELECT 1 FROM conversations WHERE tenant_id = $1 FOR UPDATE", held.scope.tenant_id)
                model.hold.set()
                await until(lambda: _steps(still, held))
                await until(lambda: _is_blocked(still, held))
                task.cancel()
                await asyncio.wait([task])
    await abandon(still, held)
    return held


async def _steps(still: House, held: Claim) -> int:
    return len(await rows(still, held.scope, "SELECT 1 FROM steps WHERE tenant_id = $1"))


async def _is_blocked(still: House, held: Claim) -> bool:
    return bool(await rows(still, held.scope, "SELECT 1 FROM pg_locks WHERE NOT granted AND $1::uuid IS NOT NULL"))


@pytest.mark.parametrize(("moment", "asked"), [("thinking", 2), ("finishing", 1)])
async def test_a_crashed_turn_is_finished_by_the_next_claim(still: House, model: Puppet, moment: str, asked: int) -> None:
    team, other = still.teams
    await still.deliver(message(team, "D1", "U1", "hello"))
    await _die_in(still, model, moment)
    assert still.slack.posts == []

    again = await take_turn(still)
    await send(still)
    assert again.attempts == 2
    # An answer that was persisted is not asked for again.
    assert len(model.requests) == asked
    (text,) = still.texts(team)
    assert "hello" in text
    assert still.texts(other) == []
    (turn,) = await rows(still, still.scopes[0], "SELECT state, outcome, attempts, epoch FROM turns WHERE tenant_id = $1")
    assert (turn["state"], turn["outcome"], turn["attempts"], turn["epoch"]) == ("done", "answered", 2, again.epoch)


async def test_an_answer_that_was_persisted_goes_out_even_past_the_deadline(still: House, model: Puppet) -> None:
    team, _ = still.teams
    await still.deliver(message(team, "D1", "U1", "hello"))
    held = await _die_in(still, model, "finishing")
    async with still.db.tenant(held.scope) as session:
        await session.execute(
            "UPDATE turns SET deadline_at = now() - interval '1 hour' WHERE tenant_id = $1", held.scope.tenant_id
        )
    await take_turn(still)
    await send(still)
    (text,) = still.texts(team)
    assert "hello" in text
    assert len(model.requests) == 1


@pytest.mark.parametrize("moment", ["thinking", "finishing"])
async def test_what_came_while_the_worker_was_dead_is_answered_too(still: House, model: Puppet, moment: str) -> None:
    team, _ = still.teams
    await still.deliver(message(team, "D1", "U1", "first"))
    held = await _die_in(still, model, moment)
    await still.deliver(message(team, "D1", "U1", "second"))

    await take_turn(still)
    (row,) = await rows(still, held.scope, "SELECT state FROM ready_queue WHERE tenant_id = $1 AND lane = 'turn'")
    assert row["state"] == "ready"
    await take_turn(still)
    await send(still)
    assert ["first" in text for text in still.texts(team)] == [True, False]
    assert ["second" in text for text in still.texts(team)] == [False, True]


async def test_a_crash_between_the_outbox_and_the_send_costs_nothing(still: House) -> None:
    team, _ = still.teams
    await still.deliver(message(team, "D1", "U1", "hello"))
    await take_turn(still)
    held = await claim(still, "send")
    await abandon(still, held)
    await send(still)
    assert len(still.texts(team)) == 1


async def test_a_zombie_writes_nothing_and_says_nothing(still: House, model: Puppet) -> None:
    team, _ = still.teams
    scope = still.scopes[0]
    await still.deliver(message(team, "D1", "U1", "hello"))
    zombie = await claim(still, "turn")
    model.hold.clear()
    with pytest.raises(LeaseLostError):
        async with working(still, zombie):
            await model.asked(1)
            # Frozen past its lease; another worker takes over and is asked the same thing.
            await abandon(still, zombie)
            model.hold.set()
            heir = await claim(still, "turn")
            await still.turns(heir)
    await send(still)
    assert len(still.texts(team)) == 1
    steps = await rows(still, scope, "SELECT epoch FROM steps WHERE tenant_id = $1")
    assert [step["epoch"] for step in steps] == [heir.epoch]
    assert len(await rows(still, scope, "SELECT 1 FROM deliveries WHERE tenant_id = $1")) == 1


async def test_a_thawed_zombie_cannot_save_finish_or_send(still: House, model: Puppet) -> None:
    team, _ = still.teams
    scope = still.scopes[0]
    await still.deliver(message(team, "D1", "U1", "hello"))
    old = await claim(still, "turn")
    turn = await still.db.run(scope, lambda s: turns_repository.open_turn(s, old, 60))
    assert isinstance(turn, Turn)
    await abandon(still, old)
    heir = await claim(still, "turn")
    with pytest.raises(LeaseLostError):
        await still.db.run(scope, lambda s: turns_repository.save_step(s, old, turn, Step(0, "model", "late")))
    with pytest.raises(LeaseLostError):
        await still.db.run(scope, lambda s: turns_repository.lock_for_answer(s, old, turn))
    with pytest.raises(LeaseLostError):
        await still.db.run(scope, lambda s: turns_repository.close_turn(s, old, turn.id, "answered", None))
    with pytest.raises(LeaseLostError):
        await still.turns(old)
    await still.turns(heir)
    await _a_late_sender_posts_nothing(still)


async def test_a_turn_has_one_answer_whoever_writes_it(still: House) -> None:
    scope = still.scopes[0]
    await still.deliver(message(still.teams[0], "D1", "U1", "hello"))
    await take_turn(still)
    (first,) = await rows(still, scope, "SELECT * FROM deliveries WHERE tenant_id = $1")
    names = ("conversation_id", "account_id", "channel_id", "thread_id", "owner_epoch", "turn_id")
    again = Reply(**{name: first[name] for name in names}, kind="reply", text="again", parts=[Part("again")])
    with pytest.raises(UniqueViolation):
        await still.db.run(scope, lambda session: outbox.put(session, again))
    assert len(await rows(still, scope, "SELECT 1 FROM deliveries WHERE tenant_id = $1")) == 1


async def _a_late_sender_posts_nothing(still: House) -> None:
    scope = still.scopes[0]
    late = await claim(still, "send")
    await abandon(still, late)
    delivery_id = await _delivery(still)
    with pytest.raises(LeaseLostError):
        await still.db.run(scope, lambda s: deliveries_repository.start_sending(s, late, delivery_id, 10))
    with pytest.raises(LeaseLostError):
        await still.db.run(scope, lambda s: deliveries_repository.mark_unknown(s, late, delivery_id, "late"))
    with pytest.raises(LeaseLostError):
        await still.sends(late)
    assert still.slack.posts == []
    (row,) = await rows(still, scope, "SELECT state, attempt FROM deliveries WHERE tenant_id = $1")
    assert (row["state"], row["attempt"]) == ("pending", 0)


async def _delivery(still: House) -> UUID:
    (row,) = await rows(still, still.scopes[0], "SELECT id FROM deliveries WHERE tenant_id = $1")
    found: UUID = row["id"]
    return found


async def test_a_thaw_in_the_last_transaction_does_not_deadlock_with_the_heir(still: House, model: Puppet) -> None:
    """The zombie locks the conversation and then the queue's row; so does the heir."""
    team, _ = still.teams
    await still.deliver(message(team, "D1", "U1", "hello"))
    old = await claim(still, "turn")
    turn = await still.db.run(old.scope, lambda s: turns_repository.open_turn(s, old, 60))
    assert turn is not None
    await abandon(still, old)
    # As if the turn had not been opened yet: the heir will have to insert it, which looks at the conversation.
    async with still.db.tenant(old.scope) as session:
        await session.execute("UPDATE messages SET state = 'pending', turn_id = NULL WHERE tenant_id = $1", old.scope.tenant_id)
        await session.execute("DELETE FROM turns WHERE tenant_id = $1", old.scope.tenant_id)
    heir = await claim(still, "turn")
    async with still.db.tenant(old.scope) as zombie:
        await zombie.execute("SELECT 1 FROM conversations WHERE tenant_id = $1 FOR UPDATE", old.scope.tenant_id)
        opening = asyncio.create_task(still.turns(heir))
        await until(lambda: _is_blocked(still, heir))
        # The zombie's fence needs the queue's row: the heir must not hold it while it waits for the conversation.
        await zombie.execute("UPDATE ready_queue SET claimed_seq = claimed_seq WHERE tenant_id = $1", old.scope.tenant_id)
    await opening
    assert await conversation(still, old.scope) == heir.conversation_id
    await send(still)
    assert len(still.texts(team)) == 1
