"""Workers that die or freeze: in the middle of a turn, and between a send and our knowledge of it."""

from __future__ import annotations

import asyncio
import json

import pytest
from aiohttp import web

from tests.faults.crew import Crew
from tests.faults.history import Gate
from tests.faults.plant import PATIENCE_S
from tests.faults.verdict import deliveries, turns
from tests.support.house import until

pytestmark = pytest.mark.asyncio(loop_scope="package")
KILLS = 5
POST = "chat.postMessage"
LOOK_UP = "conversations.replies"


async def test_kill_9_five_times_over_three_workers_while_messages_flow(crew: Crew) -> None:
    made = crew.made
    caught: list[int] = []
    async with asyncio.TaskGroup() as starting, crew.traffic.flowing():
        for _ in range(KILLS):
            # The longest-lived one is asked first: all three places are hit.
            victim, under_way = await crew.freeze_in_a_turn()
            caught.append(under_way)
            await victim.kill()
            made.thinking.set()
            starting.create_task(crew.complete())
            await until(crew.workers, PATIENCE_S)
    await crew.settled()
    assert len(caught) == KILLS and all(caught)
    taken_up = [turn for turn in await turns(made) if turn["attempts"] > 1]
    assert taken_up, f"{caught} turns were under way, and none was taken up again"


async def test_killed_between_slacks_acceptance_and_our_mark_each_answer_is_visible_once(crew: Crew) -> None:
    made, slack = crew.made, crew.made.slack
    heard, deaf = made.teams
    made.echoing.clear()
    made.deaf.add(deaf.team_id)
    release = asyncio.Event()
    held: list[str] = []

    async def accept_and_hold(request: web.Request) -> web.StreamResponse:
        """Slack shows the post, and its answer stays out. What goes to D2 is not even shown: it was lost on its way."""
        channel = json.loads(await request.text())["channel"]
        token = request.headers["Authorization"].removeprefix("Bearer ")
        if channel != "D2":
            await slack._answer(POST, token, request)
        held.append(channel)
        await release.wait()
        return web.Response(status=500)

    slack.fault, slack.accept, slack.fault_in, slack.fault_times = accept_and_hold, False, POST, 3
    await asyncio.gather(crew.traffic.say(heard, "D1"), crew.traffic.say(deaf, "D1"), crew.traffic.say(deaf, "D2"))
    await until(lambda: len(held) == 3, PATIENCE_S)
    rows = [row for scope in made.scopes for row in await deliveries(made, scope)]
    assert [row["state"] for row in rows] == ["sending"] * 3
    holders = {unit for unit in crew.workers() if await made.leases(unit, "send")}
    await asyncio.gather(*(unit.kill() for unit in holders))
    release.set()
    made.echoing.set()
    await crew.complete()
    await crew.settled()

    # The echo settled the first; the others were looked up once each: one was found, and one had to be sent once more.
    (first,) = await deliveries(made, made.scopes[0])
    assert (first["attempt"], first["resent"]) == (1, False)
    second = {row["channel_id"]: (row["attempt"], row["resent"]) for row in await deliveries(made, made.scopes[1])}
    assert second == {"D1": (1, False), "D2": (2, True)}
    calls = [(method, token) for method, token in slack.requests if method in (POST, LOOK_UP)]
    assert sorted(calls) == sorted(
        [
            (POST, heard.token),
            (POST, deaf.token),
            (POST, deaf.token),
            (LOOK_UP, deaf.token),
            (LOOK_UP, deaf.token),
            (POST, deaf.token),
        ]
    )


async def test_a_worker_frozen_past_its_lease_thaws_into_turns_that_are_no_longer_its_own(crew: Crew) -> None:
    made = crew.made
    made.thinking.clear()
    await crew.traffic.wave()
    zombie, under_way = await crew.freeze_in_a_turn()
    assert under_way >= 1
    await until(lambda: _gone(crew, zombie.name), PATIENCE_S)
    made.thinking.set()
    await made.idle()
    # The answer of the model lies in its socket by now. It may read it, or ask again; it must not write.
    await crew.wake(zombie)
    await crew.traffic.wave()
    await crew.settled()
    assert any(turn["attempts"] > 1 for turn in await turns(made))


async def _gone(crew: Crew, name: str) -> bool:
    return await crew.made.leases(crew.unit(name), "turn") == 0


async def test_a_worker_frozen_before_its_send_starts_none_after_the_deadline(crew: Crew) -> None:
    """Frozen while `sending` was being committed: it wakes up with a send that it may no longer make."""
    made = crew.made
    team, scope = made.teams[0], made.scopes[0]
    async with crew.history.closed(Gate.SEND, scope):
        await crew.traffic.say(team, "D1")
        zombie = crew.unit(await crew.history.at_gate())
        zombie.freeze()
    await until(lambda: _sending(crew), PATIENCE_S)
    assert made.slack.posts == []
    # Its lease may well be its own still: only the deadline keeps it from sending.
    await until(lambda: _window_over(crew), PATIENCE_S)
    zombie.thaw()
    await crew.settled()
    (only,) = await deliveries(made, scope)
    asked = [method for method, _ in made.slack.requests if method in (POST, LOOK_UP)]
    # The first attempt wrote nothing. Whoever was about to write knows that, and says so; if it had not come that far, nobody
    # knows, and Slack is asked before it is sent once more.
    assert only["attempt"] == 2
    assert asked == ([LOOK_UP, POST] if only["resent"] else [POST])


async def _sending(crew: Crew) -> bool:
    return [row["state"] for row in await deliveries(crew.made, crew.made.scopes[0])] == ["sending"]


async def _window_over(crew: Crew) -> bool:
    scope = crew.made.scopes[0]
    async with crew.made.db.tenant(scope) as session:
        return not await session.fetchval(
            "SELECT EXISTS (SELECT 1 FROM deliveries WHERE tenant_id = $1 AND sending_until > now())", scope.tenant_id
        )
