"""What surrounds an answer: the sign of work, the title of a thread, and questions to begin with."""

from __future__ import annotations

import pytest

from konstruct.agents.offering import Offering, suggestions
from konstruct.channels import work_sign
from konstruct.channels.events_handling import Received
from konstruct.channels.port_events import Opened
from konstruct.channels.slack.adapter import SlackAdapter
from konstruct.channels.suggesting import OpenedPlaces, Suggestions
from konstruct.memory.documents import Documents
from tests.streaming.scene import START, Scene
from tests.streaming.test_faults import set_status, take_over
from tests.support.house import until
from tests.support.inbox import add_colleague

STATUS = "assistant.threads.setStatus"


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work_sign, "SHOW_AFTER_S", 0.0)


def _statuses(scene: Scene) -> list[bool]:
    """Whether each call showed the sign, or took it away."""
    return [bool(status["status"]) for status in scene.house.slack.statuses]


async def test_the_sign_is_renewed_until_the_answer_is_seen(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work_sign, "RENEWED_AT", 0.0001)
    monkeypatch.setattr(scene.house.limits, "take", _no_limit)
    await scene.ask()
    async with scene.turn():
        await until(lambda: len(_statuses(scene)) >= 3)
        await scene.streaming("Here it ")
        shown = len(_statuses(scene))
        scene.talker.say("is.")
        scene.talker.end()
    await scene.house.surface.settled()
    assert all(_statuses(scene)) and len(_statuses(scene)) <= shown + 1
    assert all(len(status["loading_messages"]) <= 10 for status in scene.house.slack.statuses)
    await scene.whole("Here it is.")


async def _no_limit(*_names: object, **_more: object) -> float:
    return 0.0


async def test_where_no_answer_takes_the_sign_away_it_is_taken_away(scene: Scene) -> None:
    who = await add_colleague(scene.house.db, scene.scope)
    for moment in ("taken over", "suspended"):
        async with scene.case(moment):
            await set_status(scene, "active")
            await scene.ask()
            async with scene.turn() as task:
                await until(lambda: _statuses(scene) == [True])
                if moment == "taken over":
                    await take_over(scene, who)
                    scene.talker.end()
                else:
                    await set_status(scene, "suspended")
                    task.cancel()
            await scene.house.surface.settled()
            assert _statuses(scene) == [True, False]


async def test_a_thread_is_named_once_after_its_first_question(scene: Scene) -> None:
    asked = await scene.ask("How long is the\nwarranty of a battery? " + "And of everything else? " * 9)
    async with scene.turn():
        scene.talker.end()
    await scene.house.surface.settled()
    (title,) = scene.house.slack.titles
    assert (title["channel_id"], title["thread_ts"]) == ("D1", asked["event"]["ts"])
    assert title["title"].startswith("How long is the warranty of a battery? And") and len(title["title"]) <= 80
    await scene.sent()
    await scene.house.deliver({**asked, "event_id": "EvSecond", "event": {**asked["event"], **_later(asked)}})
    async with scene.turn():
        scene.talker.end()
    await scene.ask("In the open", channel="C1")
    async with scene.turn():
        scene.talker.end()
    await scene.house.surface.settled()
    assert len(scene.house.slack.titles) == 1


def _later(asked: dict[str, dict[str, str]]) -> dict[str, str]:
    ts = asked["event"]["ts"]
    return {"ts": f"{int(ts.split('.')[0])}.999999", "thread_ts": ts, "text": "and then?"}


async def test_whoever_opens_the_messages_is_offered_what_the_employee_knows(scene: Scene) -> None:
    house = scene.house
    await Documents(house.db).add(scope=scene.scope, title="Returns", text="Within 30 days.", source="test")
    adapter = SlackAdapter(house.settings)
    handler = Suggestions(house.db, {"slack": adapter}, house.surface._credentials, house.limits, Offering(house.db).of)
    places = OpenedPlaces({"messages": handler})
    (account,) = await scene.rows("SELECT id FROM channel_accounts WHERE tenant_id = $1")
    for place in ("messages", "home"):
        event = Opened(account_key=scene.team.team_id, app_id="A1", event_key=place, person_id="U1", channel_id="D1", place=place)
        await places(Received(scene.scope, account["id"], event, 1, 0.5))
    await adapter.close()
    (offered,) = house.slack.suggested
    assert offered["team"] == scene.team.team_id and offered["channel_id"] == "D1"
    assert 1 <= len(offered["prompts"]) <= 4 and "Returns" in offered["prompts"][1]["title"]
    assert START not in scene.calls()


def test_no_more_is_offered_than_slack_shows() -> None:
    many = suggestions([f"Document {number} " + "x" * 100 for number in range(9)], hours=True)
    assert len(many) == 4 and all(len(one.title) < 75 for one in many)
    assert next(one.title for one in suggestions([], hours=False)) == "What can you help me with?"
