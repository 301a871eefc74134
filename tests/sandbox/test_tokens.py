"""Tokens that rotate, expire and are taken away."""

from __future__ import annotations

from typing import Any

import pytest

from konstruct.local.sandbox.businesses import FERNWOOD
from konstruct.local.sandbox.slack.limits import Rate
from konstruct.local.sandbox.unconnected import HARBOR, LARKSPUR
from tests.sandbox.installing import Installer
from tests.sandbox.support import ANNA, Listener, Sandbox

MAYA, BOOKS = HARBOR.people[0].user_id, HARBOR.workspace.team_id


@pytest.fixture
def rates() -> dict[str, Rate]:
    """No limits here: they have a file of their own."""
    return {}


@pytest.fixture
def installer(sandbox: Sandbox, listener: Listener) -> Installer:
    return Installer.of(sandbox, listener)


async def state_of(sandbox: Sandbox, token: str) -> str:
    answer = await sandbox.api("auth.test", token=token)
    return "works" if answer["ok"] else str(answer["error"])


async def revoke(sandbox: Sandbox, token: str, **values: Any) -> dict[str, Any]:
    answer = await sandbox.api("auth.revoke", token=token, **values)
    return {name: answer[name] for name in ("ok", "revoked", "error") if name in answer}


async def test_a_refresh_token_works_once_and_two_access_tokens_live(installer: Installer, sandbox: Sandbox) -> None:
    first = await installer.install(BOOKS, MAYA)
    second = await installer.refresh(first["refresh_token"])
    assert second["ok"] and second["expires_in"] == 43_200 and second["team"]["id"] == BOOKS and "authed_user" not in second
    assert await installer.refresh(first["refresh_token"]) == {"ok": False, "error": "invalid_refresh_token"}
    assert await installer.refresh(first["access_token"]) == {"ok": False, "error": "invalid_refresh_token"}
    # The token before lives on; a third pushes the oldest out.
    assert [await state_of(sandbox, each["access_token"]) for each in (first, second)] == ["works", "works"]
    third = await installer.refresh(second["refresh_token"])
    states = [await state_of(sandbox, each["access_token"]) for each in (first, second, third)]
    assert states == ["token_revoked", "works", "works"]
    assert await state_of(sandbox, third["refresh_token"]) == "invalid_auth"
    await installer.control("clock", seconds=43_200)
    assert await state_of(sandbox, third["access_token"]) == "token_expired"
    fourth = await installer.refresh(third["refresh_token"])
    assert await state_of(sandbox, fourth["access_token"]) == "works"


async def test_rotation_can_be_off_and_a_made_token_ends_with_the_first_refresh(installer: Installer, sandbox: Sandbox) -> None:
    await installer.control("switches", rotation=False)
    lasting = await installer.install(BOOKS, MAYA)
    assert lasting["access_token"].startswith("xoxb-") and "refresh_token" not in lasting and "expires_in" not in lasting
    assert (await installer.install(BOOKS, MAYA))["access_token"] == lasting["access_token"]
    await installer.control("clock", seconds=10 * 43_200)
    assert await state_of(sandbox, lasting["access_token"]) == "works"
    await installer.control("switches", rotation=True)
    made = FERNWOOD.workspace.bot_token
    rotating = await installer.install(FERNWOOD.workspace.team_id, ANNA)
    assert await state_of(sandbox, made) == "works"
    await installer.refresh(rotating["refresh_token"])
    assert await state_of(sandbox, made) == "token_revoked"


async def test_revoking_one_token_leaves_a_rotating_install(installer: Installer, sandbox: Sandbox, listener: Listener) -> None:
    installed = await installer.install(BOOKS, MAYA)
    token, refresh = installed["access_token"], installed["refresh_token"]
    assert await revoke(sandbox, token, test=True) == {"ok": True, "revoked": False}
    assert await revoke(sandbox, token) == {"ok": True, "revoked": True}
    assert await revoke(sandbox, token) == {"ok": False, "error": "token_revoked"}
    assert await revoke(sandbox, "xoxb-invented") == {"ok": False, "error": "invalid_auth"}
    renewed = await installer.refresh(refresh)
    assert await revoke(sandbox, renewed["refresh_token"]) == {"ok": True, "revoked": True}
    assert (await installer.refresh(renewed["refresh_token"]))["error"] == "invalid_refresh_token"
    assert await state_of(sandbox, renewed["access_token"]) == "works"
    # The made token of Fernwood stood for the whole authorisation.
    assert await revoke(sandbox, FERNWOOD.workspace.bot_token) == {"ok": True, "revoked": True}
    assert await state_of(sandbox, FERNWOOD.workspace.bot_token) == "account_inactive"
    (heard,) = await listener.wait(1)
    assert heard.event["tokens"] == {"oauth": [], "bot": [FERNWOOD.workspace.bot_user_id]}
    assert heard.envelope["team_id"] == FERNWOOD.workspace.team_id and "authorizations" not in heard.envelope


async def test_the_control_panel_uninstalls_and_revokes(installer: Installer, sandbox: Sandbox, listener: Listener) -> None:
    books = await installer.install(BOOKS, MAYA)
    whole = await installer.install(LARKSPUR.enterprise_id, "W0LARKNOOR1")
    await installer.control("revoke", place=BOOKS)
    assert await state_of(sandbox, books["access_token"]) == "token_revoked"
    assert (await installer.refresh(books["refresh_token"]))["error"] == "invalid_refresh_token"
    (revoked,) = await listener.wait(1)
    assert (revoked.event["type"], revoked.envelope["team_id"]) == ("tokens_revoked", BOOKS)
    await installer.control("uninstall", place=LARKSPUR.enterprise_id)
    assert await state_of(sandbox, whole["access_token"]) == "account_inactive"
    gone = (await listener.wait(3))[1:]
    assert {h.event["type"] for h in gone} == {"app_uninstalled", "tokens_revoked"}
    assert {(h.envelope["team_id"], h.envelope["enterprise_id"]) for h in gone} == {(None, LARKSPUR.enterprise_id)}
    # Nobody hears of what is said there any more; a new install does.
    async with sandbox.http.post(f"{sandbox.url}/sandbox/control/uninstall", json={"place": LARKSPUR.enterprise_id}) as response:
        assert response.status == 404
    again = await installer.install(BOOKS, MAYA)
    assert await state_of(sandbox, again["access_token"]) == "works"
