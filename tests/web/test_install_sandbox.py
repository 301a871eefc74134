"""Add to Slack against the sandbox, as `konstruct up` runs it: its page of consent, its tokens, its events."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from pydantic import SecretStr

from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.kit.settings import Settings
from konstruct.llm.backends.scripted import ScriptedBackend
from konstruct.local.sandbox.slack.application import CLIENT_ID, CLIENT_SECRET
from konstruct.tenants.vault import Vault
from tests.support.hand import rows
from tests.support.house import House, open_house, served, until
from tests.support.portal import Person, open_portal
from tests.support.ports import free_port

_BOOKS = ("T0HARBORBK1", "U0HARBMAYA1")
_GROUP = ("E0LARKSPUR1", "W0LARKNOOR1")
ACCOUNTS = (
    "SELECT id, external_id, account_name, enterprise_id, org_wide, status, refresh_secret_id IS NOT NULL AS rotates"
    " FROM channel_accounts WHERE tenant_id = $1 AND external_id = $2"
)


async def test_a_workspace_and_an_organisation_of_the_sandbox_are_added(
    settings: Settings, db: Database, house_vault: Vault, tenants: tuple[TenantScope, TenantScope], tmp_path: Path
) -> None:
    async with open_house(settings, db, house_vault, tenants, ScriptedBackend(), run_engine=False) as house:
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        own = house.settings.model_copy(
            update={
                "sandbox": True,
                "data_dir": tmp_path,
                "bind": f"127.0.0.1:{port}",
                "public_url": url,
                "slack_api_url": f"{url}/sandbox/slack/api/",
                "slack_client_id": CLIENT_ID,
                "slack_client_secret": SecretStr(CLIENT_SECRET),
            }
        )
        async with served(own, port), open_portal(house, house.scopes[0], "admin") as signed_in:
            person = Person(url, signed_in.member, signed_in.ticket, signed_in.http)
            await _declines(person)
            for place, user in (_BOOKS, _GROUP):
                back = await _allow(person, place, user)
                answer = await person.get(back, follow=False)
                assert (answer.status, answer.path.endswith("?done=installed")) == (303, True), answer.text[-900:]
                (account,) = await rows(house, house.scopes[0], ACCOUNTS, place)
                assert account["rotates"] and account["account_name"] and account["org_wide"] == place.startswith("E")
                assert "did not give it every permission" not in (await person.get(answer.path)).text
                assert (await person.get(back, follow=False)).status == 410
            await _hears(house, person, _BOOKS[0], _BOOKS[1], "D0HARBMAYA1", "Is anybody there?")
            # The organisation's install hears each of its workspaces.
            await _hears(house, person, "T0LARKHOTEL", _GROUP[1], "DHLARKNOOR1", "Good morning")
            for place, _ in (_BOOKS, _GROUP):
                (account,) = await rows(house, house.scopes[0], ACCOUNTS, place)
                assert (await person.post(f"/channels/{account['id']}/disconnect")).status == 200
                (account,) = await rows(house, house.scopes[0], ACCOUNTS, place)
                assert account["status"] == "disconnected"


async def _consent(person: Person) -> str:
    path = (await person.get("/oauth/slack/start", follow=False)).path
    consent = path.removeprefix(person.url)
    shown = await person.get(consent)
    assert shown.status == 200 and "Harbor Books" in shown.text
    return consent


async def _allow(person: Person, place: str, user: str) -> str:
    answer = await person.post(await _consent(person), follow=False, place=place, user=user, decision="allow")
    assert answer.status == 302, answer.text[-500:]
    return answer.path.removeprefix(person.url)


async def _declines(person: Person) -> None:
    answer = await person.post(await _consent(person), follow=False, place=_BOOKS[0], user=_BOOKS[1], decision="cancel")
    declined = await person.get(answer.path.removeprefix(person.url), follow=False)
    assert urlsplit(answer.path).path == "/oauth/slack/callback" and "You declined in Slack" in declined.text


async def _hears(house: House, person: Person, team: str, user: str, channel: str, text: str) -> None:
    """What somebody says in a workspace that was just added reaches its business."""
    words = {"team": team, "user": user, "channel": channel, "text": text}
    async with person.http.post(f"{person.url}/sandbox/messages", json=words) as answer:
        assert answer.status == 201, await answer.text()

    async def heard() -> bool:
        found = await rows(house, house.scopes[0], "SELECT 1 FROM messages WHERE tenant_id = $1 AND text = $2", text)
        return len(found) == 1

    await until(heard)
