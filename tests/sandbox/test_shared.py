"""What the app hears from an Enterprise Grid, from a Slack Connect channel, and besides messages."""

from __future__ import annotations

import pytest

from konstruct.local.sandbox.businesses import FERNWOOD
from konstruct.local.sandbox.slack.limits import Rate
from konstruct.local.sandbox.unconnected import HARBOR, LARKSPUR, LARKSPUR_EVENTS, LARKSPUR_HOTELS, SHARED_CHANNEL
from tests.sandbox.installing import Installer
from tests.sandbox.support import ANNA, ANNA_DIRECT, FRONT_DESK, Listener, Sandbox, until

MAYA, NOOR, PIET, ISLA = "U0HARBMAYA1", "W0LARKNOOR1", "W0LARKPIET1", "W0LARKISLA1"
BOOKS, HOTELS, EVENTS = (sample.workspace.team_id for sample in (HARBOR, LARKSPUR_HOTELS, LARKSPUR_EVENTS))
ORGANISATION = LARKSPUR.enterprise_id
OUTSIDE = ("team_id", "context_team_id", "context_enterprise_id", "is_ext_shared_channel")


@pytest.fixture
def rates() -> dict[str, Rate]:
    """No limits here: they have a file of their own."""
    return {}


@pytest.fixture
def installer(sandbox: Sandbox, listener: Listener) -> Installer:
    return Installer.of(sandbox, listener)


async def say(sandbox: Sandbox, team: str, user: str, channel: str, text: str = "hello") -> None:
    words = {"team": team, "user": user, "channel": channel, "text": text}
    async with sandbox.http.post(f"{sandbox.url}/sandbox/messages", json=words) as response:
        assert response.status == 201, await response.text()


async def test_a_grid_is_heard_through_its_installation(installer: Installer, sandbox: Sandbox, listener: Listener) -> None:
    await say(sandbox, EVENTS, ISLA, "C0LARKFAIR1", "nobody hears")
    await installer.install(ORGANISATION, NOOR)
    await say(sandbox, EVENTS, ISLA, "C0LARKFAIR1", f"<@{LARKSPUR.bot_user_id}>")
    (heard,) = await listener.wait(1)
    envelope = heard.envelope
    assert envelope["event"]["user"] == ISLA and envelope["enterprise_id"] == ORGANISATION
    assert tuple(envelope[name] for name in OUTSIDE) == (EVENTS, EVENTS, ORGANISATION, False)
    whole = {"user_id": LARKSPUR.bot_user_id, "is_bot": True, "is_enterprise_install": True}
    assert envelope["authorizations"] == [{"enterprise_id": ORGANISATION, "team_id": None, **whole}]
    # An installation in one workspace goes before that of the organisation.
    await installer.install(HOTELS, PIET)
    await say(sandbox, HOTELS, PIET, "C0LARKDESK1")
    envelope = (await listener.wait(2))[1].envelope
    one = {"user_id": LARKSPUR_HOTELS.workspace.bot_user_id, "is_bot": True, "is_enterprise_install": False}
    assert envelope["authorizations"] == [{"enterprise_id": ORGANISATION, "team_id": HOTELS, **one}]


async def test_a_shared_channel_is_heard_once_from_either_side(
    installer: Installer, sandbox: Sandbox, listener: Listener
) -> None:
    token = (await installer.install(BOOKS, MAYA))["access_token"]
    await say(sandbox, HOTELS, PIET, SHARED_CHANNEL, "from the other side")
    await say(sandbox, BOOKS, MAYA, SHARED_CHANNEL, "from our side")
    by_text = {h.event["text"]: h.envelope for h in await listener.wait(2)}
    theirs, ours = by_text["from the other side"], by_text["from our side"]
    assert tuple(theirs[name] for name in OUTSIDE) == (HOTELS, BOOKS, None, True)
    assert tuple(ours[name] for name in OUTSIDE) == (BOOKS, BOOKS, None, True)
    assert {each["authorizations"][0]["team_id"] for each in (theirs, ours)} == {BOOKS}
    assert (theirs["event"]["team"], theirs["event"]["user_team"], ours["event"]["user_team"]) == (HOTELS, HOTELS, BOOKS)
    people = {
        PIET: (HOTELS, False, "W0LARKPIET1"),
        NOOR: (HOTELS, False, "W0LARKNOOR1"),
        MAYA: (BOOKS, None, None),
    }
    for user, (team, stranger, grid_id) in people.items():
        found = (await sandbox.api("users.info", token=token, user=user))["user"]
        grid = found.get("enterprise_user", {}).get("id")
        assert (found["team_id"], found.get("is_stranger"), grid) == (team, stranger, grid_id), user
    assert (await sandbox.api("users.info", token=token, user=ISLA))["error"] == "user_not_found"
    assert (await sandbox.api("users.info", token=token, user=ANNA))["error"] == "user_not_found"
    posted = (await sandbox.api("chat.postMessage", token=token, channel=SHARED_CHANNEL, text="answer"))["ts"]
    info = (await sandbox.api("conversations.info", token=token, channel=SHARED_CHANNEL))["channel"]
    assert (info["is_ext_shared"], info["context_team_id"], set(info["shared_team_ids"])) == (True, BOOKS, {BOOKS, HOTELS})
    # The other side may install the app too: its own employee is no member yet, and never the author of ours.
    other = (await installer.install(HOTELS, PIET))["access_token"]
    assert (await sandbox.api("chat.update", token=other, channel=SHARED_CHANNEL, ts=posted, text="x"))[
        "error"
    ] == "not_in_channel"
    sandbox.store.workspaces.set_member(HOTELS, SHARED_CHANNEL, True)
    refused = await sandbox.api("chat.update", token=other, channel=SHARED_CHANNEL, ts=posted, text="x")
    assert refused["error"] == "cant_update_message"
    thread = await sandbox.api("conversations.history", token=other, channel=SHARED_CHANNEL)
    assert (thread["messages"][0]["bot_id"], thread["messages"][0]["team"]) == (HARBOR.workspace.bot_id, BOOKS)


async def test_what_a_person_looks_at_is_heard(installer: Installer, listener: Listener) -> None:
    team = FERNWOOD.workspace.team_id
    await installer.control("look", team=team, user=ANNA, viewed=FRONT_DESK)
    await installer.control("look", team=team, user=ANNA)
    heard = {len(h.event["context"]): h.event for h in await listener.wait(2)}
    entity = {"type": "slack#/types/channel_id", "value": FRONT_DESK, "team_id": team}
    assert heard[1]["context"] == {"entities": [entity]} and heard[0]["context"] == {}
    assert {(e["type"], e["user"], e["channel"]) for e in heard.values()} == {("app_context_changed", ANNA, ANNA_DIRECT)}


async def test_an_app_can_refuse_retries(sandbox: Sandbox, listener: Listener) -> None:
    listener.answers, listener.answer_headers = [500], {"X-Slack-No-Retry": "1"}
    await sandbox.say("once", ANNA_DIRECT)
    await until(lambda: bool(sandbox.store.outbox.untaken_threads(ANNA_DIRECT)))
    await sandbox.say("and then", ANNA_DIRECT)
    assert [h.event["text"] for h in await listener.wait(2)] == ["once", "and then"]
    await until(lambda: not sandbox.store.outbox.pending())


async def test_events_come_again_on_request(installer: Installer, sandbox: Sandbox, listener: Listener) -> None:
    for text in ("one", "two", "three"):
        await sandbox.say(text, ANNA_DIRECT)
    await listener.wait(3)
    await installer.control("repeat", count=2, shuffled=True)
    again = (await listener.wait(5))[3:]
    assert {h.event["text"] for h in again} == {"two", "three"}
    assert [h.headers["x-slack-retry-num"] for h in again] == ["1", "1"]
    assert {h.body for h in again} <= {h.body for h in listener.heard[:3]}
    await installer.control("app-rate-limited", place=FERNWOOD.workspace.team_id)
    notice = (await listener.wait(6))[5].envelope
    assert (notice["type"], notice["team_id"], notice["minute_rate_limited"] % 60) == ("app_rate_limited", "T0FERNWOOD1", 0)


async def test_a_new_start_leaves_the_sample_businesses(installer: Installer, sandbox: Sandbox) -> None:
    books = (await installer.install(BOOKS, MAYA))["access_token"]
    await sandbox.api("chat.postMessage", token=books, channel=SHARED_CHANNEL, text="hello")
    await installer.control("uninstall", place=FERNWOOD.workspace.team_id)
    await installer.control("clock", seconds=1000)
    await installer.control("switches", streams=False)
    assert (await sandbox.api("auth.test"))["error"] == "account_inactive"
    sandbox.store.deliver_mail("a@example.org", "Hello", "text")
    await installer.control("forget")
    assert (await sandbox.api("auth.test"))["ok"] is True
    assert (await sandbox.api("auth.test", token=books))["error"] == "invalid_auth"
    assert sandbox.store.control.offset_s() == 0 and sandbox.store.control.switches().streams is True
    assert sandbox.store.messages.roots(SHARED_CHANNEL, 5) == [] and len(sandbox.store.records.mails()) == 1
    assert {standing.team_id for standing in sandbox.store.installations.all()} == {"T0FERNWOOD1", "T0MARLOWC01"}
