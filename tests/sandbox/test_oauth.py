"""The install by OAuth: what the consent page and oauth.v2.access give, and what they refuse."""

from __future__ import annotations

from typing import Any

import pytest

from konstruct.local.sandbox.slack.application import CLIENT_ID, CLIENT_SECRET
from konstruct.local.sandbox.slack.limits import Rate
from konstruct.local.sandbox.unconnected import HARBOR, LARKSPUR, LARKSPUR_HOTELS
from tests.sandbox.installing import SCOPES, Installer
from tests.sandbox.support import Listener, Sandbox

MAYA, BEN = (person.user_id for person in HARBOR.people)
NOOR, PIET = (person.user_id for person in LARKSPUR_HOTELS.people)
BOOKS, HOTELS, ORGANISATION = HARBOR.workspace.team_id, LARKSPUR_HOTELS.workspace.team_id, LARKSPUR.enterprise_id


@pytest.fixture
def rates() -> dict[str, Rate]:
    """No limits here: they have a file of their own."""
    return {}


@pytest.fixture
def installer(sandbox: Sandbox, listener: Listener) -> Installer:
    return Installer.of(sandbox, listener)


async def test_the_page_asks_only_for_what_is_right(installer: Installer) -> None:
    status, text = await installer.page()
    assert status == 200 and "Harbor Books" in text and "Larkspur Group" in text
    status, text = await installer.page(team=BOOKS)
    assert status == 200 and "Answer, and show that it is working" in text and "Larkspur Group" not in text
    proposed = (await installer.page(team=HOTELS))[1]
    assert "Larkspur Hotels" in proposed and "Harbor Books" not in proposed
    wrong: dict[str, dict[str, str]] = {
        "invalid_client_id": {"client_id": "1.2"},
        "bad_redirect_uri": {"redirect_uri": "https://elsewhere.example/oauth/slack/callback"},
        "invalid_scope": {"scope": "chat:write,chat:everything"},
        "no_scopes": {"scope": ""},
        "invalid_team_for_app": {"team": "T0NOTHERE01"},
    }
    for code, change in wrong.items():
        status, text = await installer.page(**change)
        assert (status, f"<code>{code}</code>" in text) == (400, True), code
        assert installer.callback not in text, code


async def test_a_decision_leads_back_to_the_app(installer: Installer) -> None:
    assert await installer.decide(BOOKS, MAYA, "cancel", state="s7") == (
        installer.callback,
        {"error": "access_denied", "state": "s7"},
    )
    target, back = await installer.decide(BOOKS, MAYA, state="s8")
    assert target == installer.callback and set(back) == {"code", "state"} and back["state"] == "s8"
    refused = {
        (BOOKS, BEN): "app_approval_required",
        (BOOKS, NOOR): "invalid_team_for_app",
        (ORGANISATION, PIET): "app_approval_required",
        ("T0NOTHERE01", MAYA): "invalid_team_for_app",
    }
    for (place, user), code in refused.items():
        text, none = await installer.decide(place, user)
        assert text.startswith("400") and code in text and none == {}, (place, user)
    foreign = {"Sec-Fetch-Site": "cross-site"}
    url = f"{installer.sandbox.url}/sandbox/slack/oauth/v2/authorize"
    async with installer.sandbox.http.post(url, params=installer.query(), headers=foreign, allow_redirects=False) as response:
        assert response.status == 403


async def test_a_code_becomes_a_workspaces_tokens(installer: Installer, sandbox: Sandbox) -> None:
    answer = await installer.install(BOOKS, MAYA)
    token, refresh = answer.pop("access_token"), answer.pop("refresh_token")
    assert token.startswith("xoxe.xoxb-1-") and refresh.startswith("xoxe-1-")
    assert answer == {
        "ok": True,
        "app_id": "A0KONSTRUCT",
        "token_type": "bot",
        "scope": SCOPES,
        "bot_user_id": HARBOR.workspace.bot_user_id,
        "team": {"id": BOOKS, "name": "Harbor Books"},
        "enterprise": None,
        "is_enterprise_install": False,
        "authed_user": {"id": MAYA},
        "expires_in": 43_200,
    }
    who = await sandbox.api("auth.test", token=token)
    assert (who["team_id"], who["user_id"], who["is_enterprise_install"]) == (BOOKS, HARBOR.workspace.bot_user_id, False)
    assert 43_100 < who["expires_in"] <= 43_200
    assert (await sandbox.api("chat.postMessage", token=token, channel="C0HARBSHOP1", text="hello"))["ok"] is True
    again = await installer.install(BOOKS, MAYA)
    assert again["bot_user_id"] == HARBOR.workspace.bot_user_id and again["access_token"] != token


async def test_a_grid_installs_one_workspace_or_all(installer: Installer, sandbox: Sandbox) -> None:
    one = await installer.install(HOTELS, PIET)
    assert (one["team"]["id"], one["enterprise"]["id"], one["is_enterprise_install"]) == (HOTELS, ORGANISATION, False)
    whole = await installer.install(ORGANISATION, NOOR)
    assert (whole["team"], whole["is_enterprise_install"]) == (None, True)
    assert whole["enterprise"] == {"id": ORGANISATION, "name": "Larkspur Group"}
    assert whole["bot_user_id"] == LARKSPUR.bot_user_id and one["bot_user_id"] == LARKSPUR_HOTELS.workspace.bot_user_id
    token = whole["access_token"]
    who = await sandbox.api("auth.test", token=token)
    assert (who["team_id"], who["enterprise_id"], who["user_id"]) == (ORGANISATION, ORGANISATION, LARKSPUR.bot_user_id)
    assert who["is_enterprise_install"] is True
    posted = await sandbox.api("chat.postMessage", token=token, channel="C0LARKFAIR1", text="from the organisation")
    assert (posted["message"]["team"], posted["message"]["user"]) == ("T0LARKEVENT", LARKSPUR.bot_user_id)
    answers: dict[str, dict[str, Any]] = {
        "missing_argument": {"users": NOOR},
        "team_not_found": {"users": NOOR, "team_id": BOOKS},
        "user_not_found": {"users": "W0LARKISLA1", "team_id": HOTELS},
    }
    for error, values in answers.items():
        assert (await sandbox.api("conversations.open", token=token, **values)).get("error") == error, error
    opened = await sandbox.api("conversations.open", token=token, users=NOOR, team_id=HOTELS)
    assert opened["channel"]["id"] == "DHLARKNOOR1"
    other = await sandbox.api("chat.postMessage", token=token, channel="C0HARBSHOP1", text="not ours")
    assert other["error"] == "channel_not_found"


async def test_the_exchange_is_strict(installer: Installer) -> None:
    _, back = await installer.decide(BOOKS, MAYA)
    code, callback = back["code"], installer.callback
    _, old = await installer.decide(BOOKS, MAYA, flow="authorize")
    _, bare = await installer.decide(BOOKS, MAYA, redirect_uri="")
    secret: dict[str, Any] = {"auth": None}
    refused: list[tuple[str, dict[str, Any]]] = [
        ("invalid_client_id", {**secret, "code": code, "redirect_uri": callback}),
        ("invalid_client_id", {"auth": ("1.2", CLIENT_SECRET), "code": code, "redirect_uri": callback}),
        ("bad_client_secret", {"auth": (CLIENT_ID, "wrong"), "code": code, "redirect_uri": callback}),
        ("bad_client_secret", {**secret, "client_id": CLIENT_ID, "client_secret": "", "code": code, "redirect_uri": callback}),
        ("invalid_code", {"redirect_uri": callback}),
        ("invalid_code", {"code": "1.2.3", "redirect_uri": callback}),
        ("bad_redirect_uri", {"code": code, "redirect_uri": callback + "/"}),
        ("bad_redirect_uri", {"code": code}),
        ("bad_redirect_uri", {"code": bare["code"], "redirect_uri": callback}),
        ("oauth_authorization_url_mismatch", {"code": old["code"], "redirect_uri": callback}),
        ("invalid_grant_type", {"code": code, "redirect_uri": callback, "grant_type": "password"}),
        ("invalid_refresh_token", {"grant_type": "refresh_token"}),
    ]
    for error, form in refused:
        assert await installer.access(**form) == {"ok": False, "error": error}, (error, form)
    # None of them used the code up; the body may carry the credentials as well.
    whole = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "code": code, "redirect_uri": callback}
    assert (await installer.access(**{**secret, **whole}))["ok"] is True
    assert (await installer.access(code=code, redirect_uri=callback))["error"] == "code_already_used"
    assert (await installer.access(code=bare["code"]))["ok"] is True
    _, late = await installer.decide(BOOKS, MAYA)
    await installer.control("clock", seconds=601)
    assert (await installer.access(code=late["code"], redirect_uri=callback))["error"] == "invalid_code"


async def test_scopes_are_what_was_granted(installer: Installer, sandbox: Sandbox) -> None:
    token = (await installer.install(BOOKS, MAYA, scope="chat:write,users:read"))["access_token"]
    assert (await sandbox.api("users.info", token=token, user=BEN))["ok"] is True
    refused = await sandbox.api("conversations.info", token=token, channel="C0HARBSHOP1")
    assert (refused["error"], refused["provided"]) == ("missing_scope", "chat:write,users:read")
    assert "channels:read" in refused["needed"]
