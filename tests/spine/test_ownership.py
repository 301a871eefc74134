"""A conversation that a human owns gets no answer of the AI, at whatever moment it is taken over."""

from __future__ import annotations

from konstruct.conversations.ownership import Owner, change_owner
from tests.support.hand import claim, conversation, deliveries, rows, send, take_turn, working
from tests.support.house import House, until
from tests.support.puppet import Puppet
from tests.support.slack_events import message

SAID = "SELECT text, state FROM messages WHERE tenant_id = $1 AND direction = 'in' ORDER BY seq"


async def _hand_to(still: House, owner: Owner) -> None:
    found = await conversation(still, still.scopes[0])
    await still.db.run(still.scopes[0], lambda s: change_owner(s, found, owner))


async def _answer_one(still: House, text: str) -> None:
    await still.deliver(message(still.teams[0], "D1", "U1", text))
    await take_turn(still)
    await send(still)


async def _lanes(still: House) -> set[str]:
    return {row["state"] for row in await rows(still, still.scopes[0], "SELECT state FROM ready_queue WHERE tenant_id = $1")}


async def test_what_a_human_owns_is_stored_and_not_answered_until_it_is_handed_back(still: House, model: Puppet) -> None:
    team, other = still.teams
    await _answer_one(still, "one")
    await _hand_to(still, "human")
    await still.deliver(message(team, "D1", "U1", "two"), message(other, "D1", "U1", "elsewhere"))
    assert await _lanes(still) == {"idle"}
    await take_turn(still)
    await send(still)
    assert (len(still.texts(team)), len(still.texts(other))) == (1, 1)
    assert [(row["text"], row["state"]) for row in await rows(still, still.scopes[0], SAID)][1:] == [("two", "human")]

    await _hand_to(still, "ai")
    await _answer_one(still, "three")
    assert len(still.texts(team)) == 2
    assert "three" in still.texts(team)[1] and "two" not in still.texts(team)[1].splitlines()[-1]
    assert [row["state"] for row in await rows(still, still.scopes[0], SAID)] == ["answered", "human", "answered"]
    # What was said to the human is known to the AI, but not answered by it.
    assert any("two" in m.content for m in model.requests[-1].messages[:-1])


async def test_a_takeover_of_what_is_pending_leaves_it_to_the_human(still: House, model: Puppet) -> None:
    await still.deliver(message(still.teams[0], "D1", "U1", "one"))
    await _hand_to(still, "human")
    await take_turn(still)
    assert model.requests == []
    assert [row["state"] for row in await rows(still, still.scopes[0], SAID)] == ["human"]
    assert await _lanes(still) == {"idle"}


async def test_a_takeover_while_the_model_thinks_sends_nothing(still: House, model: Puppet) -> None:
    team = still.teams[0]
    model.hold.clear()
    await still.deliver(message(team, "D1", "U1", "one"))
    held = await claim(still, "turn")
    async with working(still, held):
        await model.asked(1)
        await _hand_to(still, "human")
        await still.deliver(message(team, "D1", "U1", "two"))
        model.hold.set()
    (turn,) = await rows(still, still.scopes[0], "SELECT state, outcome FROM turns WHERE tenant_id = $1")
    assert (turn["state"], turn["outcome"]) == ("done", "handed_over")
    assert [row["state"] for row in await rows(still, still.scopes[0], SAID)] == ["human", "human"]
    assert await deliveries(still, still.scopes[0]) == []
    assert await _lanes(still) == {"idle"}

    await _hand_to(still, "ai")
    await _answer_one(still, "three")
    assert len(still.texts(team)) == 1


async def test_taken_over_and_handed_back_during_one_turn_is_still_taken_over(still: House, model: Puppet) -> None:
    model.hold.clear()
    await still.deliver(message(still.teams[0], "D1", "U1", "one"))
    held = await claim(still, "turn")
    async with working(still, held):
        await model.asked(1)
        await _hand_to(still, "human")
        await _hand_to(still, "ai")
        model.hold.set()
    assert await deliveries(still, still.scopes[0]) == []
    (turn,) = await rows(still, still.scopes[0], "SELECT outcome FROM turns WHERE tenant_id = $1")
    assert turn["outcome"] == "handed_over"


async def test_a_takeover_between_answer_and_send_cancels_the_delivery(still: House) -> None:
    team, scope = still.teams[0], still.scopes[0]
    await still.deliver(message(team, "D1", "U1", "one"))
    await take_turn(still)
    held = await claim(still, "send")
    await _hand_to(still, "human")
    await still.sends(held)
    assert [(row["state"], row["reason"], row["attempt"]) for row in await deliveries(still, scope)] == [
        ("cancelled", "owner_changed", 0)
    ]
    assert still.slack.posts == []
    assert await _lanes(still) == {"idle"}
    # A delivery of the old owner stays cancelled, whoever owns it later.
    await _hand_to(still, "ai")
    await _answer_one(still, "two")
    assert len(still.texts(team)) == 1
    assert "two" in still.texts(team)[0]


async def test_a_takeover_between_two_parts_stops_the_second(still: House, model: Puppet) -> None:
    team, scope = still.teams[0], still.scopes[0]
    model.says = lambda _: "\n\n".join(f"Paragraph {n}. " + "All work. " * 60 for n in range(20))
    await still.deliver(message(team, "D1", "U1", "one"))
    await take_turn(still)
    held = await claim(still, "send")
    async with working(still, held):
        await until(lambda: still.slack.posts)
        await _hand_to(still, "human")
    assert [row["state"] for row in await deliveries(still, scope)] == ["sent", "cancelled"]


async def test_handing_over_to_the_present_owner_changes_nothing(still: House) -> None:
    await still.deliver(message(still.teams[0], "D1", "U1", "one"))
    await _hand_to(still, "ai")
    await take_turn(still)
    await send(still)
    assert len(still.texts(still.teams[0])) == 1
