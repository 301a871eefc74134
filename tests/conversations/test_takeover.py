"""Taking over and handing back: told once, refused when stale, and nobody's question is lost on the way."""

from __future__ import annotations

import asyncio
from uuid import UUID

import pytest

from konstruct.conversations.colleague import Colleague
from konstruct.conversations.ownership import OwnerChangedError
from konstruct.kit.errors import NotFoundError
from konstruct.kit.ids import uuid7
from tests.support.hand import claim, conversation, deliveries, rows, send, take_turn, working
from tests.support.house import House
from tests.support.inbox import add_colleague, hand_back, reply, take_over
from tests.support.puppet import Puppet
from tests.support.slack_events import message

JOINED = "Maria from Alpha Bikes has joined the conversation."
BACK = "Ada is back and will answer from here."
SAID = "SELECT text, state FROM messages WHERE tenant_id = $1 AND direction = 'in' ORDER BY seq"


async def asked(still: House, *texts: str) -> UUID:
    """The messages of one person have come in; return their conversation."""
    await still.deliver(*(message(still.teams[0], "D1", "U1", text) for text in texts))
    return await conversation(still, still.scopes[0])


async def states(still: House) -> dict[str, str]:
    return {row["text"]: row["state"] for row in await rows(still, still.scopes[0], SAID)}


async def test_the_end_user_is_told_by_name_and_the_event_says_who(still: House, maria: Colleague) -> None:
    found = await asked(still, "one")
    await take_turn(still)
    await send(still)
    assert await take_over(still.db, still.scopes[0], found, maria) == 1
    await send(still)
    assert await hand_back(still.db, still.scopes[0], found, maria) == 2
    await send(still)
    assert still.texts(still.teams[0])[1:] == [JOINED, BACK]
    events = await rows(
        still,
        still.scopes[0],
        "SELECT e.kind, e.member_id, e.member_name, m.text FROM conversation_events e"
        " JOIN messages m ON m.tenant_id = e.tenant_id AND m.id = e.message_id WHERE e.tenant_id = $1 ORDER BY e.owner_epoch",
    )
    assert [tuple(event) for event in events] == [
        ("taken_over", maria.id, "Maria", JOINED),
        ("handed_back", maria.id, "Maria", BACK),
    ]
    assert still.texts(still.teams[1]) == []


async def test_two_clicks_at_once_tell_once(still: House, maria: Colleague) -> None:
    found = await asked(still, "one")
    outcomes = await asyncio.gather(
        *(take_over(still.db, still.scopes[0], found, maria, epoch=0) for _ in range(5)), return_exceptions=True
    )
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["OwnerChangedError"] * 4 + ["int"]
    await send(still)
    assert still.texts(still.teams[0]) == [JOINED]


async def test_a_stale_tab_changes_nothing(still: House, maria: Colleague) -> None:
    found = await asked(still, "one")
    scope = still.scopes[0]
    await take_over(still.db, scope, found, maria)
    await hand_back(still.db, scope, found, maria)
    for stale in (0, 1, 7):
        with pytest.raises(OwnerChangedError, match="the employee answers"):
            await take_over(still.db, scope, found, maria, epoch=stale)
    for stale in (1, 2):
        with pytest.raises(OwnerChangedError):
            await hand_back(still.db, scope, found, maria, epoch=stale)
    await take_over(still.db, scope, found, maria)
    with pytest.raises(OwnerChangedError, match="a person of your business answers"):
        await hand_back(still.db, scope, found, maria, epoch=1)
    assert [row["kind"] for row in await deliveries(still, scope)] == ["notice"] * 3


async def test_another_business_finds_no_such_conversation(still: House, maria: Colleague, boris: Colleague) -> None:
    found = await asked(still, "one")
    for act in (take_over, hand_back):
        for foreign in (found, uuid7()):
            with pytest.raises(NotFoundError):
                await act(still.db, still.scopes[1], foreign, boris, epoch=0)
    assert await deliveries(still, still.scopes[0]) == []
    assert await states(still) == {"one": "pending"}


async def test_what_no_human_answered_is_answered_after_the_hand_back(still: House, maria: Colleague) -> None:
    scope = still.scopes[0]
    found = await asked(still, "before")
    await take_over(still.db, scope, found, maria)
    await still.deliver(message(still.teams[0], "D1", "U1", "while"))
    assert await states(still) == {"before": "human", "while": "human"}
    await hand_back(still.db, scope, found, maria)
    assert await states(still) == {"before": "pending", "while": "pending"}
    await take_turn(still)
    await send(still)
    joined, back, answer = still.texts(still.teams[0])
    assert (joined, back) == (JOINED, BACK)
    assert "before" in answer and "while" in answer


async def test_what_a_human_answered_is_not_asked_again(still: House, maria: Colleague) -> None:
    scope = still.scopes[0]
    found = await asked(still, "before")
    await take_over(still.db, scope, found, maria)
    await reply(still.db, scope, found, maria, "It is ready.")
    await hand_back(still.db, scope, found, maria)
    assert await states(still) == {"before": "human"}
    await take_over(still.db, scope, found, maria)
    await reply(still.db, scope, found, maria, "And paid.")
    await still.deliver(message(still.teams[0], "D1", "U1", "after"))
    await hand_back(still.db, scope, found, maria)
    assert await states(still) == {"before": "human", "after": "pending"}


async def test_a_reply_written_just_before_the_hand_back_still_goes_out(still: House, maria: Colleague) -> None:
    scope = still.scopes[0]
    found = await asked(still, "one")
    await take_over(still.db, scope, found, maria)
    await reply(still.db, scope, found, maria, "It is ready.")
    await hand_back(still.db, scope, found, maria)
    await send(still)
    assert still.texts(still.teams[0]) == [JOINED, "It is ready.", BACK]


async def test_an_answer_that_the_takeover_took_back_is_given_anew(still: House, maria: Colleague) -> None:
    scope, team = still.scopes[0], still.teams[0]
    found = await asked(still, "one")
    await take_turn(still)
    await take_over(still.db, scope, found, maria)
    await send(still)
    assert still.texts(team) == [JOINED]
    await hand_back(still.db, scope, found, maria)
    await take_turn(still)
    await send(still)
    assert still.texts(team)[1] == BACK
    assert "one" in still.texts(team)[2]
    assert len(still.texts(team)) == 3


async def test_an_answer_that_went_out_is_not_given_again(still: House, maria: Colleague) -> None:
    scope = still.scopes[0]
    found = await asked(still, "one")
    await take_turn(still)
    await send(still)
    await take_over(still.db, scope, found, maria)
    await hand_back(still.db, scope, found, maria)
    assert await states(still) == {"one": "answered"}


async def test_a_turn_interrupted_by_both_is_begun_again(still: House, model: Puppet, maria: Colleague) -> None:
    scope, team = still.scopes[0], still.teams[0]
    model.hold.clear()
    found = await asked(still, "one")
    held = await claim(still, "turn")
    async with working(still, held):
        await model.asked(1)
        await take_over(still.db, scope, found, maria)
        await hand_back(still.db, scope, found, maria)
        model.hold.set()
    assert await states(still) == {"one": "pending"}
    await take_turn(still)
    await send(still)
    assert still.texts(team)[:2] == [JOINED, BACK]
    assert len(still.texts(team)) == 3
    outcomes = await rows(still, scope, "SELECT outcome FROM turns WHERE tenant_id = $1 ORDER BY id")
    assert [row["outcome"] for row in outcomes] == ["handed_over", "answered"]


async def test_names_are_shown_as_text_and_call_nobody(still: House) -> None:
    scope = still.scopes[0]
    loud = await add_colleague(still.db, scope, "<!channel> <script>\n@here")
    found = await asked(still, "one")
    from konstruct.channels.slack.render import render
    from konstruct.conversations import ownership

    await still.db.run(
        scope, lambda s: ownership.take_over(s, found, 0, loud, lambda _k, _c, _t, people, text: render(text, people))
    )
    await send(still)
    (told,) = still.texts(still.teams[0])
    assert "<!channel>" not in told and "@here" not in told and "\n" not in told
