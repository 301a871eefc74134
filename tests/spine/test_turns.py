"""A turn takes what is pending, in the provider's order; what comes meanwhile waits for the next one."""

from __future__ import annotations

import pytest

from tests.support.hand import claim, rows, send, take_turn, working
from tests.support.house import House
from tests.support.puppet import Puppet
from tests.support.slack_events import message


async def test_what_comes_during_a_turn_is_answered_after_it(house: House, model: Puppet) -> None:
    team, other = house.teams
    model.hold.clear()
    await house.deliver(message(team, "D1", "U1", "first"), message(other, "D1", "U1", "elsewhere"))
    await model.asked(2)
    await house.deliver(message(team, "D1", "U1", "second"))
    model.hold.set()
    await house.idle()

    first, second = house.texts(team)
    assert "first" in first and "second" not in first
    assert "second" in second and "first" not in second
    assert [post["channel"] for post in house.slack.posts] == ["D1"] * 3


async def test_the_next_turn_knows_the_answer_that_was_given_meanwhile(still: House, model: Puppet) -> None:
    """The reply is numbered after the message that came during the turn; the history tells both in the right order."""
    team, _ = still.teams
    replies = iter(["answer one", "answer two", "answer three"])
    model.says = lambda _: next(replies)
    model.hold.clear()
    await still.deliver(message(team, "D1", "U1", "question one"))
    held = await claim(still, "turn")
    async with working(still, held):
        await model.asked(1)
        await still.deliver(message(team, "D1", "U1", "question two"))
        model.hold.set()
    await take_turn(still)
    await still.deliver(message(team, "D1", "U1", "question three"))
    await take_turn(still)

    told = [(m.role, m.content.splitlines()[-1]) for m in model.requests[2].messages[1:]]
    assert told == [
        ("user", "question one"),
        ("assistant", "answer one"),
        ("user", "question two"),
        ("assistant", "answer two"),
        ("user", "question three"),
    ]
    # The beginning of a prompt is what a provider's cache can reuse.
    assert model.requests[2].messages[1:3] == model.requests[1].messages[1:3]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
async def test_a_burst_that_comes_shuffled_is_read_in_the_order_it_was_written(
    still: House, model: Puppet, order: tuple[int, int, int]
) -> None:
    team, other = still.teams
    written = [message(team, "D1", "U1", f"part {n}") for n in range(3)]
    await still.deliver(*(written[n] for n in order))
    await take_turn(still)
    await send(still)

    (text,) = still.texts(team)
    assert text.index("part 0") < text.index("part 1") < text.index("part 2")
    assert still.slack.posts[0]["thread_ts"] == written[-1]["event"]["ts"]
    assert still.texts(other) == []


async def test_every_message_belongs_to_exactly_one_turn(house: House, model: Puppet) -> None:
    sent = 0
    for step in range(4):
        for team in house.teams:
            batch = [message(team, channel, "U1", f"{step} {channel}") for channel in ("D1", "D2") for _ in range(2)]
            await house.deliver(*batch, *reversed(batch))
            sent += len(batch)
    await house.idle()

    taken = 0
    for scope in house.scopes:
        found = await rows(
            house,
            scope,
            "SELECT m.state, m.turn_id, t.state AS turn_state, t.outcome, t.conversation_id = m.conversation_id AS same"
            " FROM messages m LEFT JOIN turns t ON t.tenant_id = m.tenant_id AND t.id = m.turn_id"
            " WHERE m.tenant_id = $1 AND m.direction = 'in'",
        )
        assert {(row["state"], row["turn_state"], row["outcome"], row["same"]) for row in found} == {
            ("answered", "done", "answered", True)
        }
        taken += len(found)
        turns = await rows(house, scope, "SELECT count(*) AS n FROM turns WHERE tenant_id = $1")
        replies = await rows(house, scope, "SELECT count(*) AS n FROM deliveries WHERE tenant_id = $1 AND state = 'sent'")
        assert turns[0]["n"] == replies[0]["n"] == len({row["turn_id"] for row in found})
    assert taken == sent
    assert len(house.slack.posts) == len({post["metadata"]["event_payload"]["delivery_id"] for post in house.slack.posts})


async def test_a_late_older_message_gets_an_answer_of_its_own(still: House, model: Puppet) -> None:
    team, _ = still.teams
    older, newer = (message(team, "D1", "U1", text) for text in ("older", "newer"))
    await still.deliver(newer)
    await take_turn(still)
    await still.deliver(older)
    await take_turn(still)
    await send(still)
    assert ["newer" in text for text in still.texts(team)] == [True, False]
    assert "older" in still.texts(team)[1]
