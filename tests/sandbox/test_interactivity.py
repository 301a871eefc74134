"""Buttons, dialogs, commands and response addresses: what the app hears, and what it may answer."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio

from konstruct.local.sandbox.businesses import FERNWOOD, MARLOW
from konstruct.local.sandbox.sender import sign
from tests.sandbox.kit import CHOICE, FILLED, FORM, actions, button, feedback, field, modal, mrkdwn, option, plain, press
from tests.sandbox.support import (
    ANNA,
    ANNA_DIRECT,
    FRONT_DESK,
    SECRET,
    TOM,
    Heard,
    Listener,
    Sandbox,
    open_listener,
    open_sandbox,
    until,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")
TEAM = FERNWOOD.workspace.team_id


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared() -> AsyncIterator[Listener]:
    async with open_listener() as opened:
        yield opened


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def sandbox(shared: Listener, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Sandbox]:
    """One sandbox for this file, without rate limits."""
    async with open_sandbox(tmp_path_factory.mktemp("acts") / "sandbox.db", shared.url, rates={}) as opened:
        yield opened


@pytest.fixture
def app(shared: Listener) -> Listener:
    """The app, which has not heard of anything yet."""
    shared.pressed.clear()
    shared.replies.clear()
    return shared


async def post(sandbox: Sandbox, *blocks: dict[str, Any], **more: Any) -> str:
    answer = await sandbox.api("chat.postMessage", **{"channel": FRONT_DESK, "text": "t", "blocks": list(blocks), **more})
    assert answer["ok"], answer
    return str(answer["ts"])


async def pressed(sandbox: Sandbox, app: Listener, ts: str, what: str, **more: Any) -> Heard:
    status, answer = await sandbox.act("/act", channel=FRONT_DESK, ts=ts, press=what, **more)
    assert status == 200, answer
    return app.pressed[-1]


async def write(sandbox: Sandbox, url: str, body: Any) -> tuple[int, Any]:
    async with sandbox.http.post(url, json=body) as response:
        return response.status, (await response.json()).get("error")


async def test_a_button_reaches_the_app_signed_and_in_slacks_shape(sandbox: Sandbox, app: Listener) -> None:
    root = await sandbox.say("Do it?", FRONT_DESK)
    ts = await post(sandbox, actions(button("yes", "a.1", style="primary"), button("no", "a.2")), thread_ts=root)
    heard = await pressed(sandbox, app, ts, press("acts", "yes", "a.1"))
    timestamp = heard.headers["x-slack-request-timestamp"]
    assert heard.headers["x-slack-signature"] == sign(SECRET, timestamp, heard.body)
    assert heard.headers["content-type"] == "application/x-www-form-urlencoded" and "x-slack-retry-num" not in heard.headers
    payload = heard.payload
    (action,) = payload["actions"]
    assert {name: action[name] for name in ("action_id", "block_id", "type", "value", "style")} == {
        "action_id": "yes",
        "block_id": "acts",
        "type": "button",
        "value": "a.1",
        "style": "primary",
    }
    assert payload["type"] == "block_actions" and payload["user"]["id"] == ANNA and payload["team"]["id"] == TEAM
    container = {"type": "message", "message_ts": ts, "channel_id": FRONT_DESK, "is_ephemeral": False, "thread_ts": root}
    assert payload["container"] == container and payload["channel"] == {"id": FRONT_DESK, "name": "front-desk"}
    assert payload["message"]["ts"] == ts and payload["message"]["blocks"][0]["block_id"] == "acts"
    assert payload["api_app_id"] == FERNWOOD.workspace.app_id and payload["is_enterprise_install"] is False
    assert payload["response_url"].startswith(sandbox.url) and payload["trigger_id"].count(".") == 2


async def test_thumbs_choices_and_accessories(sandbox: Sandbox, app: Listener) -> None:
    rows: dict[str, tuple[str, dict[str, Any]]] = {
        "static_select": ("red", {"selected_option": option("red")}),
        "radio_buttons": ("blue", {"selected_option": option("blue")}),
        "checkboxes": ("blue", {"selected_options": [option("blue")]}),
        "overflow": ("red", {"selected_option": option("red")}),
    }
    for kind, (value, expected) in rows.items():
        element = {"type": kind, "action_id": "e", "options": [option("red"), option("blue")]}
        ts = await post(sandbox, {"type": "section", "block_id": "s", "text": mrkdwn("Which?"), "accessory": element})
        what = press("s", "e")
        (action,) = (await pressed(sandbox, app, ts, what, **{"choice" + what: value})).payload["actions"]
        assert action["type"] == kind and expected.items() <= action.items()
    ts = await post(sandbox, {"type": "markdown", "text": "So."}, feedback())
    (action,) = (await pressed(sandbox, app, ts, press("rating", "rate", "bad.1"))).payload["actions"]
    assert (action["type"], action["value"], action["text"]["text"]) == ("feedback_buttons", "bad.1", "Bad")


async def test_what_cannot_be_pressed(sandbox: Sandbox, app: Listener) -> None:
    ts = await post(sandbox, actions(button("yes", "a.1")), feedback())
    private = await post(sandbox, actions(button("yes", "a.1")), channel=ANNA_DIRECT)
    yes = press("acts", "yes", "a.1")
    asked = [
        ({"press": press("acts", "no", "a.1")}, 404),
        ({"press": press("acts", "yes", "a.2")}, 404),
        ({"press": press("rating", "rate", "a.1")}, 404),
        ({"press": "nonsense"}, 404),
        ({"press": yes, "ts": "1700000000.000001"}, 404),
        ({"press": yes, "user": "U0NOBODY001"}, 404),
        ({"press": yes, "team": MARLOW.workspace.team_id}, 404),
        ({"press": yes, "channel": ANNA_DIRECT, "ts": private, "user": TOM}, 404),
    ]
    for fields, status in asked:
        assert (await sandbox.act("/act", **{"channel": FRONT_DESK, "ts": ts, **fields}))[0] == status, fields
    assert app.pressed == []
    app.replies = [500]
    status, answer = await sandbox.act("/act", channel=FRONT_DESK, ts=ts, press=yes)
    assert (status, answer["detail"], len(app.pressed)) == (409, "the app did not respond", 1)
    other_site = {"Sec-Fetch-Site": "cross-site"}
    async with sandbox.http.post(f"{sandbox.url}/sandbox/act", data={"team": TEAM, "user": ANNA}, headers=other_site) as response:
        assert response.status == 403


async def test_a_response_address_changes_deletes_and_adds(sandbox: Sandbox, app: Listener) -> None:
    ts = await post(sandbox, actions(button("yes")))
    url = (await pressed(sandbox, app, ts, press("acts", "yes", ""))).payload["response_url"]
    assert (await write(sandbox, url, {"replace_original": True, "text": "Decided"}))[0] == 200
    changed = sandbox.store.messages.get(FRONT_DESK, ts)
    assert changed is not None and changed.text == "Decided" and changed.blocks == ()
    assert (await write(sandbox, url, {"text": "between us", "thread_ts": ts}))[0] == 200
    (seen,) = [m for m in sandbox.store.interactions.ephemerals(FRONT_DESK, ANNA) if m.text == "between us"]
    assert seen.thread_ts == ts and sandbox.store.interactions.ephemerals(FRONT_DESK, TOM) == []
    assert (await write(sandbox, url, {"text": "for all", "response_type": "in_channel"}))[0] == 200
    assert sandbox.store.messages.roots(FRONT_DESK, 1)[0].text == "for all"
    assert await write(sandbox, url, {"text": ""}) == (400, "no_text")
    assert (await write(sandbox, url, {"delete_original": True}))[0] == 200
    assert sandbox.store.messages.get(FRONT_DESK, ts) is None
    assert await write(sandbox, url, {"text": "a sixth"}) == (404, "used_url")
    other_team = url.replace(TEAM, MARLOW.workspace.team_id)
    assert await write(sandbox, other_team, {"text": "x"}) == (404, "no_such_url")


async def test_a_response_address_ends_after_half_an_hour(sandbox: Sandbox, app: Listener) -> None:
    ts, before = await post(sandbox, actions(button("yes"))), time.time()
    url = (await pressed(sandbox, app, ts, press("acts", "yes", ""))).payload["response_url"]
    store, secret = sandbox.store.interactions, url.rpartition("/")[2]
    made = store.response_url(secret)
    assert made is not None and before + 1_800 <= made.expires <= time.time() + 1_800
    over = replace(made, secret="over", expires=time.time() - 1)  # opens nothing but the simulation
    store.add_response_url(over, time.time())
    assert await write(sandbox, url.replace(secret, "over"), {"text": "late"}) == (404, "expired_url")


async def test_an_ephemeral_message_is_pressed_replaced_and_dismissed(sandbox: Sandbox, app: Listener) -> None:
    answer = await sandbox.api("chat.postEphemeral", channel=FRONT_DESK, user=TOM, text="psst", blocks=[actions(button("yes"))])
    ts = answer["message_ts"]
    assert (await sandbox.act("/act", channel=FRONT_DESK, ts=ts, press=press("acts", "yes", "")))[0] == 404, "Anna sees it not"
    payload = (await pressed(sandbox, app, ts, press("acts", "yes", ""), user=TOM)).payload
    assert payload["container"]["is_ephemeral"] is True and "message" not in payload
    await write(sandbox, payload["response_url"], {"replace_original": True, "text": "gone soon"})
    (message,) = sandbox.store.interactions.ephemerals(FRONT_DESK, TOM)
    assert (message.text, message.ts) == ("gone soon", ts)
    assert (await sandbox.act("/dismiss", TOM, channel=FRONT_DESK, ts=ts))[0] == 200
    assert sandbox.store.interactions.ephemerals(FRONT_DESK, TOM) == []
    refused = await sandbox.api("chat.postEphemeral", channel=FRONT_DESK, user="U0MARLPRIYA", text="psst")
    assert refused["error"] == "user_not_in_channel"


def trigger(sandbox: Sandbox, user: str = ANNA, lasts_s: float = 60.0, **more: Any) -> str:
    return sandbox.store.interactions.add_trigger(TEAM, user, time.time(), lasts_s, **more).trigger_id


async def test_what_views_refuse(sandbox: Sandbox) -> None:
    used, foreign = trigger(sandbox), trigger(sandbox)
    opened = await sandbox.api("views.open", trigger_id=used, view=modal(external_id="one"))
    view_id = opened["view"]["id"]
    cases: list[tuple[str, dict[str, Any], str]] = [
        ("views.open", {"trigger_id": used, "view": modal()}, "exchanged_trigger_id"),
        ("views.open", {"trigger_id": trigger(sandbox, lasts_s=-1), "view": modal()}, "expired_trigger_id"),
        ("views.open", {"trigger_id": "1.2.ab", "view": modal()}, "invalid_trigger_id"),
        ("views.open", {"trigger_id": "nonsense", "view": modal()}, "invalid_trigger_id"),
        ("views.open", {"view": modal()}, "invalid_arguments"),
        ("views.open", {"trigger_id": trigger(sandbox)}, "invalid_arguments"),
        ("views.open", {"trigger_id": trigger(sandbox), "view": "{"}, "invalid_arguments"),
        ("views.open", {"trigger_id": trigger(sandbox), "view": modal(type="home")}, "invalid_arguments"),
        ("views.open", {"trigger_id": trigger(sandbox), "view": modal(title=plain("x" * 25))}, "invalid_arguments"),
        ("views.open", {"trigger_id": trigger(sandbox), "view": modal(blocks=[])}, "invalid_arguments"),
        ("views.open", {"trigger_id": trigger(sandbox), "view": modal(colour="red")}, "invalid_arguments"),
        ("views.open", {"trigger_id": trigger(sandbox), "view": modal(feedback())}, "invalid_arguments"),
        ("views.open", {"trigger_id": trigger(sandbox), "view": modal(field("a", CHOICE), submit=None)}, "invalid_arguments"),
        ("views.open", {"trigger_id": trigger(sandbox), "view": modal(private_metadata="x" * 3_001)}, "invalid_arguments"),
        ("views.open", {"trigger_id": trigger(sandbox), "view": modal(private_metadata="x" * 260_000)}, "view_too_large"),
        ("views.open", {"trigger_id": trigger(sandbox), "view": modal(external_id="one")}, "duplicate_external_id"),
        ("views.push", {"trigger_id": trigger(sandbox), "view": modal()}, "not_found"),
        ("views.update", {"view_id": "V0", "view": modal()}, "not_found"),
        ("views.update", {"view": modal()}, "invalid_arguments"),
        ("views.update", {"view_id": view_id, "view": modal(), "hash": "1.a"}, "hash_conflict"),
        ("views.publish", {"user_id": ANNA, "view": modal()}, "invalid_arguments"),
        (
            "views.publish",
            {"user_id": "U0MARLPRIYA", "view": {"type": "home", "blocks": [{"type": "divider"}]}},
            "invalid_arguments",
        ),
    ]
    for method, arguments, error in cases:
        answer = await sandbox.api(method, **arguments)
        assert answer.get("error") == error, (method, arguments)
    theirs = await sandbox.api("views.open", MARLOW, trigger_id=foreign, view=modal())
    assert theirs["error"] == "invalid_trigger_id"
    assert (await sandbox.api("views.update", MARLOW, view_id=view_id, view=modal()))["error"] == "not_found"


async def test_views_are_stacked_three_high_and_changed_by_hash(sandbox: Sandbox) -> None:
    view = (await sandbox.api("views.open", trigger_id=trigger(sandbox), view=modal()))["view"]
    first = view["id"]
    for _ in range(2):
        on_top = trigger(sandbox, view_id=view["id"])
        view = (await sandbox.api("views.push", trigger_id=on_top, view=modal()))["view"]
        assert view["root_view_id"] == first and view["previous_view_id"]
    full = await sandbox.api("views.push", trigger_id=trigger(sandbox, view_id=view["id"]), view=modal())
    assert full["error"] == "push_limit_reached"
    changed = await sandbox.api("views.update", view_id=first, hash=None, view=modal(callback_id="new"))
    assert changed["view"]["callback_id"] == "new" and changed["view"]["hash"] != view["hash"]
    shown = sandbox.store.interactions.dialog(TEAM, ANNA)
    assert shown is not None and shown.view_id == view["id"], "a change below does not come to the top"


async def open_form(sandbox: Sandbox, view: dict[str, Any] = FORM) -> str:
    answer = await sandbox.api("views.open", trigger_id=trigger(sandbox), view=view)
    assert answer["ok"], answer
    return str(answer["view"]["id"])


async def test_a_dialog_is_filled_in_and_sent(sandbox: Sandbox, app: Listener) -> None:
    view_id = await open_form(sandbox)
    for filled, faulty in (
        ({}, {"words", "colour", "when"}),
        ({**FILLED, "f0": "x" * 21}, {"words"}),
        ({**FILLED, "f1": "green"}, {"colour"}),
    ):
        assert set((await sandbox.act("/dialog", view=view_id, **filled))[1]["faults"]) == faulty
    assert app.pressed == [], "Slack's own form does not send these"
    app.replies = [{"response_action": "errors", "errors": {"words": "Too rude."}}]
    assert (await sandbox.act("/dialog", view=view_id, **FILLED))[1] == {"faults": {"words": "Too rude."}}
    payload = app.pressed[-1].payload
    assert payload["type"] == "view_submission" and payload["view"]["id"] == view_id and payload["trigger_id"]
    assert payload["view"]["state"]["values"] == {
        "words": {"t": {"type": "plain_text_input", "value": "Hello\nthere"}},
        "colour": {"s": {"type": "static_select", "selected_option": option("blue")}},
        "when": {"r": {"type": "radio_buttons", "selected_option": option("now")}},
        "also": {"c": {"type": "checkboxes", "selected_options": [option("tom")]}},
        "day": {"d": {"type": "datepicker", "selected_date": None}},
    }
    assert await sandbox.act("/dialog", view=view_id, **FILLED) == (200, {})
    assert sandbox.store.interactions.view(TEAM, view_id) is None
    assert (await sandbox.act("/dialog", view=view_id, **FILLED))[0] == 404


async def test_what_a_dialog_does_not_understand(sandbox: Sandbox, app: Listener) -> None:
    view_id = await open_form(sandbox)
    replies: list[Any] = [
        *(500, "no json", [], {"response_action": "dance"}, {"response_action": "errors"}),
        {"response_action": "errors", "errors": {"nowhere": "x"}},
        {"response_action": "update", "view": {"type": "modal"}},
    ]
    for reply in replies:
        app.replies = [reply]
        status, answer = await sandbox.act("/dialog", view=view_id, **FILLED)
        assert (status, answer["detail"]) == (409, "We had some trouble connecting. Try again?"), reply
    assert sandbox.store.interactions.view(TEAM, view_id) is not None


async def test_a_dialog_is_changed_stacked_cleared_and_closed(sandbox: Sandbox, app: Listener) -> None:
    store = sandbox.store.interactions
    view_id = await open_form(sandbox)
    app.replies = [{"response_action": "update", "view": modal(actions(button("more")), callback_id="two")}]
    await sandbox.act("/dialog", view=view_id, **FILLED)
    changed = store.view(TEAM, view_id)
    assert changed is not None and changed.body["callback_id"] == "two"
    await sandbox.act("/act", view=view_id, press=press("acts", "more", ""))
    payload = app.pressed[-1].payload
    assert payload["container"] == {"type": "view", "view_id": view_id} and "response_url" not in payload
    on_top = await sandbox.api("views.push", trigger_id=payload["trigger_id"], view=modal(notify_on_close=True))
    assert await sandbox.act("/dialog/close", view=on_top["view"]["id"]) == (200, {})
    closed = app.pressed[-1].payload
    assert (closed["type"], closed["is_cleared"], closed["view"]["id"]) == ("view_closed", False, on_top["view"]["id"])
    app.replies = [{"response_action": "push", "view": modal(callback_id="three")}, {"response_action": "clear"}]
    await sandbox.act("/dialog", view=view_id)
    third = store.dialog(TEAM, ANNA)
    assert third is not None and third.body["callback_id"] == "three" and third.previous_id == view_id
    await sandbox.act("/dialog", view=third.view_id)
    assert store.dialog(TEAM, ANNA) is None
    silent = await open_form(sandbox)
    heard = len(app.pressed)
    await sandbox.act("/dialog/close", view=silent)
    assert len(app.pressed) == heard and store.view(TEAM, silent) is None
    assert (await sandbox.act("/dialog/close", TOM, view=await open_form(sandbox)))[0] == 404, "another person's dialog"


async def test_a_command(sandbox: Sandbox, app: Listener) -> None:
    words = {"team": TEAM, "user": ANNA, "channel": FRONT_DESK}

    async def typed(text: str, **more: Any) -> tuple[int, Any]:
        async with sandbox.http.post(f"{sandbox.url}/sandbox/messages", json={**words, "text": text, **more}) as response:
            return response.status, (await response.json()).get("detail")

    app.replies = [{"text": "*Help* for you"}, "plain words", {"text": "for all", "response_type": "in_channel"}, ""]
    for text in ("/konstruct help", "/konstruct", "/konstruct  pause  now ", "/konstruct resume"):
        assert await typed(text) == (201, None)
    form = app.pressed[2].form
    assert (form["command"], form["text"], form["user_id"], form["team_id"]) == ("/konstruct", "pause  now", ANNA, TEAM)
    assert (form["channel_id"], form["channel_name"], form["is_enterprise_install"]) == (FRONT_DESK, "front-desk", "false")
    assert form["response_url"].startswith(sandbox.url) and form["trigger_id"] and form["api_app_id"]
    seen = [message.text for message in sandbox.store.interactions.ephemerals(FRONT_DESK, ANNA)]
    assert seen[-2:] == ["*Help* for you", "plain words"]
    assert sandbox.store.messages.roots(FRONT_DESK, 1)[0].text == "for all"
    app.replies = [500, {"text": ""}]
    heard = len(app.pressed)
    assert await typed("/konstruct help") == (409, '/konstruct failed with the error "http_error_500"')
    assert (await typed("/konstruct help"))[0] == 409
    assert (await typed("/remind me"))[1].startswith("/remind is not a valid command")
    assert (await typed("/konstruct help", thread_ts="1.2"))[1] == "/konstruct is not supported in threads"
    assert len(app.pressed) == heard + 2
    assert await typed(" /konstruct is a message") == (201, None)


async def test_blocks_that_slack_refuses(sandbox: Sandbox) -> None:
    confirm = {"title": plain("Sure?"), "text": plain("x"), "confirm": plain("Yes"), "deny": plain("No")}
    section = {"type": "section", "text": mrkdwn("x")}
    bad = [
        actions(),
        actions(*[button(f"b{n}") for n in range(26)]),
        actions(button("a"), button("a")),
        actions(button("a", "x" * 2_001)),
        actions(button("a", style="loud")),
        actions({"type": "button", "text": plain("x" * 76)}),
        actions({"type": "hologram"}),
        actions(button("a", confirm={**confirm, "deny": plain("x" * 31)})),
        actions({**CHOICE, "options": []}),
        actions({**CHOICE, "options": [option("a"), option("a")]}),
        actions({**CHOICE, "initial_option": option("green")}),
        actions({"type": "plain_text_input", "action_id": "t"}),
        {**feedback(), "elements": [{"type": "feedback_buttons", "positive_button": {"text": plain("x")}}]},
        {**section, "accessory": {"type": "feedback_buttons"}},
        {**section, "fields": [mrkdwn("x")] * 11},
        {**section, "block_id": "x" * 256},
        {"type": "image", "image_url": "javascript:1", "alt_text": "x"},
        {"type": "table", "rows": [[{"type": "raw_text", "text": "x"}] * 21]},
        {"type": "table", "rows": [[{"type": "raw_text", "text": "x" * 10_001}]]},
        field("only_in_views", CHOICE),
    ]
    for block in bad:
        answer = await sandbox.api("chat.postMessage", channel=FRONT_DESK, text="x", blocks=[block])
        assert answer.get("error") == "invalid_blocks" and "/blocks/0" in answer["response_metadata"]["messages"][0], block
    twice = [{**section, "block_id": "same"}] * 2
    assert (await sandbox.api("chat.postMessage", channel=FRONT_DESK, text="x", blocks=twice))["error"] == "invalid_blocks"
    table = {"type": "table", "rows": [[{"type": "raw_text", "text": "x"}]]}
    answer = await sandbox.api("chat.postMessage", channel=FRONT_DESK, text="x", blocks=[table, table])
    assert answer["error"] == "only_one_table_allowed"
    good = [actions(button("a", confirm=confirm, url="https://a.b"), CHOICE), feedback(), table, section]
    posted = await sandbox.api("chat.postMessage", channel=FRONT_DESK, text="x", blocks=good)
    assert all(block["block_id"] for block in posted["message"]["blocks"])


async def test_own_messages_are_edited_and_deleted(sandbox: Sandbox, app: Listener) -> None:
    app.heard.clear()
    ts = await sandbox.say("I meen @Robin <b>")
    theirs = await post(sandbox, {"type": "divider"})
    place = {"channel": FRONT_DESK, "ts": ts}
    assert (await sandbox.act("/edit", **place, text="I mean @Robin"))[0] == 200
    changed = sandbox.store.messages.get(FRONT_DESK, ts)
    assert changed is not None and changed.edited and changed.text == f"I mean <@{FERNWOOD.workspace.bot_user_id}>"
    for fields, status in (({"text": " "}, 409), ({"user": TOM, "text": "x"}, 404), ({"ts": theirs, "text": "x"}, 404)):
        assert (await sandbox.act("/edit", **{**place, **fields}))[0] == status
    assert (await sandbox.act("/delete", TOM, **place))[0] == 404
    assert (await sandbox.act("/delete", **place))[0] == 200
    assert sandbox.store.messages.get(FRONT_DESK, ts) is None
    await until(lambda: {"message_changed", "message_deleted"} <= {heard.event.get("subtype") for heard in app.heard})
