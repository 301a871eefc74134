"""Forms: read without ever raising anything but ValueError, routed like events, stored once, acknowledged in time."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from konstruct.channels.port import Ignored
from konstruct.channels.port_events import Commanded, Pressed, Submitted
from konstruct.channels.slack import interactive, reply_urls
from tests.channels.properties import CALM
from tests.conftest import SIGNING_SECRET
from tests.support.desk import COMMANDS, INTERACTIVITY, handle, post_form
from tests.support.hand import rows
from tests.support.house import House
from tests.support.mangled import anything, mangled
from tests.support.slack_events import Team, sign
from tests.support.slack_forms import commanded, encode, pressed, shortcut, submitted

TEAM = Team("T1", "A1", "UBOT", "xoxb-1")
BUTTON = {"type": "button", "action_id": "konstruct_act_0", "block_id": "b", "value": "v"}
POST = {"channel": "C1", "ts": "1790000000.000200", "thread_ts": "1790000000.000100"}
VIEW = {"type": "modal", "callback_id": "konstruct_why", "private_metadata": "m", "blocks": []}


def forms() -> list[dict[str, Any]]:
    """One of each kind."""
    closed = submitted(TEAM, "U1", VIEW, {}) | {"type": "view_closed", "is_cleared": False}
    return [
        pressed(TEAM, "U1", BUTTON, POST),
        pressed(TEAM, "U1", {**BUTTON, "type": "static_select", "value": None, "selected_option": {"value": "o"}}),
        submitted(TEAM, "U1", VIEW, {"why": "because"}),
        shortcut(TEAM, "U1", "konstruct_human", "C1", POST["ts"]),
        shortcut(TEAM, "U1", "x", "C1", POST["ts"]) | {"type": "shortcut", "channel": None, "message": None, "message_ts": None},
        closed,
        pressed(TEAM, "U1", BUTTON, POST) | {"type": "block_suggestion", "value": "x", "action_id": "x", "block_id": "b"},
        commanded(TEAM, "U1", "C1", "help"),
    ]


def events(form: dict[str, Any]) -> list[Any]:
    return list(interactive.parse(encode(form)).inbound)


def test_each_kind_is_read_and_named_for_what_was_done() -> None:
    press, choice, submission, of_message, of_all, closed, suggestion, command = map(events, forms())
    assert [type(each) for each in (*press, *choice, *of_message, *of_all)] == [Pressed] * 4
    assert (press[0].channel_id, press[0].thread_id, press[0].external_id, press[0].value) == (
        "C1",
        POST["thread_ts"],
        POST["ts"],
        "v",
    )
    assert (choice[0].channel_id, choice[0].value, of_all[0].channel_id) == (None, "o", None)
    assert of_message[0].thread_id == POST["ts"], "a message that begins a thread"
    assert isinstance(submission[0], Submitted) and submission[0].values == {"why": "because"}
    assert isinstance(command[0], Commanded) and command[0].text == "help"
    assert isinstance(closed[0], Ignored) and isinstance(suggestion[0], Ignored)
    assert interactive.parse(encode(forms()[6])).body == b'{"options": []}'
    for form in forms():
        again = [getattr(each, "event_key", None) for each in events(form)]
        assert again == [getattr(each, "event_key", None) for each in events(form)], form[
            "command" if "command" in form else "type"
        ]
    first = pressed(TEAM, "U1", BUTTON, POST)
    redelivered, others = {**first, "trigger_id": "9.9.9", "token": "new"}, [
        {**first, "user": {"id": "U2"}},
        {**first, "actions": [{**first["actions"][0], "action_ts": "1790000001.000001"}]},
        {**first, "actions": [{**first["actions"][0], "value": "w"}]},
        {**first, "container": {**first["container"], "message_ts": "1790000000.000201"}},
    ]  # fmt: skip
    assert events(redelivered)[0].event_key == events(first)[0].event_key
    assert len({events(each)[0].event_key for each in [first, *others]}) == 5
    two = {**first, "actions": [*first["actions"], {**first["actions"][0], "action_id": "other"}]}
    assert len({each.event_key for each in events(two)}) == 2
    dialog = submitted(TEAM, "U1", VIEW, {})
    assert events(dialog)[0].event_key == events({**dialog, "trigger_id": "9.9.9"})[0].event_key
    assert events(dialog)[0].event_key != events({**dialog, "view": {**dialog["view"], "hash": "2.b"}})[0].event_key


def test_an_installation_of_all_workspaces_and_the_other_side_of_a_shared_channel() -> None:
    for form in forms():
        if "command" in form:
            wide = {**form, "is_enterprise_install": "true", "enterprise_id": "E1"}
        else:
            wide = {**form, "is_enterprise_install": True, "enterprise": {"id": "E1", "name": "x"}, "team": None}
        for each in events(wide):
            assert isinstance(each, Ignored) or each.account_key == "E1"
    view = submitted(TEAM, "U1", VIEW, {}) | {"team": {"id": "TOTHER"}}
    view["view"]["app_installed_team_id"] = "T1"
    assert events(view)[0].account_key == "T1"
    nameless = {name: value for name, value in commanded(TEAM, "U1", "C1", "help").items() if name != "api_app_id"}
    assert events(nameless)[0].app_id is None, "the signature proves the app"


def test_bad_input_is_a_value_error_without_its_content() -> None:
    """Every value of every kind, missing and odd: read, or refused in words of our own."""
    tried = 0
    for form in forms():
        for bad in mangled(form):
            tried += 1
            if "command" in form:
                body = urlencode({name: str(value) for name, value in bad.items()}, errors="replace").encode()
            else:
                body = urlencode({"payload": json.dumps(bad)}).encode()
            _read(body)
        whole = encode(form)
        for end in range(0, len(whole), 7):
            _read(whole[:end])
        _read(whole + b"&" + whole)
        _read(b"&".join(reversed(whole.split(b"&"))))
    assert tried > 5000
    for body in (
        b"",
        b"payload=",
        b"payload",
        b"%",
        b"payload=%ff%fe",
        b"\xff\xfe",
        b"a=b&" * 200,
        b"payload=" + b"[" * 50_000,
        b"=" * 9,
    ):
        _read(body)


def _read(body: bytes) -> None:
    try:
        read = interactive.parse(body)
    except ValueError as error:
        assert type(error) is ValueError and len(str(error)) < 80 and "canary" not in str(error), body[:80]
        return
    for each in read.inbound:
        if not isinstance(each, Ignored):
            assert isinstance(each, Pressed | Submitted | Commanded)
            assert len(each.event_key) < 200 and each.person_id and each.account_key
            json.dumps(each.event_key).encode()


@CALM
@given(
    anything(),
    st.sampled_from(["block_actions", "view_submission", "message_action", "shortcut", "view_closed", "block_suggestion"]),
)
def test_whatever_a_payload_holds(value: Any, kind: str) -> None:
    whole = {**forms()[0], "type": kind, "view": value, "actions": [value, value], "message": value}
    for payload in (value, whole, {**whole, "container": value}, {**whole, "user": value}):
        _read(urlencode({"payload": json.dumps(payload)}).encode())


async def test_stored_once_before_the_ack_and_counted_where_nobody_is(still: House) -> None:
    team, other = still.teams
    scope = still.scopes[0]
    bodies = [encode(pressed(team, "U1", {**BUTTON, "value": "x"}, POST)), encode(commanded(team, "U1", "D1", "help"))]
    for path, body in zip((INTERACTIVITY, COMMANDS), bodies, strict=True):
        assert [await post_form(still, path, body) for _ in range(3)] == [(200, "")] * 3
        assert [await post_form(still, path, body, sign(body, secret)) for secret in ("other", "")] == [
            (401, "the signature does not fit")
        ] * 2
        assert (await post_form(still, path, body, {}))[0] == 401
    assert len(await rows(still, scope, "SELECT 1 FROM channel_events WHERE tenant_id = $1")) == 2
    assert await rows(still, still.scopes[1], "SELECT 1 FROM channel_events WHERE tenant_id = $1") == []
    assert await handle(still) == 2
    assert [await post_form(still, path, body) for path, body in zip((INTERACTIVITY, COMMANDS), bodies, strict=True)] == [
        (200, "")
    ] * 2
    assert await handle(still) == 0, "known, even after it was handled"

    suggestion = pressed(team, "U1", BUTTON, POST) | {"type": "block_suggestion"}
    assert await post_form(still, INTERACTIVITY, encode(suggestion)) == (200, '{"options": []}')
    stranger = Team(f"TNOBODY{team.team_id}", "A1", "UBOT", "")
    wrong_app = Team(other.team_id, "AOTHER", "UBOT", "")
    for form in (pressed(stranger, "U1", BUTTON, POST), pressed(wrong_app, "U1", BUTTON, POST)):
        assert await post_form(still, INTERACTIVITY, encode(form)) == (200, "")
    counted = await still.db.fleet_fetch(
        "test", "SELECT reason FROM unrouted_events WHERE account_key = ANY($1) ORDER BY 1", [stranger.team_id, other.team_id]
    )
    assert [row["reason"] for row in counted] == ["unknown_account", "wrong_app"]
    assert await handle(still) == 0


async def test_a_check_of_the_certificate_and_what_is_not_a_form(still: House, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in (INTERACTIVITY, COMMANDS):
        assert await post_form(still, path, b"ssl_check=1&token=x", {}) == (200, "")
        assert await post_form(still, f"{path}?ssl_check=1&token=x", b"", {}, "GET") == (200, "")
        assert (await post_form(still, path, b"", {}, "GET"))[0] == 405
        for body in (b"", b"nonsense", b"{}", b"payload=%7B", b"payload=[]", b"\xff", b"payload=%7B%22type%22%3A1%7D"):
            assert (await post_form(still, path, body))[0] == 400, body
        assert (await post_form(still, path, b"payload=" + b"x" * (1 << 20)))[0] == 413
    monkeypatch.setattr(still.app.state.deps.events, "accept", _unavailable)
    body = encode(commanded(still.teams[0], "U1", "D1", "help"))
    assert (await post_form(still, COMMANDS, body, sign(body, SIGNING_SECRET)))[0] == 503


async def _unavailable(*_: object) -> list[str]:
    raise ConnectionError


def test_which_addresses_are_written_to() -> None:
    real, local = "https://slack.com/api/", "http://127.0.0.1:8400/sandbox/slack/api/"
    good = [
        ("https://hooks.slack.com/commands/T1/1/x", real),
        ("https://hooks.slack.com:443/actions/T1/1/x", local),
        ("http://127.0.0.1:8400/sandbox/slack/response/1", local),
        ("https://slack.example:8443/r/1", "https://slack.example:8443/api/"),
    ]
    hooks = "https://hooks.slack.com"
    bad = [
        *(
            (f"http{rest}", real)
            for rest in ("://hooks.slack.com/x", "s://hooks.slack.com.evil.example/x", "s://hooks.slack.com@evil.example/x")
        ),
        *(
            (f"https://{rest}", real)
            for rest in ("evil.example/hooks.slack.com", "a:b@hooks.slack.com/x", "evil.example\\@hooks.slack.com/x")
        ),
        *((hooks + rest, real) for rest in (":8443/x", ":port/x", " /x", "\n/x", ".evil.example/x", "\u00f6/x")),
        *((rest, real) for rest in ("", "hooks.slack.com/x", "//hooks.slack.com/x", "file:///etc/passwd", "https://[::1/x")),
        *((f"http{rest}", local) for rest in ("://127.0.0.1:8401/x", "://localhost:8400/x", "s://127.0.0.1:8400/x")),
        ("http://127.0.0.1:8400/x", real),
        ("http://10.0.0.1/x", "http://10.0.0.1/api/"),
    ]
    assert [url for url, api in good if not reply_urls.allowed(url, api)] == []
    assert [url for url, api in bad if reply_urls.allowed(url, api)] == []
