"""The thread and the pane beside it: who said what, what became of it, and what it took."""

from __future__ import annotations

from uuid import UUID

import pytest

from konstruct.conversations import live_repository, notes_repository
from konstruct.conversations.colleague import Colleague
from konstruct.conversations.live_repository import Cursor, pulse
from konstruct.conversations.notes_repository import NoteError
from konstruct.conversations.overview_repository import overview
from konstruct.conversations.thread_repository import Message, messages_before, messages_from
from konstruct.kit.errors import NotFoundError
from konstruct.kit.ids import uuid7
from konstruct.llm.port import CallRecord, Usage
from konstruct.llm.usage_repository import record_calls
from tests.support.hand import claim, conversation, send, take_turn, working
from tests.support.house import House
from tests.support.inbox import hand_back, reply, take_over
from tests.support.puppet import Puppet
from tests.support.slack_events import message


async def thread(still: House, found: UUID, seq: int | None = None, limit: int = 50) -> list[Message]:
    return await still.db.run(still.scopes[0], lambda s: messages_before(s, found, seq, limit))


async def test_an_answer_carries_its_turn_and_its_delivery(still: House) -> None:
    await still.deliver(message(still.teams[0], "D1", "U1", "one"))
    found = await conversation(still, still.scopes[0])
    (asked,) = await thread(still, found)
    assert (asked.author, asked.who, asked.state, asked.delivery, asked.turn) == ("contact", "U1", "pending", None, None)
    await take_turn(still)
    asked, answer = await thread(still, found)
    assert (asked.state, asked.turn, answer.author, answer.delivery) == ("answered", None, "ai", "pending")
    assert answer.turn is not None
    assert (answer.turn.outcome, answer.turn.steps, answer.turn.tools, answer.turn.calls) == ("answered", 1, 0, 1)
    await send(still)
    assert (await thread(still, found))[1].delivery == "sent"


async def test_a_turn_that_goes_on_and_one_that_was_handed_over_are_seen_at_the_question(
    still: House, model: Puppet, maria: Colleague
) -> None:
    model.hold.clear()
    await still.deliver(message(still.teams[0], "D1", "U1", "one"), message(still.teams[0], "D1", "U1", "two"))
    found = await conversation(still, still.scopes[0])
    held = await claim(still, "turn")
    async with working(still, held):
        await model.asked(1)
        one, two = await thread(still, found)
        assert one.turn is None and two.turn is not None and two.turn.running
        await take_over(still.db, still.scopes[0], found, maria)
        model.hold.set()
    one, two, joined = await thread(still, found)
    assert one.turn is None and two.turn is not None and two.turn.outcome == "handed_over"
    assert (joined.event, joined.who, joined.turn) == ("taken_over", "Maria", None)


async def test_people_of_the_business_are_named_and_what_was_taken_back_is_seen(still: House, maria: Colleague) -> None:
    scope = still.scopes[0]
    await still.deliver(message(still.teams[0], "D1", "U1", "one"))
    found = await conversation(still, scope)
    await take_turn(still)
    await take_over(still.db, scope, found, maria)
    await reply(still.db, scope, found, maria, "It is ready.")
    await send(still)
    _, answer, joined, said = await thread(still, found)
    assert (answer.delivery, answer.delivery_reason) == ("cancelled", "owner_changed")
    assert (joined.event, said.event, said.author, said.who, said.delivery) == ("taken_over", None, "human", "Maria", "sent")


async def test_pages_go_backwards_without_a_gap(still: House) -> None:
    await still.deliver(*(message(still.teams[0], "D1", "U1", str(n)) for n in range(11)))
    found = await conversation(still, still.scopes[0])
    pages, before = [], None
    while page := await thread(still, found, before, 4):
        pages.append([item.text for item in page])
        before = page[0].seq
    assert pages == [["7", "8", "9", "10"], ["3", "4", "5", "6"], ["0", "1", "2"]]
    after = await still.db.run(still.scopes[0], lambda s: messages_from(s, found, 9))
    assert [item.text for item in after] == ["8", "9", "10"]


async def test_another_business_sees_nothing(still: House, boris: Colleague) -> None:
    await still.deliver(message(still.teams[0], "D1", "U1", "one"))
    found, other = await conversation(still, still.scopes[0]), still.scopes[1]
    assert await still.db.run(other, lambda s: messages_before(s, found, None)) == []
    assert await still.db.run(other, lambda s: messages_from(s, found, 1)) == []
    for foreign in (found, uuid7()):
        with pytest.raises(NotFoundError):
            await still.db.run(other, lambda s, at=foreign: overview(s, at))  # type: ignore[misc]
        with pytest.raises(NotFoundError):
            await still.db.run(other, lambda s, at=foreign: pulse(s, at))  # type: ignore[misc]
        with pytest.raises(NotFoundError):
            await still.db.run(other, lambda s, at=foreign: notes_repository.add(s, at, uuid7(), "Hello.", boris))  # type: ignore[misc]
        with pytest.raises(NotFoundError):
            await still.db.run(other, lambda s, at=foreign: notes_repository.remove(s, at, uuid7()))  # type: ignore[misc]


async def test_the_pane_counts_and_knows_the_people(still: House, maria: Colleague) -> None:
    scope = still.scopes[0]
    await still.deliver(message(still.teams[0], "D1", "U1", "one"))
    found = await conversation(still, scope)
    await take_turn(still)
    await take_over(still.db, scope, found, maria)
    await reply(still.db, scope, found, maria, "It is ready.")
    async with still.db.tenant(scope) as session:
        await session.execute("UPDATE agents SET name = 'Ada <b>'")
    seen = await still.db.run(scope, lambda s: overview(s, found))
    assert (seen.owner, seen.owner_epoch, seen.answered_by, seen.employee) == ("human", 1, "Maria", "Ada <b>")
    assert (seen.messages, seen.turns, seen.human_replies) == (4, 1, 1)
    assert [(person.name, person.external_id) for person in seen.people] == [("U1", "U1")]
    assert seen.people[0].first_seen <= seen.since


async def test_the_cost_is_the_sum_of_its_calls_and_says_what_is_not_priced(still: House) -> None:
    scope = still.scopes[0]
    await still.deliver(message(still.teams[0], "D1", "U1", "one"), message(still.teams[0], "D2", "U2", "two"))
    async with still.db.tenant(scope) as session:
        one, two = [row["id"] for row in await session.fetch("SELECT id FROM conversations ORDER BY id")]
        for found, prices in ((one, (1500, 250, None)), (two, (9_000_000,))):
            turn = uuid7()
            await session.execute(
                "INSERT INTO turns (tenant_id, id, conversation_id, agent_id, persona_version, epoch, owner_epoch, deadline_at)"
                " SELECT $1, $2, $3, a.id, a.persona_version, 1, 0, now() FROM agents a WHERE a.tenant_id = $1",
                scope.tenant_id,
                turn,
                found,
            )
            calls = [CallRecord("x", "x", "ok", Usage(1, 0, 1), price, 1, None) for price in prices]
            await record_calls(session, turn, 0, calls)
            # What it cost stays, when the calls themselves are too old to be kept.
            await session.execute("DELETE FROM llm_calls WHERE tenant_id = $1 AND turn_id = $2", scope.tenant_id, turn)
    seen = await still.db.run(scope, lambda s: overview(s, one))
    assert (seen.cost_micro, seen.unpriced_calls, seen.turns) == (1750, 1, 1)


async def test_notes_are_kept_once_and_deleted(still: House, maria: Colleague) -> None:
    scope = still.scopes[0]
    await still.deliver(message(still.teams[0], "D1", "U1", "one"))
    found, form = await conversation(still, scope), uuid7()
    for _ in range(2):
        await still.db.run(scope, lambda s: notes_repository.add(s, found, form, " <b>VIP</b>\r\n ", maria))
    (note,) = await still.db.run(scope, lambda s: notes_repository.notes_of(s, found))
    assert (note.text, note.member_name) == ("<b>VIP</b>", "Maria")
    for text in ("", "  ", "x" * (notes_repository.NOTE_MAX + 1)):
        with pytest.raises(NoteError):
            await still.db.run(scope, lambda s, t=text: notes_repository.add(s, found, uuid7(), t, maria))  # type: ignore[misc]
    for _ in range(2):
        await still.db.run(scope, lambda s: notes_repository.remove(s, found, form))
    assert await still.db.run(scope, lambda s: notes_repository.notes_of(s, found)) == []
    assert still.slack.posts == []


async def test_the_pulse_changes_with_whatever_the_thread_shows(still: House, maria: Colleague) -> None:
    scope = still.scopes[0]
    await still.deliver(message(still.teams[0], "D1", "U1", "one"))
    found = await conversation(still, scope)

    async def look() -> live_repository.Pulse:
        return await still.db.run(scope, lambda s: pulse(s, found))

    beats = [await look()]
    assert beats[0] == await look()
    assert beats[0].cursor == Cursor(1, 1, 0)
    await take_turn(still)
    beats.append(await look())
    assert beats[-1].cursor == Cursor(2, 2, 0), "the answer is on its way"
    await send(still)
    beats.append(await look())
    assert beats[-1].cursor == Cursor(2, 3, 0), "nothing is open"
    await take_over(still.db, scope, found, maria)
    beats.append(await look())
    await send(still)
    beats.append(await look())
    await hand_back(still.db, scope, found, maria)
    beats.append(await look())
    assert len(set(beats)) == len(beats)


@pytest.mark.parametrize("text", ["", "1", "1.2", "1.2.3.4", "a.b.c", "-1.2.3", "1.2.3 ", "9" * 30 + ".1.1", "１.1.1"])
def test_a_cursor_that_is_none_of_ours_is_none(text: str) -> None:
    found = Cursor.parse(text)
    assert found is None or str(found).isascii()


def test_a_cursor_comes_back_as_it_was() -> None:
    assert Cursor.parse(str(Cursor(42, 40, 3))) == Cursor(42, 40, 3)
    assert Cursor(42, 40, 3).resume_from == 13
    assert Cursor(42, 2, 3).resume_from == 2
    assert Cursor(3, 4, 0).resume_from == 1
