"""Until there is an executor, a tool call is written down before anything else, refused, and the model is asked again."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from konstruct.agents import fallbacks, thinking, tool_ledger
from konstruct.llm.backends.scripted import Reply
from konstruct.llm.port import ChatRequest, Finish, ToolCallDelta
from tests.support.hand import abandon, claim, rows, send, take_turn, working
from tests.support.house import House
from tests.support.puppet import Puppet
from tests.support.slack_events import message

CALLS: Reply = [
    ToolCallDelta(0, "call_a", "refund", '{"amount": 10}'),
    ToolCallDelta(1, "call_b", "lookup", "not even json"),
    Finish("tool_calls"),
]
LEDGER = (
    "SELECT c.step, c.call_index, c.model_call_id, c.name, c.arguments, c.state, c.reason, c.idempotency_key, t.id AS turn_id"
    " FROM tool_calls c JOIN turns t ON t.tenant_id = c.tenant_id AND t.id = c.turn_id"
    " WHERE c.tenant_id = $1 ORDER BY c.step, c.call_index"
)


def _calls_until(times: int) -> Callable[[ChatRequest], Reply]:
    """A model that asks for tools `times` times, then answers."""

    def says(request: ChatRequest) -> Reply:
        asked = sum(message.role == "assistant" and bool(message.tool_calls) for message in request.messages)
        return CALLS if asked < times else "without tools, then"

    return says


async def test_a_tool_call_is_recorded_refused_and_the_model_asked_again(still: House, model: Puppet) -> None:
    team, _ = still.teams
    model.says = _calls_until(1)
    await still.deliver(message(team, "D1", "U1", "refund me"))
    await take_turn(still)
    await send(still)

    assert still.texts(team) == ["without tools, then"]
    ledger = await rows(still, still.scopes[0], LEDGER)
    assert [(row["step"], row["call_index"], row["model_call_id"], row["name"]) for row in ledger] == [
        (0, 0, "call_a", "refund"),
        (0, 1, "call_b", "lookup"),
    ]
    assert {(row["state"], row["reason"]) for row in ledger} == {("refused", "no tool executor")}
    assert [row["idempotency_key"] for row in ledger] == [f"{row['turn_id']}:0:{row['call_index']}" for row in ledger]
    assert [row["arguments"] for row in ledger] == ['{"amount": 10}', "not even json"]
    told = model.requests[1].messages[-3:]
    assert [(m.role, m.tool_call_id, m.content) for m in told[1:]] == [
        ("tool", "call_a", tool_ledger.REFUSED),
        ("tool", "call_b", tool_ledger.REFUSED),
    ]
    steps = await rows(still, still.scopes[0], "SELECT position, kind FROM steps WHERE tenant_id = $1 ORDER BY position")
    assert [(step["position"], step["kind"]) for step in steps] == [(0, "model"), (1, "tools"), (2, "model")]
    assert await rows(still, still.scopes[1], LEDGER) == []


@pytest.mark.parametrize("times", [thinking.MAX_MODEL_STEPS, thinking.MAX_MODEL_STEPS + 1])
async def test_a_model_that_goes_round_in_circles_is_stopped_and_one_that_answers_in_time_is_heard(
    still: House, model: Puppet, times: int
) -> None:
    team, _ = still.teams
    model.says = _calls_until(times)
    await still.deliver(message(team, "D1", "U1", "refund me"))
    await take_turn(still)
    await send(still)
    heard = times <= thinking.MAX_MODEL_STEPS
    assert still.texts(team) == ["without tools, then" if heard else fallbacks.sentence(fallbacks.TOO_MANY_STEPS)]
    assert len(model.requests) == thinking.MAX_MODEL_STEPS + 1
    # No intent is left open: nobody will ever run it.
    assert {row["state"] for row in await rows(still, still.scopes[0], LEDGER)} == {"refused"}


async def test_a_crash_between_the_intent_and_the_refusal_asks_for_nothing_twice(still: House, model: Puppet) -> None:
    team, _ = still.teams

    def call_and_hold(_request: ChatRequest) -> Reply:
        model.hold.clear()
        return CALLS

    model.says = call_and_hold
    await still.deliver(message(team, "D1", "U1", "refund me"))
    held = await claim(still, "turn")
    async with working(still, held) as task:
        await model.asked(2)
        task.cancel()
    # As if it had died before the refusal was written.
    async with still.db.tenant(held.scope) as session:
        await session.execute("DELETE FROM steps WHERE tenant_id = $1 AND kind = 'tools'", held.scope.tenant_id)
        await session.execute(
            "UPDATE tool_calls SET state = 'intended', reason = NULL, finished_at = NULL WHERE tenant_id = $1",
            held.scope.tenant_id,
        )
    await abandon(still, held)
    model.says = lambda _: "without tools, then"
    model.hold.set()
    await take_turn(still)
    await send(still)
    assert still.texts(team) == ["without tools, then"]
    ledger = await rows(still, held.scope, LEDGER)
    assert [(row["step"], row["state"]) for row in ledger] == [(0, "refused"), (0, "refused")]
    # Once before the crash for the tools, once before it and once after it for the answer.
    assert len(model.requests) == 3
