"""A channel whose provider bans general assistants: one sentence declines, and a human is offered and comes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from konstruct.agents import staying
from konstruct.channels.slack.adapter import SlackAdapter
from tests.support.desk import press
from tests.support.hand import rows, send, take_turn
from tests.support.house import House
from tests.support.puppet import Puppet
from tests.support.slack_events import message

_OWNER = "SELECT owner FROM conversations WHERE tenant_id = $1 ORDER BY id"
_NOTICES = "SELECT kind FROM notices WHERE tenant_id = $1 AND kind = 'human_wanted'"


@pytest.fixture
def bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the channel be one that wants the employee to talk about the business alone."""
    monkeypatch.setattr(SlackAdapter, "caps", replace(SlackAdapter.caps, business_only=True))


async def _asked(still: House, model: Puppet, number: int, text: str, answer: str) -> None:
    model.says = lambda _request: answer
    await still.deliver(message(still.teams[number], "D1", "U1", text))
    await take_turn(still)
    await send(still)


@pytest.mark.usefixtures("bound")
async def test_off_topic_is_declined_in_one_sentence_and_a_human_comes_if_asked_for(still: House, model: Puppet) -> None:
    ours, theirs = still.scopes
    declined = "[off-topic] I only help with bikes. The capital of France is Paris, by the way."
    await _asked(still, model, 0, "What is the capital of France?", declined)
    await _asked(still, model, 1, "When do you open?", "At nine.")
    assert staying.policy("x").splitlines()[0] in model.requests[0].messages[0].content
    first, second = still.slack.posts
    assert first["text"] == "I only help with bikes." and second["text"] == "At nine."
    [button] = [each for block in first["controls"] if block["type"] == "actions" for each in block["elements"]]
    assert button["text"]["text"] == "Talk to a human"
    assert not [block for block in second["controls"] if block["type"] == "actions"]
    [turn] = await rows(still, ours, "SELECT outcome, reason FROM turns WHERE tenant_id = $1")
    assert tuple(turn) == ("answered", staying.OFF_TOPIC)
    # The other business's person presses a copy of it: nothing comes of that, anywhere.
    element = {"type": "button", "action_id": button["action_id"], "value": button["value"], "block_id": "b"}
    await press(still, still.teams[1], "U1", element, second)
    assert [row["owner"] for scope in still.scopes for row in await rows(still, scope, _OWNER)] == ["ai", "ai"]
    await press(still, still.teams[0], "U1", element, first)
    await send(still)
    assert [row["owner"] for row in await rows(still, ours, _OWNER)] == ["human"]
    assert [row["owner"] for row in await rows(still, theirs, _OWNER)] == ["ai"]
    assert len(await rows(still, ours, _NOTICES)) == 1 and not await rows(still, theirs, _NOTICES)
    assert "human colleague" in still.slack.posts[-1]["text"]


@pytest.mark.usefixtures("bound")
async def test_whoever_asks_for_a_human_gets_one_without_the_model(still: House, model: Puppet) -> None:
    await still.deliver(message(still.teams[0], "D1", "U1", "Mensch!"))
    await take_turn(still)
    await send(still)
    assert model.requests == []
    assert [post["text"] for post in still.slack.posts] == ["A human colleague has been asked to answer here."]
    [turn] = await rows(still, still.scopes[0], "SELECT outcome, reason FROM turns WHERE tenant_id = $1")
    assert tuple(turn) == ("handed_over", staying.HUMAN)
    states = await rows(still, still.scopes[0], "SELECT state FROM messages WHERE tenant_id = $1 AND direction = 'in'")
    assert [row["state"] for row in states] == ["human"]
    assert len(await rows(still, still.scopes[0], _NOTICES)) == 1


async def test_elsewhere_the_employee_answers_what_it_likes(still: House, model: Puppet) -> None:
    await _asked(still, model, 0, "human", "[off-topic] means something here. And more.")
    assert [post["text"] for post in still.slack.posts] == ["[off-topic] means something here. And more."]
    assert staying.MARK not in model.requests[0].messages[0].content
