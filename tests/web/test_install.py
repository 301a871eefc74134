"""Add to Slack: from the button to an employee that answers, and every way in which it must not come about."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from aiohttp import web
from pydantic import SecretStr

from konstruct.channels import accounts, routes_repository
from konstruct.channels.slack import manifest
from konstruct.cli.checks import repository, slack_app
from konstruct.cli.checks.check import System
from konstruct.db.database import Database
from konstruct.db.redis import Redis
from konstruct.db.scope import TenantScope
from konstruct.kit.ids import uuid7
from konstruct.kit.settings import Settings
from konstruct.llm.backends.scripted import ScriptedBackend
from konstruct.tenants.erase import Erasing
from konstruct.tenants.vault import Vault
from tests.support.fake_slack import answers, resets
from tests.support.fake_slack_app import Place
from tests.support.hand import rows, send, take_turn
from tests.support.house import House, open_house
from tests.support.portal import Answer, Person, open_portal
from tests.support.slack_events import Team, message

START = "/oauth/slack/start"
ACCOUNTS = (
    "SELECT id, external_id, app_id, bot_user_id, status, account_name, enterprise_id, org_wide, scopes, secret_id,"
    " refresh_secret_id, extract(epoch FROM token_expires_at - now())::float8 AS left_s"
    " FROM channel_accounts WHERE tenant_id = $1 ORDER BY connected_at, id"
)
SECRETS = "SELECT id, purpose, version FROM secrets WHERE tenant_id = $1 AND purpose LIKE 'slack%' ORDER BY id"


@pytest.fixture
async def house(
    settings: Settings, db: Database, house_vault: Vault, tenants: tuple[TenantScope, TenantScope]
) -> AsyncIterator[House]:
    quick = settings.model_copy(update={"burst_s": 0.0})
    async with open_house(quick, db, house_vault, tenants, ScriptedBackend(), run_engine=False) as opened:
        yield opened


def place(*, team: bool = True, org: str | None = None, name: str = "Harbour Books") -> Place:
    """A workspace that nobody has connected, or (`team` False) the whole of an organisation."""
    mark = uuid7().hex[-10:].upper()
    return Place(f"T{mark}" if team else None, name, f"UBOT{mark}", org)


def org_of(number: int = 0) -> str:
    return f"E{number}{uuid7().hex[-10:].upper()}"


async def begun(person: Person) -> str:
    """Press the button; return Slack's page of consent."""
    answer = await person.get(START, follow=False)
    assert answer.status == 303
    return answer.path


async def installed(house: House, person: Person, where: Place, **how: Any) -> Answer:
    """Press the button and approve."""
    return await person.get(house.slack.app.approve(await begun(person), where, **how), follow=False)


def exchanges(house: House) -> int:
    return sum(method == "oauth.v2.access" for method, _ in house.slack.requests)


async def stored(house: House, number: int = 0) -> list[dict[str, Any]]:
    """What a business has besides the account that the house gave it."""
    found = await rows(house, house.scopes[number], ACCOUNTS)
    return [dict(row) for row in found if row["external_id"] != house.teams[number].team_id]


@asynccontextmanager
async def two(house: House) -> AsyncIterator[tuple[Person, Person]]:
    """An admin of each business."""
    async with open_portal(house, house.scopes[0], "admin") as mine, open_portal(house, house.scopes[1], "admin") as theirs:
        yield mine, theirs


async def test_a_click_and_an_approval_and_it_answers(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    where, app = place(), house.slack.app
    async with open_portal(house, house.scopes[0], "admin") as person:
        listed = await person.get("/channels")
        assert f'href="{START}"' in listed.text and "Add to Slack" in listed.text
        consent = await begun(person)
        asked = {name: values[0] for name, values in parse_qs(urlsplit(consent).query).items()}
        assert consent.startswith(house.slack.url.replace("/api/", "/oauth/v2/authorize?"))
        assert asked["redirect_uri"] == f"{house.url}/oauth/slack/callback" == manifest.manifest(house.url)["oauth_config"][
            "redirect_urls"
        ][0]  # fmt: skip
        assert asked["scope"].split(",") == manifest.manifest(house.url)["oauth_config"]["scopes"]["bot"]
        (begun_row,) = await rows(house, house.scopes[0], "SELECT * FROM channel_installs WHERE tenant_id = $1")
        assert asked["state"] not in str(dict(begun_row)), "its hash alone is kept"
        back = await person.get(app.approve(consent, where), follow=False)
        (account,) = await stored(house)
        assert (back.status, back.path) == (303, f"/channels/{account['id']}?done=installed")
        shown = await person.get(back.path)
    assert (account["external_id"], account["account_name"], account["bot_user_id"]) == (
        where.team_id, "Harbour Books", where.bot_user_id,
    )  # fmt: skip
    assert (account["app_id"], account["enterprise_id"], account["org_wide"]) == ("A1", None, False)
    assert account["scopes"] == sorted(manifest.NEEDS) and account["left_s"] is None
    for text in ("Added to Slack.", "Harbour Books", "What comes next", "under <strong>Apps</strong>"):
        assert text in shown.text
    assert "did not give it every permission" not in shown.text
    assert where.token is not None and where.team_id is not None
    said = "".join(capsys.readouterr()) + listed.text + shown.text + str(back.headers)
    for secret in (where.token, app.client_secret, asked["state"], *app.codes):
        assert secret not in said
    team = Team(where.team_id, app.app_id, where.bot_user_id, where.token)
    assert await house.deliver(message(team, "D1", "U1", "hello there")) == [200]
    await take_turn(house)
    await send(house)
    assert len(house.texts(team)) == 1
    assert await stored(house, 1) == []


async def test_a_state_is_this_sign_ins_for_ten_minutes_and_once(house: House) -> None:
    """Expired, used, another session's, another business's, none at all, garbage: each says why, and none does anything."""
    where, app = place(), house.slack.app
    async with two(house) as (mine, theirs), open_portal(house, house.scopes[0], "admin", "Kim Second") as colleague:
        consent = await begun(mine)
        elsewhere = app.approve(consent, where)
        foreign = app.approve(await begun(theirs), where)
        late_consent = await begun(mine)
        late = app.approve(late_consent, where)
        sql = (
            "UPDATE channel_installs SET created_at = created_at - interval '601 s', expires_at = expires_at - interval '601 s'"
            " WHERE tenant_id = $1 AND id = (SELECT max(id::text)::uuid FROM channel_installs WHERE tenant_id = $1)"
        )
        async with house.db.tenant(house.scopes[0]) as session:
            assert await session.execute(sql, house.scopes[0].tenant_id) == 1
        code = parse_qs(urlsplit(elsewhere).query)["code"][0]
        state = parse_qs(urlsplit(elsewhere).query)["state"][0]
        cases = (
            (colleague, elsewhere, 400, "began in another sign-in"),
            (theirs, elsewhere, 400, "did not begin here"),
            (mine, foreign, 400, "did not begin here"),
            (mine, late, 410, "took too long"),
            (mine, f"/oauth/slack/callback?code={code}", 400, "did not begin here"),
            (mine, f"/oauth/slack/callback?code={code}&state=", 400, "did not begin here"),
            (mine, f"/oauth/slack/callback?code={code}&state={state[:-1]}", 400, "did not begin here"),
            (mine, f"/oauth/slack/callback?code={code}&state={state}%00", 400, "did not begin here"),
            (mine, f"/oauth/slack/callback?code={code}&state=%ff%fe", 400, "did not begin here"),
            (mine, f"/oauth/slack/callback?code={code}&state={'x' * 5000}", 400, "did not begin here"),
            (mine, f"/oauth/slack/callback?error=access_denied&state={state}x", 400, "did not begin here"),
        )
        for person, path, status, said in cases:
            answer = await person.get(path, follow=False)
            assert (answer.status, said in answer.text) == (status, True), f"{path}: {answer.status}"
            assert "<html" in answer.text and code not in answer.text
        assert exchanges(house) == 0 and await stored(house) == [] == await stored(house, 1)
        # The control: nobody's try has used up what is right. And then it is over.
        assert (await mine.get(elsewhere, follow=False)).status == 303
        for path in (elsewhere, app.approve(consent, where)):
            again = await mine.get(path, follow=False)
            assert (again.status, "was used already" in again.text) == (410, True)
    assert exchanges(house) == 1 and len(await stored(house)) == 1 and await stored(house, 1) == []


async def test_signing_out_ends_what_was_begun_and_roles_are_asked_again(house: House) -> None:
    where = place()
    async with open_portal(house, house.scopes[0], "admin") as person:
        left = house.slack.app.approve(await begun(person), where)
        kept = house.slack.app.approve(await begun(person), where)
        demote = "UPDATE members SET role = $3 WHERE tenant_id = $1 AND id = $2"
        async with house.db.tenant(house.scopes[0]) as session:
            await session.execute(demote, house.scopes[0].tenant_id, person.member.id, "viewer")
        assert (await person.get(kept, follow=False)).status == 403
        assert (await person.get(START, follow=False)).status == 403
        async with house.db.tenant(house.scopes[0]) as session:
            await session.execute(demote, house.scopes[0].tenant_id, person.member.id, "admin")
        await person.post("/sign-out")
        answer = await person.get(left, follow=False)
        assert answer.status == 303 and answer.path.startswith("/sign-in?next=%2Foauth%2Fslack%2Fcallback")
    assert await rows(house, house.scopes[0], "SELECT 1 FROM channel_installs WHERE tenant_id = $1") == []
    assert exchanges(house) == 0 and await stored(house) == []


async def test_of_two_ways_back_at_once_one_is_taken(house: House) -> None:
    async with open_portal(house, house.scopes[0], "admin") as person:
        for number in range(1, 6):
            back = house.slack.app.approve(await begun(person), place())
            both = await asyncio.gather(*(person.get(back, follow=False) for _ in range(2)))
            assert sorted(answer.status for answer in both) == [303, 410]
            assert exchanges(house) == number and len(await stored(house)) == number


async def test_a_link_on_another_site_begins_nothing(house: House) -> None:
    async with open_portal(house, house.scopes[0], "admin") as person:
        answer = await person.get(START, follow=False, headers={"Sec-Fetch-Site": "cross-site"})
        assert (answer.status, answer.path) == (303, "/channels")
        assert await rows(house, house.scopes[0], "SELECT 1 FROM channel_installs WHERE tenant_id = $1") == []


FAULTS = (
    # What Slack's API does, the status, what is said, and whether trying again is offered.
    (answers(200, '{"ok":false,"error":"invalid_code"}'), 410, "approval is over", True),
    (answers(200, '{"ok":false,"error":"code_already_used"}'), 410, "approval is over", True),
    (answers(200, '{"ok":false,"error":"bad_client_secret"}'), 503, "tell your operator", False),
    (answers(200, '{"ok":false,"error":"invalid_client_id"}'), 503, "tell your operator", False),
    (answers(200, '{"ok":false,"error":"bad_redirect_uri"}'), 503, "tell your operator", False),
    (answers(200, '{"ok":false,"error":"<script>alert(1)</script>"}'), 503, "tell your operator", False),
    (answers(429, '{"ok":false,"error":"ratelimited"}', Retry_After="30"), 503, "could not be reached", True),
    (answers(503, '{"ok":false,"error":"service_unavailable"}'), 503, "may have approved it", True),
    (answers(500, "oops", "text/html"), 503, "may have approved it", True),
    (answers(200, "[]"), 503, "may have approved it", True),
    (resets, 503, "may have approved it", True),
    (answers(200, '{"ok":true}'), 503, "tell your operator", False),
    (answers(200, '{"ok":true,"token_type":"user","access_token":"xoxp-1"}'), 503, "tell your operator", False),
)


async def test_what_slack_does_not_grant_is_said_and_nothing_is_stored(house: House) -> None:
    where = place()
    async with open_portal(house, house.scopes[0], "admin") as person:
        declined = await person.get(house.slack.app.decline(await begun(person)), follow=False)
        assert (declined.status, "You declined in Slack" in declined.text) == (200, True)
        for query in ("error=invalid_scope_requested&", "", "code=&", "code=a%00b&", f"code={'x' * 1001}&"):
            state = parse_qs(urlsplit(await begun(person)).query)["state"][0]
            answer = await person.get(f"/oauth/slack/callback?{query}state={state}", follow=False)
            assert (answer.status, "did not approve it" in answer.text) == (400, True), query
        assert exchanges(house) == 0
        for number, (fault, status, said, again) in enumerate(FAULTS, 1):
            back = house.slack.app.approve(await begun(person), where)
            house.slack.fault, house.slack.accept, house.slack.fault_in = fault, False, "oauth.v2.access"
            answer = await person.get(back, follow=False)
            house.slack.fault = None
            assert (answer.status, said in answer.text) == (status, True), f"{number}: {answer.status} {said}"
            assert (START in answer.text) == again and "<script>alert" not in answer.text
            assert exchanges(house) == number, "one call, and none again"
        assert await stored(house) == [] and len(await rows(house, house.scopes[0], SECRETS)) == 1
        house.slack.app.client_secret = "another"
        assert (await installed(house, person, where)).status == 503
        house.slack.app.client_secret = "app-secret-canary"
        assert (await installed(house, person, where)).status == 303, "the control"


async def test_a_workspace_of_another_business_is_refused_and_nothing_of_it_is_said(house: House) -> None:
    where = place(name="Secret Name")
    async with two(house) as (mine, theirs):
        assert (await installed(house, theirs, where)).status == 303
        before = await stored(house, 1)
        refused = await installed(house, mine, where)
        assert (refused.status, "connected to another business" in refused.text) == (409, True)
        assert where.team_id is not None and where.token is not None
        for mark in ("Secret Name", where.team_id, where.token, str(before[0]["id"]), house.scopes[1].tenant_id.hex):
            assert mark not in refused.text + str(refused.headers)
        assert await stored(house) == [] and len(await rows(house, house.scopes[0], SECRETS)) == 1
        assert await stored(house, 1) == before
        assert house.slack.revoked == set(), "it is the very token that the other business uses"
        # Both at once: one has it.
        for _ in range(3):
            contested = place()
            both = await asyncio.gather(*(installed(house, person, contested) for person in (mine, theirs)))
            assert sorted(answer.status for answer in both) == [303, 409]


async def test_installing_again_updates_and_lets_what_waits_go_out(house: House) -> None:
    where, app = place(), house.slack.app
    async with open_portal(house, house.scopes[0], "admin") as person:
        await installed(house, person, where, without="files:read")
        (before,) = await stored(house)
        assert "files:read" not in before["scopes"]
        listed, page = [await person.get(path) for path in ("/channels", f"/channels/{before['id']}")]
        assert "to read files that people send it" in page.text and "<code>files:read</code>" in page.text
        assert "Harbour Books" in listed.text
        assert where.token is not None and where.team_id is not None
        team = Team(where.team_id, app.app_id, where.bot_user_id, where.token)
        await house.deliver(message(team, "D1", "U1", "hello there"))
        await take_turn(house)
        house.slack.revoked.add(where.token)
        await send(house)
        assert (await stored(house))[0]["status"] == "broken" and house.texts(team) == []
        where.token, where.bot_user_id, where.name = None, "UBOTNEW", "Harbour Books Ltd"
        again = await installed(house, person, where)
        (after,) = await stored(house)
        assert again.path == f"/channels/{before['id']}?done=installed"
        page = await person.get(again.path)
    assert "did not give it every permission" not in page.text
    assert (after["id"], after["status"], after["bot_user_id"]) == (before["id"], "active", "UBOTNEW")
    assert (after["account_name"], after["scopes"]) == ("Harbour Books Ltd", sorted(manifest.NEEDS))
    await send(house)
    assert len(house.texts(team)) == 1


async def test_refresh_tokens_are_sealed_beside_the_token(house: House) -> None:
    where, app = place(), house.slack.app
    vault = house.app.state.deps.vault
    async with open_portal(house, house.scopes[0], "admin") as person:
        app.rotates = True
        await installed(house, person, where)
        (first,) = await stored(house)
        assert 43000 < first["left_s"] <= 43200
        token = await vault.reveal(house.db, house.scopes[0], first["secret_id"], purpose="slack.token")
        refresh = await vault.reveal(house.db, house.scopes[0], first["refresh_secret_id"], purpose="slack.refresh_token")
        assert token == where.token and refresh.startswith("xoxe-1-")
        await installed(house, person, where)
        (second,) = await stored(house)
        assert second["refresh_secret_id"] == first["refresh_secret_id"]
        assert await vault.reveal(house.db, house.scopes[0], second["refresh_secret_id"]) != refresh
        app.rotates = False
        await installed(house, person, where)
        (third,) = await stored(house)
        assert (third["refresh_secret_id"], third["left_s"]) == (None, None)
        assert len(await rows(house, house.scopes[0], SECRETS)) == 2, "none is left over"
        app.rotates = True
        await installed(house, person, where)
        await person.post(f"/channels/{third['id']}/disconnect")
    (gone,) = await stored(house)
    assert (gone["status"], gone["secret_id"], gone["refresh_secret_id"], gone["left_s"]) == ("disconnected", None, None, None)
    assert len(await rows(house, house.scopes[0], SECRETS)) == 1


async def test_an_organisation_gets_the_events_of_its_workspaces(house: House) -> None:
    """Events name the organisation; a workspace of an organisation keeps the organisation's id, and its own events."""
    org = org_of()
    whole, lone = place(team=False, org=org), place(org=org_of(1))
    async with open_portal(house, house.scopes[0], "admin") as person:
        for where in (whole, lone):
            assert (await installed(house, person, where)).status == 303
        first, second = await stored(house)
        page = await person.get(f"/channels/{first['id']}")
    assert (first["external_id"], first["enterprise_id"], first["org_wide"]) == (org, org, True)
    assert (second["external_id"], second["enterprise_id"], second["org_wide"]) == (lone.team_id, lone.enterprise_id, False)
    assert "<dt>Organisation</dt>" in page.text and "Harbour Books Org" in page.text
    assert whole.token is not None
    team = Team(org, house.slack.app.app_id, whole.bot_user_id, whole.token)
    delivery = message(team, "D1", "W1", "hello from one of many")
    delivery |= {"team_id": "T0ONEOFMANY", "enterprise_id": org}
    delivery["authorizations"] = [{**delivery["authorizations"][0], "team_id": None, "enterprise_id": org}]
    delivery["authorizations"][0]["is_enterprise_install"] = True
    assert await house.deliver(delivery) == [200]
    await take_turn(house)
    await send(house)
    assert len(house.texts(team)) == 1
    assert [row["external_id"] for row in await rows(house, house.scopes[1], ACCOUNTS)] == [house.teams[1].team_id]


async def test_claims_that_touch_are_refused_whoever_has_them(house: House) -> None:
    """(first, second, whether the second is another business's, what the second gets)."""
    async with two(house) as (mine, theirs):
        for number, (first_org, second_org, foreign, status, said) in enumerate((
            (False, True, True, 409, "part of this organisation is connected to another business"),
            (True, False, True, 409, "This workspace is connected to another business"),
            (True, True, True, 409, "part of this organisation is connected to another business"),
            (False, False, True, 303, ""),
            (False, True, False, 409, "A workspace of this organisation is connected already"),
            (True, False, False, 409, "Your organisation is connected already"),
            (True, True, False, 303, ""),
            (False, False, False, 303, ""),
        )):  # fmt: skip
            org = org_of(number)
            one, other = place(team=not first_org, org=org), place(team=not second_org, org=org)
            # An organisation whose id merely begins with the same letters is none of it.
            near = place(team=False, org=org + "0")
            assert (await installed(house, theirs if foreign else mine, one)).status == 303, number
            before = await stored(house)
            answer = await installed(house, mine, other)
            assert (answer.status, said in answer.text) == (status, True), f"{number}: {answer.status}"
            if status == 409:
                assert await stored(house) == before
                assert (house.scopes[1].tenant_id.hex not in answer.text) and (one.team_id or org) not in answer.text
            assert (await installed(house, mine, near)).status == 303, number
        # Both at once: no transaction sees the other, the database does.
        for number in range(3):
            org = org_of(9)
            both = await asyncio.gather(
                installed(house, mine, place(org=org)), installed(house, theirs, place(team=False, org=org))
            )
            assert sorted(answer.status for answer in both) == [303, 409], number


async def test_disconnecting_takes_the_token_back_after_our_own_end_of_it(house: House) -> None:
    states: list[str] = []

    async def look(_request: web.Request) -> web.StreamResponse:
        states.extend(row["status"] for row in await stored(house) if row["external_id"] == where.team_id)
        return web.json_response({"ok": True, "revoked": True})

    async with open_portal(house, house.scopes[0], "admin") as person:
        for fault in (None, look, resets, answers(500, "oops"), answers(200, '{"ok":false,"error":"token_expired"}')):
            where = place()
            back = await installed(house, person, where)
            token, account = where.token, back.path.partition("?")[0]
            house.slack.fault, house.slack.accept, house.slack.fault_in = fault, False, "auth.revoke"
            asked = await person.get(account)
            answer = await person.post(f"{account}/disconnect")
            assert "Disconnected." in answer.text and "Slack is told to forget it" in asked.text
            assert house.slack.requests[-1] == ("auth.revoke", token)
            assert (token in house.slack.revoked) == (fault is None)
            house.slack.fault = None
    assert states == ["disconnected"], "Slack is told after the commit"
    assert {row["status"] for row in await stored(house)} == {"disconnected"}


async def test_a_form_with_a_token_goes_on_beside_it(house: House) -> None:
    """The bot must be the token's; name, organisation and permissions are Slack's own words."""
    where = place(org=org_of())
    whole = place(team=False, org=org_of(1))
    async with two(house) as (mine, theirs):
        await installed(house, theirs, where)
        await installed(house, theirs, whole)
        for each in await stored(house, 1):
            async with house.db.tenant(house.scopes[1]) as session:
                await session.execute(
                    "DELETE FROM channel_accounts WHERE tenant_id = $1 AND id = $2", house.scopes[1].tenant_id, each["id"]
                )
        house.slack.workspaces[-2].scopes = "chat:write,im:history"
        form = {"team": where.team_id or "", "app": "A1", "bot_user": where.bot_user_id, "token": where.token or ""}
        wrong = await mine.send("/channels/slack", form | {"bot_user": "USOMEBODY"}, follow=False)
        assert (wrong.status, "belongs to another bot" in wrong.text) == (422, True)
        assert await stored(house) == []
        right = await mine.send("/channels/slack", form, follow=False)
        assert right.status == 303
        org = {"team": whole.enterprise_id or "", "app": "A1", "bot_user": whole.bot_user_id, "token": whole.token or ""}
        assert (await mine.send("/channels/slack", org, follow=False)).status == 303
        first, second = await stored(house)
        page = await mine.get(right.path)
        own = await mine.get("/channels/slack")
    assert (first["account_name"], first["enterprise_id"], first["org_wide"]) == ("Harbour Books", where.enterprise_id, False)
    assert first["scopes"] == ["chat:write", "im:history"] and "<code>users:read</code>" in page.text
    assert (second["external_id"], second["org_wide"], second["scopes"]) == (whole.enterprise_id, True, None)
    assert f"{house.url}/webhooks/slack/events" in own.text and "token_rotation_enabled: false" in own.text


async def test_without_an_app_of_the_house_there_is_the_form_alone(
    settings: Settings, db: Database, house_vault: Vault, tenants: tuple[TenantScope, TenantScope]
) -> None:
    async with open_house(settings, db, house_vault, tenants, ScriptedBackend(), run_engine=False, app=False) as house:
        async with open_portal(house, house.scopes[0]) as person:
            listed = await person.get("/channels")
            assert START not in listed.text and "Add to Slack" not in listed.text and "/channels/slack" in listed.text
            for path in (START, "/oauth/slack/callback?code=x&state=y"):
                answer = await person.get(path, follow=False)
                assert (answer.status, "is not set up here" in answer.text) == (404, True)


async def test_the_doctor_knows_whether_slack_takes_the_app(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repository, "SAMPLE_OTHERS", 100_000)  # other tests' tenants must not leave ours to chance
    ok, said = await slack_app.app(house.settings)
    assert ok is True and "invalid_code" in said
    for change in ({"client_id": "another"}, {"client_secret": "another"}):
        wrong = house.settings.model_copy(
            update={f"slack_{name}": SecretStr(value) if "secret" in name else value for name, value in change.items()}
        )
        ok, said = await slack_app.app(wrong)
        assert ok is False and re.search("invalid_client_id|bad_client_secret", said)
    async with open_portal(house, house.scopes[0], "admin") as person:
        await installed(house, person, place())
        ok, said = await slack_app.scopes(System(house.settings, house.db))
        assert ok is not False or house.scopes[0].tenant_id.hex not in said.replace("-", "")
        await installed(house, person, place(), without="files:write")
    ok, said = await slack_app.scopes(System(house.settings, house.db))
    assert ok is False and "lacks" in said


async def test_an_erased_business_takes_its_tokens_back(
    house: House, house_vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before its key is destroyed; and a provider that does not answer keeps nobody from being erased."""
    adapters = house.app.state.deps.adapters
    where, app = place(), house.slack.app
    app.rotates = True
    async with open_portal(house, house.scopes[0], "admin") as person:
        await installed(house, person, where)
    calls: list[str] = []

    async def farewell(scope: TenantScope) -> None:
        calls.append("farewell")
        assert await accounts.revoke_all(house.db, house_vault, scope, adapters) == 2
        raise OSError("whatever")

    redis = Redis.open(house.settings)
    try:
        async with house.db.fleet("test") as fleet:
            await fleet.execute("UPDATE tenant_directory SET status = 'erasing' WHERE tenant_id = $1", house.scopes[0].tenant_id)
        await Erasing(house.db, redis, house_vault, farewell).erase(house.scopes[0], calls.append)
    finally:
        await redis.close()
    assert calls[0] == "farewell" and calls[-1] == "the business is erased"
    refresh = [token for method, token in house.slack.requests if method == "auth.revoke" and token.startswith("xoxe-1-")]
    assert house.slack.revoked == {house.teams[0].token, where.token, *refresh} and len(refresh) == 1
    assert [row["external_id"] for row in await rows(house, house.scopes[1], ACCOUNTS)] == [house.teams[1].team_id]


async def test_a_token_that_another_business_uses_by_now_is_not_taken_back(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Slack gives an app that is installed again the token that it has: between our end of it and Slack's, somebody may."""
    where = place()
    async with two(house) as (mine, theirs):
        back = await installed(house, mine, where)
        real = routes_repository.find_routes

        async def meanwhile(*args: Any) -> Any:
            monkeypatch.setattr(routes_repository, "find_routes", real)
            assert (await installed(house, theirs, where)).status == 303
            return await real(*args)

        monkeypatch.setattr(routes_repository, "find_routes", meanwhile)
        await mine.post(back.path.partition("?")[0] + "/disconnect")
    assert house.slack.revoked == set() and not any(method == "auth.revoke" for method, _ in house.slack.requests)
    assert (await stored(house))[0]["status"] == "disconnected" and (await stored(house, 1))[0]["status"] == "active"


def test_no_page_of_ours_takes_anything_from_slack() -> None:
    """Slack's own button is an image and a script of theirs: ours is neither."""
    from konstruct.web.portal.pages import STATIC

    for file in (STATIC.parent / "templates" / "channels").glob("*.html"):
        assert not re.search(r"(src|href)=\"https?:", file.read_text()), file.name
