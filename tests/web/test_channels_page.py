"""The channels' pages: how accounts are in plain words, connecting with a token that is right, and disconnecting for good."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest

from konstruct.channels import accounts, accounts_repository, accounts_status, deliveries_repository, delivery
from konstruct.channels.accounts import TokenRefusedError
from konstruct.channels.accounts_status import strip
from konstruct.channels.slack.adapter import SlackAdapter
from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.kit.errors import NotFoundError
from konstruct.kit.ids import uuid7
from konstruct.kit.settings import Settings
from konstruct.llm.backends.scripted import ScriptedBackend
from konstruct.tenants.vault import Vault
from tests.support.fake_slack import Workspace, answers
from tests.support.hand import claim, deliveries, make_due, rows, send, take_turn, working
from tests.support.house import House, open_house, until
from tests.support.portal import Answer, Person, open_portal
from tests.support.slack_events import Team, message

STATUS = "SELECT status, status_reason, secret_id FROM channel_accounts WHERE tenant_id = $1"


@pytest.fixture
async def house(
    settings: Settings, db: Database, house_vault: Vault, tenants: tuple[TenantScope, TenantScope]
) -> AsyncIterator[House]:
    quick = settings.model_copy(update={"burst_s": 0.0})
    async with open_house(quick, db, house_vault, tenants, ScriptedBackend(), run_engine=False) as opened:
        yield opened


async def _account(house: House, number: int = 0) -> UUID:
    (row,) = await rows(house, house.scopes[number], "SELECT id FROM channel_accounts WHERE tenant_id = $1")
    found: UUID = row["id"]
    return found


async def _history(house: House, number: int = 0) -> list[tuple[str, str | None]]:
    found = await rows(house, house.scopes[number], "SELECT status, reason FROM channel_health WHERE tenant_id = $1 ORDER BY id")
    return [(row["status"], row["reason"]) for row in found]


async def _secrets(house: House, number: int = 0) -> int:
    sql = "SELECT 1 FROM secrets WHERE tenant_id = $1 AND purpose = 'slack.token'"
    return len(await rows(house, house.scopes[number], sql))


async def _answered(house: House, text: str = "hello") -> None:
    await house.deliver(message(house.teams[0], "D1", "U1", text))
    await take_turn(house)


async def _connect(person: Person, workspace: Team, /, **changed: str) -> Answer:
    fields = {
        "team": workspace.team_id, "app": workspace.app_id, "bot_user": workspace.bot_user_id, "token": workspace.token,
    }  # fmt: skip
    return await person.send("/channels/slack", fields | changed, follow=False)


def _new_team(house: House) -> Team:
    """A workspace that nobody has connected yet."""
    mark = uuid7().hex[-10:].upper()
    team = Team(f"T{mark}", "A7", "UBOT7", f"xoxb-{mark}-canary")
    house.slack.workspaces.append(Workspace(team.token, team.team_id, team.app_id, "B7", team.bot_user_id, {"D1"}))
    return team


async def test_an_account_that_works_says_so(house: House) -> None:
    await _answered(house)
    await send(house)
    async with open_portal(house, house.scopes[0], "viewer") as person:
        answer = await person.get("/channels")
        own = await person.get(f"/channels/{await _account(house)}")
    assert answer.status == own.status == 200
    for text in (answer.text, own.text):
        assert house.teams[0].team_id in text and ">works<" in text
        assert house.teams[1].team_id not in text and house.teams[0].token not in text
        assert "The last 30 days: no trouble" in text and " style=" not in text and "none yet" not in text
    assert "Connected." in own.text
    assert "Disconnect" not in own.text and "/channels/slack" not in answer.text, "a viewer changes nothing"


async def test_what_last_came_and_went_is_the_accounts_own(house: House) -> None:
    await _answered(house)
    async with house.db.tenant(house.scopes[0]) as session:
        (before,) = await accounts_status.list_all(session)
    assert before.last_inbound_at is not None and before.last_sent_at is None
    assert (before.open_deliveries, before.failed_deliveries) == (1, 0)
    house.slack.fault, house.slack.accept = answers(200, '{"ok":false,"error":"channel_not_found"}'), False
    house.slack.fault_in, house.slack.fault_times = "chat.postMessage", 1
    await send(house)
    await _answered(house, "again")
    await send(house)
    async with house.db.tenant(house.scopes[0]) as session:
        (after,) = await accounts_status.list_all(session)
    assert after.last_sent_at is not None
    assert (after.open_deliveries, after.failed_deliveries) == (0, 1)
    async with house.db.tenant(house.scopes[1]) as session:
        (other,) = await accounts_status.list_all(session)
    assert (other.last_inbound_at, other.last_sent_at, other.failed_deliveries) == (None, None, 0)


async def test_a_broken_account_says_why_and_what_to_do(house: House) -> None:
    await _answered(house)
    house.slack.fault, house.slack.accept = answers(200, '{"ok":false,"error":"token_revoked"}'), False
    house.slack.fault_in, house.slack.fault_times = "chat.postMessage", 2
    await send(house)
    await make_due(house, house.scopes[0], "send")
    await send(house)
    assert await _history(house) == [("active", "connected"), ("broken", "token_revoked")]
    account = await _account(house)
    async with open_portal(house, house.scopes[0]) as person:
        listed = await person.get("/channels")
        asked = await person.get(f"/channels/slack?account={account}")
        again = await _connect(person, house.teams[0])
    assert "The token was revoked" in listed.text and "Connect it again" in listed.text
    assert "trouble on 1 day" in listed.text
    assert f'value="{house.teams[0].team_id}"' in asked.text
    assert (again.status, again.path) == (303, f"/channels/{account}?done=connected")
    assert await _history(house) == [("active", "connected"), ("broken", "token_revoked"), ("active", "reconnected")]
    assert await _history(house, 1) == [("active", "connected")]


async def test_a_new_workspace_is_connected_once_however_often_it_is_sent(house: House) -> None:
    team = _new_team(house)
    async with open_portal(house, house.scopes[0], "admin") as person:
        sent = await asyncio.gather(*(_connect(person, team) for _ in range(4)))
        shown = await person.get(sent[0].path)
    assert {answer.status for answer in sent} == {303} and len({answer.path for answer in sent}) == 1
    assert "Connected. Write to the employee" in shown.text and team.token not in shown.text
    found = await rows(house, house.scopes[0], STATUS)
    assert len(found) == 2 and await _secrets(house) == 2
    await house.deliver(message(team, "D1", "U9", "hello there"))
    await take_turn(house)
    await send(house)
    assert len(house.texts(team)) == 1


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("team", "not an id!", "begins with T"), ("app", "T1", "begins with A"), ("bot_user", "", "begins with U"),
        ("token", "", "bot token is needed"), ("token", "xoxb-\u00e4", "characters that no token has"),
        ("token", "xoxb-wrong", "does not accept the token"), ("team", "T0THERTEAM", "belongs to another workspace"),
    ],
)  # fmt: skip
async def test_a_wrong_field_is_said_beside_it_and_nothing_is_stored(house: House, field: str, value: str, said: str) -> None:
    team = _new_team(house)
    async with open_portal(house, house.scopes[0]) as person:
        answer = await _connect(person, team, **{field: value})
    assert answer.status == 422 and said in answer.text
    assert f'id="f-{field}-error"' in answer.text
    assert team.token not in answer.text
    if field != "app":
        assert 'value="A7"' in answer.text
    assert len(await rows(house, house.scopes[0], STATUS)) == 1 and await _secrets(house) == 1


async def test_a_slack_that_is_not_there_is_not_the_tokens_fault(house: House) -> None:
    team = _new_team(house)
    house.slack.fault, house.slack.accept, house.slack.fault_in = answers(502, "no"), False, "auth.test"
    async with open_portal(house, house.scopes[0]) as person:
        answer = await _connect(person, team)
    assert answer.status == 422 and "could not be reached" in answer.text
    assert len(await rows(house, house.scopes[0], STATUS)) == 1


async def test_another_business_workspace_is_refused_without_a_name(house: House) -> None:
    async with open_portal(house, house.scopes[1]) as stranger:
        answer = await _connect(stranger, house.teams[0])
    assert answer.status == 409 and "connected to another business" in answer.text
    assert "Alpha Bikes" not in answer.text
    assert len(await rows(house, house.scopes[1], STATUS)) == 1 and await _secrets(house, 1) == 1


async def test_nobody_claims_a_workspace_without_its_token(house: House, house_vault: Vault) -> None:
    adapter = SlackAdapter(house.settings)
    with pytest.raises(TokenRefusedError) as refused:
        await accounts.connect_checked(
            house.db, house_vault, adapter, house.scopes[1], external_id="TVICTIM", app_id="A1", bot_user_id="U1",
            token=house.teams[1].token,
        )  # fmt: skip
    await adapter.close()
    assert refused.value.wrong_account and refused.value.asked


async def test_a_disconnected_account_hears_and_says_nothing_and_its_token_is_gone(house: House) -> None:
    account = await _account(house)
    await _answered(house)
    async with open_portal(house, house.scopes[0]) as person:
        for _ in range(2):
            answer = await person.post(f"/channels/{account}/disconnect")
            assert answer.status == 200 and "Its token is destroyed" in answer.text
        listed = await person.get("/channels")
    assert "disconnected" in listed.text and "Connect again" in listed.text
    (row,) = await rows(house, house.scopes[0], STATUS)
    assert (row["status"], row["secret_id"], await _secrets(house)) == ("disconnected", None, 0)
    assert await _history(house) == [("active", "connected"), ("disconnected", "by_a_member")]
    (waiting,) = await deliveries(house, house.scopes[0])
    assert (waiting["state"], waiting["reason"]) == ("cancelled", "account_disconnected")
    await send(house)
    await house.deliver(message(house.teams[0], "D1", "U1", "anybody there?"))
    assert len(await rows(house, house.scopes[0], "SELECT 1 FROM messages WHERE tenant_id = $1 AND direction = 'in'")) == 1
    assert house.slack.posts == []
    # The other business goes on.
    await house.deliver(message(house.teams[1], "D1", "U1", "hello"))
    await take_turn(house)
    await send(house)
    assert len(house.texts(house.teams[1])) == 1


async def test_it_can_be_connected_again_and_then_answers(house: House) -> None:
    account = await _account(house)
    async with open_portal(house, house.scopes[0]) as person:
        await person.post(f"/channels/{account}/disconnect")
        assert house.slack.revoked == {house.teams[0].token}
        house.slack.revoked.clear()  # It was installed again in Slack.
        answers_ = await asyncio.gather(*(_connect(person, house.teams[0]) for _ in range(3)))
    assert {answer.path for answer in answers_} == {f"/channels/{account}?done=connected"}
    assert await _secrets(house) == 1
    await _answered(house)
    await send(house)
    assert len(house.texts(house.teams[0])) == 1


async def test_another_business_may_connect_what_was_disconnected(house: House) -> None:
    async with open_portal(house, house.scopes[0]) as person, open_portal(house, house.scopes[1]) as other:
        await person.post(f"/channels/{await _account(house)}/disconnect")
        house.slack.revoked.clear()  # It was installed again in Slack.
        assert (await _connect(other, house.teams[0])).status == 303
        again = await _connect(person, house.teams[0])
    assert again.status == 409
    (row,) = await rows(house, house.scopes[0], STATUS)
    assert (row["status"], await _secrets(house)) == ("disconnected", 0)


async def test_what_is_on_its_way_comes_to_its_end_and_later_answers_are_cancelled(house: House, house_vault: Vault) -> None:
    scope, account = house.scopes[0], await _account(house)
    await _answered(house)
    # A turn under way when the channel goes: its answer is made, and cancelled.
    await house.deliver(message(house.teams[0], "D2", "U2", "and I?"))
    late = await claim(house, "turn")
    assert await accounts.disconnect(house.db, house_vault, scope, account)
    assert not await accounts.disconnect(house.db, house_vault, scope, account)
    await send(house)
    await house.turns(late)
    await send(house)
    states = {(row["state"], row["reason"]) for row in await deliveries(house, scope)}
    assert states == {("cancelled", "account_disconnected")}
    assert house.slack.posts == []
    assert await rows(house, scope, "SELECT 1 FROM dead_letters WHERE tenant_id = $1") == []


async def test_an_unknown_send_of_a_disconnected_account_is_a_dead_letter(house: House, house_vault: Vault) -> None:
    scope = house.scopes[0]
    await _answered(house)
    house.slack.fault, house.slack.fault_in = answers(500, "no"), "chat.postMessage"
    await send(house)
    await accounts.disconnect(house.db, house_vault, scope, await _account(house))
    await make_due(house, scope, "send")
    await send(house)
    (row,) = await deliveries(house, scope)
    assert (row["state"], row["reason"]) == ("failed", "outcome_unknown")
    assert len(await rows(house, scope, "SELECT 1 FROM dead_letters WHERE tenant_id = $1")) == 1


async def test_a_send_that_was_read_before_the_disconnection_does_not_start(
    house: House, house_vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    scope = house.scopes[0]
    await _answered(house)
    held = await claim(house, "send")
    reached, go = asyncio.Event(), asyncio.Event()
    real = delivery.Delivering._respect_limits

    async def pause(self: delivery.Delivering, *args: object) -> None:
        reached.set()
        await go.wait()
        await real(self, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(delivery.Delivering, "_respect_limits", pause)
    async with working(house, held):
        await until(reached.is_set)
        await accounts.disconnect(house.db, house_vault, scope, await _account(house))
        go.set()
    assert house.slack.posts == []
    (row,) = await deliveries(house, scope)
    assert row["state"] == "cancelled"


async def test_a_send_and_a_disconnection_at_the_same_moment(house: House) -> None:
    scope, account = house.scopes[0], await _account(house)
    await _answered(house)
    held = await claim(house, "send")
    (row,) = await deliveries(house, scope)
    async with house.db.tenant(scope) as session:
        assert await accounts_repository.disconnect_account(session, account) == 1
        # It sees the account as it was before, and then waits for the delivery's row.
        start = house.db.run(scope, lambda s: deliveries_repository.start_sending(s, held, row["id"], 10))
        starting = asyncio.ensure_future(start)
        await until(lambda: rows(house, scope, "SELECT 1 FROM pg_locks WHERE NOT granted AND $1::uuid IS NOT NULL"))
    assert await starting == "not_pending"
    (row,) = await deliveries(house, scope)
    assert (row["state"], row["attempt"]) == ("cancelled", 0)


@pytest.mark.parametrize("role", ["viewer", "operator"])
async def test_who_may_not_manage_changes_nothing(house: House, role: str) -> None:
    account = await _account(house)
    async with open_portal(house, house.scopes[0], role) as person:  # type: ignore[arg-type]
        assert (await person.post(f"/channels/{account}/disconnect")).status == 403
        assert (await person.get("/channels/slack")).status == 403
        assert (await _connect(person, _new_team(house))).status == 403
    (row,) = await rows(house, house.scopes[0], STATUS)
    assert row["status"] == "active"


async def test_another_business_account_is_not_there(house: House, house_vault: Vault) -> None:
    account = await _account(house)
    async with open_portal(house, house.scopes[1]) as stranger:
        lost = await stranger.get(f"/channels/{uuid7()}")
        for path in (f"/channels/{account}", f"/channels/slack?account={account}", "/channels/nonsense"):
            answer = await stranger.get(path)
            assert (answer.status, answer.text) == (404, lost.text)
        assert (await stranger.post(f"/channels/{account}/disconnect")).status == 404
    with pytest.raises(NotFoundError):
        await accounts.disconnect(house.db, house_vault, house.scopes[1], account)
    (row,) = await rows(house, house.scopes[0], STATUS)
    assert row["status"] == "active"


def test_the_strip_shows_the_worst_of_each_day() -> None:
    today = date(2026, 3, 31)

    def at(day: int, hour: int = 12) -> datetime:
        return datetime(2026, 3, day, hour, tzinfo=UTC)

    changes = [(at(25), "active"), (at(27, 9), "broken"), (at(27, 10), "active"), (at(29), "broken"), (at(31), "disconnected")]
    found = {day.day.day: day.status for day in strip(changes, today, 8)}
    assert found == {
        24: None, 25: "active", 26: "active", 27: "broken", 28: "active", 29: "broken", 30: "broken", 31: "broken",
    }  # fmt: skip
    before = [(at(1) - timedelta(days=400), "active")]
    assert [day.status for day in strip(before, today, 3)] == ["active"] * 3
    assert [day.status for day in strip([], today, 2)] == [None, None]


async def test_strangers_are_answered_only_where_somebody_who_may_says_so(house: House) -> None:
    account, wanted = await _account(house), "SELECT answers_strangers FROM channel_accounts WHERE tenant_id = $1"
    async with open_portal(house, house.scopes[0]) as person:
        assert "does not answer its people" in (await person.get(f"/channels/{account}")).text
        answer = await person.post(f"/channels/{account}/strangers", answer="yes")
        assert answer.status == 200 and "answers its people as well" in answer.text
    assert [(await rows(house, scope, wanted))[0][0] for scope in house.scopes] == [True, False]
    async with open_portal(house, house.scopes[0], role="viewer") as person:
        assert (await person.post(f"/channels/{account}/strangers", answer="no")).status == 403
        assert (
            "<button"
            not in (await person.get(f"/channels/{account}")).text.partition('id="strangers"')[2].partition("</section>")[0]
        )
    async with open_portal(house, house.scopes[1]) as person:
        assert (await person.post(f"/channels/{account}/strangers", answer="no")).status == 404
    assert [(await rows(house, scope, wanted))[0][0] for scope in house.scopes] == [True, False]
