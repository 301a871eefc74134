"""The employee's page: who it is, for each person what they may do, and its buttons."""

from __future__ import annotations

import json
from typing import Any

from konstruct.channels.port_abilities import Home, Section
from konstruct.channels.port_events import Opened
from konstruct.channels.slack import home
from konstruct.kit.ids import uuid7
from tests.desk.test_commands import link, notices
from tests.support.desk import handle, press, words
from tests.support.fake_interactive import pressables
from tests.support.house import House
from tests.support.slack_events import Team, message


async def open_home(house: House, team: Team, user: str) -> None:
    """Let a person open the page, as the event of it asks."""
    event = Opened(
        account_key=team.team_id, app_id=team.app_id, event_key=f"k{uuid7()}", person_id=user, channel_id=None, place="home"
    )
    await house.app.state.deps.events.accept("slack", [event], b"{}")
    assert await handle(house) == 1


async def test_each_person_sees_what_they_may_do(still: House) -> None:
    team, scope = still.teams[0], still.scopes[0]
    homes = still.slack.interactive.homes
    await link(still, scope, "admin", "UADMIN")
    await link(still, scope, "viewer", "UVIEWER")
    for user, buttons in (
        ("U1", {"Ask for a human"}),
        ("UVIEWER", {"Ask for a human"}),
        ("UADMIN", {"Ask for a human", "Pause me"}),
    ):
        await open_home(still, team, user)
        assert set(pressables(homes[(team.team_id, user)]["blocks"])) == buttons, user
    view = homes[(team.team_id, "UADMIN")]
    assert "What I can do" in words(view) and "Maria admin (admin)" in words(view)
    pause = pressables(view["blocks"])["Pause me"]

    # The button of an admin, pressed by others, and by somebody of another workspace.
    await press(still, team, "UVIEWER", pause)
    assert "You may not decide this" in words(homes[(team.team_id, "UVIEWER")])
    await press(still, still.teams[1], "UADMIN", pause)
    assert "mean nothing here" in words(homes[(still.teams[1].team_id, "UADMIN")])
    await press(still, team, "UADMIN", pause)
    view = homes[(team.team_id, "UADMIN")]
    assert "is paused: what people ask is kept" in words(view) and "Resume me" in pressables(view["blocks"])
    await open_home(still, team, "U1")
    assert "I was paused by Maria admin" in words(homes[(team.team_id, "U1")])
    await press(still, team, "UADMIN", pressables(view["blocks"])["Resume me"])
    assert "answers again" in words(homes[(team.team_id, "UADMIN")])


async def test_a_human_can_be_asked_for_on_the_page(still: House) -> None:
    team, scope = still.teams[0], still.scopes[0]
    homes = still.slack.interactive.homes
    await open_home(still, team, "U1")
    human = pressables(homes[(team.team_id, "U1")]["blocks"])["Ask for a human"]
    await press(still, team, "U1", human)
    assert "no conversation here yet" in words(homes[(team.team_id, "U1")])
    await still.deliver(message(team, "D1", "U1", "hello"))
    await press(still, team, "U2", human)
    assert "You may not decide this" in words(homes[(team.team_id, "U2")])
    await press(still, team, "U1", pressables(homes[(team.team_id, "U1")]["blocks"])["Ask for a human"])
    assert "asked a human colleague" in words(homes[(team.team_id, "U1")])
    assert await notices(still, scope) == [("human_wanted", True)]


def test_a_page_is_within_slacks_limits_and_mentions_nobody() -> None:
    texts = [
        "<!channel> & <@U1> @here",
        "&" * 3100,
        "x" * 2998 + "&&&&",
        "",
        " \n",
        "é" * 5000,
        "\u202e<https://evil.example|bank>",
    ]
    view: dict[str, Any] = home.view(Home("<!here> " * 60, tuple(Section(text, text) for text in texts * 20)))
    assert len(view["blocks"]) == 100
    for block in view["blocks"]:
        if block["type"] == "section":
            text = block["text"]["text"]
            assert 1 <= len(text) <= 3000 and "<" not in text and not text.removesuffix("…").endswith(("&", "&a", "&am", "&amp"))
        elif block["type"] == "header":
            assert 1 <= len(block["text"]["text"]) <= 150
    json.dumps(view)
