"""The manifest, the scopes that are asked for and what the code calls and parses are one and the same."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]  # its stubs are not among what we install
from typer.testing import CliRunner

from konstruct.channels.slack import events, installing, manifest
from konstruct.channels.slack.adapter import SlackAdapter
from konstruct.cli.channel import app as channel_commands
from konstruct.kit.settings import load_settings

_FOLDER = Path(manifest.__file__).parent
_CALL = re.compile(r"\bweb\.(?!api_call)(\w+)\(|api_call\(\s*\"([\w.]+)\"")
_BASE = "https://desk.example.com"


def _called() -> dict[str, str]:
    """Every method of Slack's that the adapter calls, and in which file."""
    found = {}
    for file in sorted(_FOLDER.glob("*.py")):
        for by_name, by_text in _CALL.findall(file.read_text()):
            found[by_text or by_name.replace("_", ".")] = file.name
    return found


def test_every_method_that_is_called_has_its_scope_and_no_scope_is_for_nothing() -> None:
    called = _called()
    assert {"chat.postMessage", "oauth.v2.access", "auth.revoke", "assistant.threads.setStatus"} <= called.keys()
    covered = {method for need in manifest.NEEDS.values() for method in need.methods}
    assert {name: file for name, file in called.items() if name not in covered | manifest.FREE_METHODS} == {}
    for scope, need in manifest.NEEDS.items():
        assert need.methods or need.events or need.feature, f"nothing needs {scope}"
        assert need.purpose.startswith("to "), "it ends the sentence: Slack did not allow it …"
        assert set(need.events) <= set(manifest.BOT_EVENTS), scope
        assert not need.feature or need.feature in manifest.manifest(_BASE)["features"], scope


def test_no_method_that_an_organisation_must_name_its_workspace_for_is_called_without_it() -> None:
    """An organisation's token acts in many workspaces. None of ours is asked in which: a channel or a person says it."""
    assert manifest.TEAM_METHODS & _called().keys() == set()


def test_every_event_that_is_parsed_is_subscribed_and_its_scope_is_asked_for() -> None:
    source = (_FOLDER / "events.py").read_text()
    known = set(re.findall(r"\"((?:app|member|message|tokens)_[a-z_]+)\"", source)) | {"message"}
    subscribed = {name.partition(".")[0] for name in manifest.BOT_EVENTS}
    payloads = {"message_changed", "message_deleted", "message_replied", "message_ts", "app_id", "app_context"}
    assert known - payloads <= subscribed, "subscribe them, or say that these are no events"
    assert {"message", "app_mention", "message_metadata_posted"} <= known
    needed = {event for need in manifest.NEEDS.values() for event in need.events}
    free = {"app_home_opened", "app_uninstalled", "tokens_revoked"}
    assert set(manifest.BOT_EVENTS) == needed | free
    subscription = manifest.manifest(_BASE)["settings"]["event_subscriptions"]
    assert subscription["metadata_subscriptions"] == [{"app_id": "*", "event_type": events.DELIVERY_EVENT}]


def test_consent_asks_for_the_scopes_of_the_manifest() -> None:
    settings = load_settings(slack_client_id="1.2", slack_client_secret="x", slack_api_url="https://slack.com/api/")
    adapter = SlackAdapter(settings)
    url = adapter.consent_url("s t&te", f"{_BASE}/oauth/slack/callback")
    assert url.startswith("https://slack.com/oauth/v2/authorize?client_id=1.2&scope=app_mentions%3Aread%2C")
    assert url.endswith("&state=s+t%26te&redirect_uri=https%3A%2F%2Fdesk.example.com%2Foauth%2Fslack%2Fcallback")
    assert list(adapter.scopes) == manifest.manifest(_BASE)["oauth_config"]["scopes"]["bot"]
    assert adapter.can_install and not SlackAdapter(load_settings(slack_client_id="1.2")).can_install
    for api, page in (
        ("https://slack.com/api/", "https://slack.com/oauth/v2/authorize"),
        ("https://slack.com/api", "https://slack.com/oauth/v2/authorize"),
        ("http://127.0.0.1:8400/sandbox/slack/api/", "http://127.0.0.1:8400/sandbox/slack/oauth/v2/authorize"),
        ("http://127.0.0.1:4003/", "http://127.0.0.1:4003/oauth/v2/authorize"),
    ):
        assert installing.authorize_url(api) == page


@pytest.mark.parametrize("own_token", [False, True])
def test_the_command_prints_it_in_both_forms(own_token: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KONSTRUCT_PUBLIC_URL", _BASE + "/")
    more = ["--own-token"] if own_token else []
    runner = CliRunner()
    printed = runner.invoke(channel_commands, ["manifest", "slack", *more, "--name", "Ada: “the” #1"])
    asked = runner.invoke(channel_commands, ["manifest", "slack", *more, "--name", "Ada: “the” #1", "--json"])
    assert printed.exit_code == asked.exit_code == 0
    found = json.loads(asked.output)
    assert yaml.safe_load(printed.output) == found == manifest.manifest(_BASE, name="Ada: “the” #1", by_click=not own_token)
    settings = found["settings"]
    assert settings["event_subscriptions"]["request_url"] == f"{_BASE}/webhooks/slack/events"
    assert settings["interactivity"] == {"is_enabled": True, "request_url": f"{_BASE}/webhooks/slack/interactivity"}
    assert found["features"]["slash_commands"][0]["url"] == f"{_BASE}/webhooks/slack/commands"
    # A token that is entered by hand cannot be renewed, so it must not expire.
    assert settings["token_rotation_enabled"] is settings["org_deploy_enabled"] is not own_token
    assert ("redirect_urls" in found["oauth_config"]) is not own_token
    assert len(found["features"]["agent_view"]["agent_description"]) <= 300
    assert len(found["features"]["agent_view"]["suggested_prompts"]) <= 4
    refused = runner.invoke(channel_commands, ["manifest", "slack", "--name", "x" * 36])
    assert refused.exit_code == 1 and "--name is wrong" in str(refused.exception)


GRANTS: tuple[dict[str, Any], ...] = (
    {},
    {"token_type": "user"},
    {"access_token": "x", "team": {"id": "T1"}},
    {"access_token": "", "team": {"id": "T1"}, "bot_user_id": "U1"},
    {"access_token": "x y\n", "team": {"id": "T1"}, "bot_user_id": "U1"},
    {"access_token": "x" * 1001, "team": {"id": "T1"}, "bot_user_id": "U1"},
    {"access_token": 7, "team": {"id": "T1"}, "bot_user_id": "U1"},
    {"access_token": "x", "team": None, "enterprise": {"id": "E1"}, "bot_user_id": "U1"},
    {"access_token": "x", "team": {"id": "T1"}, "is_enterprise_install": True, "bot_user_id": "U1"},
    {"access_token": "x", "team": {"id": "T/1"}, "bot_user_id": "U1"},
    {"access_token": "x", "team": "T1", "bot_user_id": "U1"},
    {"access_token": "x", "team": {"id": "T1", "name": 7}, "bot_user_id": "U1"},
    {"access_token": "x", "team": {"id": "T1"}, "bot_user_id": "U1", "scope": ["chat:write"]},
    {"access_token": "x", "team": {"id": "T1"}, "bot_user_id": "U1", "expires_in": "soon"},
    {"access_token": "x", "team": {"id": "T1"}, "bot_user_id": "U1", "expires_in": -1},
    {"access_token": "x", "team": {"id": "T1"}, "bot_user_id": "U1", "expires_in": True},
    {"access_token": "x", "team": {"id": "T1"}, "bot_user_id": "U1", "refresh_token": 7},
)


def test_an_answer_that_is_not_in_slacks_form_is_refused_without_its_content() -> None:
    for answer in GRANTS:
        with pytest.raises(ValueError) as refused:
            installing.granted(answer)
        assert not re.search(r"T1|U1|E1|soon", str(refused.value)), answer
    least = installing.granted(
        {"access_token": "xoxb-1", "team": {"id": "T1"}, "bot_user_id": "U1", "scope": "chat:write, im:history"}
    )
    assert (least.account_key, least.app_id, least.refresh_token, least.expires_in_s) == ("T1", None, None, None)
    assert least.scopes == frozenset(("chat:write", "im:history")) and "xoxb-1" not in repr(least)
