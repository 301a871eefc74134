"""A send without an answer is unknown, and is found out about before anything is sent again; never a third time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from konstruct.channels import deliveries_repository, echoes
from konstruct.channels.patience import Patience
from konstruct.channels.port import Echo
from tests.support.fake_slack import Fault, answers, hangs, resets
from tests.support.hand import age_unknown, claim, deliveries, make_due, rows, send, take_turn
from tests.support.house import House, until
from tests.support.slack_events import Team, echo, message, metadata_echo

POST = "chat.postMessage"
LOOK_UP = "conversations.replies"
BUSY = '{"ok":false,"error":"ratelimited"}'
FAULTS: dict[str, Fault] = {
    "500": answers(500, '{"ok":false,"error":"internal_error"}'),
    "garbage": answers(200, "<html>busy</html>", "text/html"),
    "reset": resets,
    "hang": hangs,
}
Echoes = Callable[[Team, dict[str, Any]], dict[str, Any]]


async def _unknown(still: House, fault: str = "reset", *, accepted: bool = True, times: int = 1) -> None:
    """Bring an answer as far as a send of which nobody knows what became."""
    await still.deliver(message(still.teams[0], "D1", "U1", "hello"))
    await take_turn(still)
    still.slack.fault, still.slack.accept = FAULTS[fault], accepted
    still.slack.fault_in, still.slack.fault_times = POST, times
    await send(still)
    assert await _states(still) == ["unknown"]


async def _states(still: House) -> list[str]:
    return [row["state"] for row in await deliveries(still, still.scopes[0])]


def _tried(still: House, method: str = POST) -> int:
    return sum(each == method for each, _ in still.slack.requests)


@pytest.mark.parametrize("fault", list(FAULTS))
@pytest.mark.parametrize("shown", [echo, metadata_echo])
async def test_the_echo_settles_an_unknown_send_without_a_second_post(
    still: House, monkeypatch: pytest.MonkeyPatch, fault: str, shown: Echoes
) -> None:
    monkeypatch.setattr(still.sends, "_patience", Patience(send_s=0.5))
    await _unknown(still, fault)
    (post,) = still.slack.posts
    assert await still.deliver(shown(still.teams[0], post)) == [200]
    (row,) = await deliveries(still, still.scopes[0])
    assert (row["state"], row["external_id"]) == ("sent", post["ts"])
    await send(still)
    assert (len(still.slack.posts), _tried(still), _tried(still, LOOK_UP)) == (1, 1, 0)
    (said,) = await rows(still, still.scopes[0], "SELECT external_id FROM messages WHERE tenant_id = $1 AND direction = 'out'")
    assert said["external_id"] == post["ts"]


@pytest.mark.parametrize("waited_s", [0, 3 * 3600])
async def test_without_an_echo_the_history_is_asked_once(still: House, waited_s: int) -> None:
    """Also where the answer had waited for hours, in a pause or an outage, before it was sent."""
    await still.deliver(message(still.teams[0], "D1", "U1", "hello"))
    await take_turn(still)
    async with still.db.tenant(still.scopes[0]) as session:
        await session.execute(
            "UPDATE deliveries SET created_at = created_at - make_interval(secs => $2) WHERE tenant_id = $1",
            still.scopes[0].tenant_id,
            waited_s,
        )
    still.slack.fault, still.slack.fault_in, still.slack.fault_times = resets, POST, 1
    await send(still)
    await age_unknown(still, still.scopes[0], 50)
    await send(still)
    # Not before its time: the echo may still come.
    assert (await _states(still), _tried(still, LOOK_UP)) == (["unknown"], 0)
    await age_unknown(still, still.scopes[0], 11)
    await send(still)
    assert (await _states(still), _tried(still, LOOK_UP), _tried(still)) == (["sent"], 1, 1)
    assert len(still.slack.posts) == 1


async def test_no_trace_after_a_minute_is_sent_once_more_and_counted(still: House) -> None:
    await _unknown(still, accepted=False)
    await age_unknown(still, still.scopes[0], 50)
    await send(still)
    # Until the minute is over it is neither asked about nor sent again.
    assert (await _states(still), _tried(still, LOOK_UP), _tried(still)) == (["unknown"], 0, 1)
    await age_unknown(still, still.scopes[0], 11)
    await send(still)
    (row,) = await deliveries(still, still.scopes[0])
    assert (row["state"], row["resent"], row["attempt"]) == ("sent", True, 2)
    assert (len(still.slack.posts), _tried(still), _tried(still, LOOK_UP)) == (1, 2, 1)
    assert still.counters.snapshot().count("deliveries_total", state="resent") == 1


async def test_unknown_twice_is_a_dead_letter_and_never_a_third_post(still: House) -> None:
    scope = still.scopes[0]
    await _unknown(still, accepted=False, times=2)
    await age_unknown(still, scope, 61)
    await send(still)
    assert (await _states(still), _tried(still)) == (["unknown"], 2)
    await age_unknown(still, scope, 61)
    await send(still)
    (row,) = await deliveries(still, scope)
    assert (row["state"], row["reason"], _tried(still)) == ("failed", "outcome_unknown", 2)
    (letter,) = await rows(still, scope, "SELECT kind, reason, attempts FROM dead_letters WHERE tenant_id = $1")
    assert (letter["kind"], letter["reason"], letter["attempts"]) == ("delivery", "outcome_unknown", 2)

    await still.deliver(message(still.teams[0], "D1", "U1", "next"))
    await take_turn(still)
    await send(still)
    assert (await _states(still), len(still.slack.posts)) == (["failed", "sent"], 1)


@pytest.mark.parametrize("retry_after_s", [10, 60, 3600])
async def test_a_look_up_that_is_refused_for_its_rate_postpones_the_resend_to_two_minutes(
    still: House, retry_after_s: int
) -> None:
    """Slack gives apps like ours one a minute: where many conversations need one, most of them are refused."""
    scope = still.scopes[0]
    await _unknown(still, accepted=False)
    still.slack.fault = answers(429, BUSY, Retry_After=str(retry_after_s))
    still.slack.fault_in, still.slack.fault_times = LOOK_UP, -1
    await age_unknown(still, scope, 61)
    await send(still)
    assert (await _states(still), _tried(still, LOOK_UP), _tried(still)) == (["unknown"], 1, 1)
    assert await _due_in_s(still) <= min(59, retry_after_s)

    await age_unknown(still, scope, 60)
    await send(still)
    (row,) = await deliveries(still, scope)
    assert (row["state"], row["resent"], row["attempt"]) == ("sent", True, 2)
    # A pause that Slack asked for is kept, even at the price of a resend that could not be checked.
    assert (len(still.slack.posts), _tried(still, LOOK_UP)) == (1, 2 if retry_after_s <= 60 else 1)
    assert still.counters.snapshot().count("deliveries_total", state="resent") == 1


async def test_a_refused_look_up_is_made_again_when_it_may_be(still: House) -> None:
    scope = still.scopes[0]
    await _unknown(still)
    still.slack.fault, still.slack.fault_in, still.slack.fault_times = answers(429, BUSY, Retry_After="20"), LOOK_UP, 1
    await age_unknown(still, scope, 61)
    await send(still)
    assert await _states(still) == ["unknown"]
    await age_unknown(still, scope, 20)
    await send(still)
    # Slack would answer by now; we ask once a minute.
    assert (await _states(still), _tried(still, LOOK_UP)) == (["unknown"], 1)
    await age_unknown(still, scope, 40)
    await send(still)
    assert (await _states(still), _tried(still, LOOK_UP), _tried(still)) == (["sent"], 2, 1)


async def _due_in_s(still: House) -> float:
    (row,) = await rows(
        still,
        still.scopes[0],
        "SELECT extract(epoch FROM due_at - now())::float8 AS wait FROM ready_queue WHERE tenant_id = $1 AND lane = 'send'",
    )
    return float(row["wait"])


async def test_a_history_that_never_answers_does_not_hold_the_conversation_for_ever(still: House) -> None:
    scope = still.scopes[0]
    await _unknown(still, accepted=False, times=2)
    await age_unknown(still, scope, 121)
    await send(still)
    assert (await _states(still), _tried(still)) == (["unknown"], 2)
    still.slack.fault, still.slack.fault_in, still.slack.fault_times = answers(503, "busy", "text/plain"), None, -1
    await age_unknown(still, scope, 61)
    await send(still)
    assert (await _states(still), _tried(still)) == (["unknown"], 2)
    await age_unknown(still, scope, 60)
    await send(still)
    (row,) = await deliveries(still, scope)
    assert (row["state"], row["reason"], _tried(still)) == ("failed", "outcome_unknown", 2)


async def test_what_is_unknown_for_a_day_is_looked_up_and_not_sent_again(still: House) -> None:
    """As after an outage: an answer that old helps nobody, and may have been shown."""
    scope = still.scopes[0]
    await _unknown(still, accepted=False)
    async with still.db.tenant(scope) as session:
        await session.execute(
            "UPDATE deliveries SET created_at = now() - interval '25 hours' WHERE tenant_id = $1", scope.tenant_id
        )
    await age_unknown(still, scope, 61)
    await send(still)
    (row,) = await deliveries(still, scope)
    assert (row["state"], row["reason"], _tried(still), _tried(still, LOOK_UP)) == ("failed", "outcome_unknown", 1, 1)


async def test_an_echo_that_comes_after_the_decision_to_send_again_prevents_it(still: House) -> None:
    scope = still.scopes[0]
    await _unknown(still)
    (row,) = await deliveries(still, scope)
    await make_due(still, scope, "send")
    held = await claim(still, "send")
    await still.db.run(scope, lambda s: deliveries_repository.mark_for_resend(s, held, row["id"]))
    assert await _states(still) == ["pending"]
    await still.deliver(echo(still.teams[0], still.slack.posts[0]))
    await still.sends(held)
    assert (await _states(still), len(still.slack.posts), _tried(still)) == (["sent"], 1, 1)


async def test_an_echo_naming_another_tenant_app_or_channel_has_no_effect(still: House) -> None:
    team, other = still.teams
    await _unknown(still)
    (post,) = still.slack.posts
    foreign = {**post, "bot_id": f"B{other.team_id}"}
    for forged in (
        echo(other, foreign),
        metadata_echo(other, foreign),
        echo(team, {**post, "channel": "D2"}),
        metadata_echo(team, {**post, "channel": "C1"}),
        metadata_echo(team, {**post, "app_id": "A2"}),
        {**echo(team, post), "api_app_id": "A2"},
    ):
        assert await still.deliver(forged) == [200]
    # Somebody who copies the metadata into a message of their own proves nothing.
    copied = message(team, "D1", "U2", "look", metadata=post["metadata"])
    assert await still.deliver(copied) == [200]
    assert await _states(still) == ["unknown"]
    assert await still.deliver(echo(team, post)) == [200]
    assert await _states(still) == ["sent"]


async def test_an_echo_of_something_never_sent_has_no_effect(still: House) -> None:
    team, scope = still.teams[0], still.scopes[0]
    await still.deliver(message(team, "D1", "U1", "hello"))
    await take_turn(still)
    (row,) = await deliveries(still, scope)
    post = {"text": "x", "ts": "1700000000.000100", "bot_id": f"B{team.team_id}", "app_id": "A1", "channel": "D1"}
    named = {"event_type": "konstruct_delivery", "event_payload": {"delivery_id": str(row["id"])}}
    assert await still.deliver(echo(team, {**post, "metadata": named})) == [200]
    assert await _states(still) == ["pending"]
    await send(still)
    assert len(still.slack.posts) == 1


async def test_an_echo_and_the_end_of_its_call_do_not_deadlock(still: House) -> None:
    """Both need the lane's row and the delivery's: whoever takes them takes them in one order."""
    team, scope = still.teams[0], still.scopes[0]
    await still.deliver(message(team, "D1", "U1", "hello"))
    await take_turn(still)
    (row,) = await deliveries(still, scope)
    held = await claim(still, "send")
    await still.db.run(scope, lambda s: deliveries_repository.start_sending(s, held, row["id"], 600))
    shown = Echo(team.team_id, team.app_id, "e1", row["id"], "D1", None, "1700000000.000100", "")
    async with still.db.tenant(scope) as session:
        await session.execute("SELECT 1 FROM ready_queue WHERE tenant_id = $1 AND lane = 'send' FOR UPDATE", scope.tenant_id)
        settling = asyncio.create_task(echoes.settle(still.db, "slack", [shown]))
        await until(lambda: rows(still, scope, "SELECT 1 FROM pg_locks WHERE NOT granted AND $1::uuid IS NOT NULL"))
        await deliveries_repository.mark_unknown(session, held, row["id"], "timeout")
    assert await settling == 1
    assert await _states(still) == ["sent"]
