"""Slack says that the app was removed or its token taken back: the account is broken, its answers wait, a new installation mends
all of it, and an old word about an earlier installation changes nothing."""

from __future__ import annotations

import itertools
import time
from typing import Any

import pytest

from konstruct.channels import delivery_post
from konstruct.channels.events_handling import EventHandling
from konstruct.channels.port_events import Revoked
from konstruct.channels.revocations import Revocations
from konstruct.jobs.tenant_runner import TenantJobs
from konstruct.tenants.vault import Vault
from tests.support.fake_slack import answers
from tests.support.hand import age_unknown, deliveries, make_due, rows, send, take_turn
from tests.support.house import House
from tests.support.rotating import account, install
from tests.support.slack_events import Team, envelope, message

POST = "chat.postMessage"


def uninstalled(team: Team, **changes: Any) -> dict[str, Any]:
    return {**envelope(team, {"type": "app_uninstalled"}), **changes}


def revoked(team: Team, *, bot: list[str], people: list[str] | None = None, **changes: Any) -> dict[str, Any]:
    event = {"type": "tokens_revoked", "tokens": {"oauth": people or [], "bot": bot}}
    return {**envelope(team, event), **changes}


@pytest.fixture(autouse=True)
async def _no_events_of_others(still: House) -> None:
    await still.db.fleet_fetch("test", "DELETE FROM tenant_jobs WHERE kind = 'channel_event'")


async def handle(still: House, *deliveries: dict[str, Any]) -> None:
    """Deliver, and let a worker handle what was stored."""
    assert await still.deliver(*deliveries) == [200] * len(deliveries)
    work = EventHandling(still.db, {Revoked: Revocations(still.db)}, still.counters)
    while await TenantJobs(still.db, {"channel_event": work}).run_due("channel_event"):
        pass


async def status(still: House) -> tuple[str, str | None]:
    row = await account(still.db, still.scopes[0])
    return row["status"], row["status_reason"]


async def open_notices(still: House) -> list[str]:
    sql = "SELECT kind FROM notices WHERE tenant_id = $1 AND resolved_at IS NULL ORDER BY kind"
    return [row["kind"] for row in await rows(still, still.scopes[0], sql)]


async def states(still: House) -> list[str]:
    return [row["state"] for row in await deliveries(still, still.scopes[0])]


async def test_in_any_order_and_without_a_token_the_account_is_broken_and_a_new_installation_mends_it(
    still: House, house_vault: Vault
) -> None:
    team, scope = still.teams[0], still.scopes[0]
    said = 0
    both = (uninstalled(team), revoked(team, bot=[team.bot_user_id], people=["U1"]))
    for words in (*itertools.permutations(both), (uninstalled(team, authorizations=[]),)):
        await install(still.db, house_vault, still.slack, scope, team)
        assert (await status(still), await open_notices(still)) == (("active", None), [])
        fresh = [{**each, "event_id": f"{each['event_id']}-{said}", "event_time": int(time.time()) + 1} for each in words]
        await handle(still, *fresh, *fresh)
        reason = "app_uninstalled" if words[0]["event"]["type"] == "app_uninstalled" else "token_revoked"
        assert (await status(still), await open_notices(still)) == (("broken", reason), ["channel_broken"])
        tried = len(still.slack.requests)
        await still.deliver(message(team, "D1", "U1", f"question {said}"))
        await take_turn(still)
        await send(still)
        assert (await states(still), len(still.slack.requests)) == (["sent"] * said + ["pending"], tried)
        await install(still.db, house_vault, still.slack, scope, team)
        await send(still)
        said += 1
        assert (await states(still), await open_notices(still)) == (["sent"] * said, [])
    assert len(still.slack.posts) == said
    assert (await account(still.db, still.scopes[1]))["status"] == "active"


async def test_what_does_not_concern_the_bot_or_is_older_than_the_installation_changes_nothing(still: House) -> None:
    team, other, now = still.teams[0], still.teams[1], int(time.time())
    old = now - 3600
    for words in (
        revoked(team, bot=[], people=["U1", team.bot_user_id]),
        revoked(team, bot=["UOTHER"]),
        {**revoked(team, bot=["UOTHER"]), "authorizations": []},
        {**envelope(team, {"type": "tokens_revoked"})},
        {**envelope(team, {"type": "tokens_revoked", "tokens": {"bot": "all"}})},
        {**envelope(team, {"type": "tokens_revoked", "tokens": {"bot": [None, 5]}})},
        uninstalled(team, event_time=old),
        revoked(team, bot=[team.bot_user_id], event_time=old),
        envelope(team, {"type": "app_uninstalled", "event_ts": f"{old}.000100"}),
        {**uninstalled(team), "api_app_id": "A2"},
    ):
        await handle(still, words)
        assert await status(still) == ("active", None), words["event"]
    await handle(still, uninstalled(other))
    assert await status(still) == ("active", None)
    assert (await account(still.db, still.scopes[1]))["status"] == "broken"


async def test_answers_wait_a_day_for_a_new_installation_and_not_a_minute_longer(still: House, house_vault: Vault) -> None:
    team, scope = still.teams[0], still.scopes[0]
    await install(still.db, house_vault, still.slack, scope, team)
    for number in range(4):
        await still.deliver(message(team, "D1", "U1", f"question {number}"))
        await take_turn(still)
    await handle(still, uninstalled(team, event_time=int(time.time()) + 1))
    ages = (delivery_post.LIFETIME_S + 60, delivery_post.LIFETIME_S + 5, delivery_post.LIFETIME_S - 600, 60)
    ids = [row["id"] for row in await deliveries(still, scope)]
    async with still.db.tenant(scope) as session:
        for age_s, delivery_id in zip(ages, ids, strict=True):
            await session.execute(
                "UPDATE deliveries SET created_at = now() - make_interval(secs => $3) WHERE tenant_id = $1 AND id = $2",
                scope.tenant_id,
                delivery_id,
                age_s,
            )
    await make_due(still, scope, "send")
    await send(still)
    assert await states(still) == ["failed", "failed", "pending", "pending"]
    letters = await rows(still, scope, "SELECT delivery_id, reason FROM dead_letters WHERE tenant_id = $1 ORDER BY id")
    assert [(row["delivery_id"], row["reason"]) for row in letters] == [(each, "expired") for each in ids[:2]]
    assert await open_notices(still) == ["channel_broken", "delivery_failed"]
    await install(still.db, house_vault, still.slack, scope, team)
    await send(still)
    assert await states(still) == ["failed", "failed", "sent", "sent"]
    texts = still.texts(team)
    assert [f"question {number}" in text for number, text in zip((2, 3), texts, strict=True)] == [True, True]


async def test_while_nobody_can_be_asked_an_unknown_send_is_neither_sent_again_nor_given_up(
    still: House, house_vault: Vault
) -> None:
    """Its history is read once the account is good again."""
    team, scope = still.teams[0], still.scopes[0]
    await install(still.db, house_vault, still.slack, scope, team)
    await still.deliver(message(team, "D1", "U1", "hello"))
    await take_turn(still)
    still.slack.fault, still.slack.accept = answers(500, '{"ok":false,"error":"internal_error"}'), True
    still.slack.fault_in, still.slack.fault_times = POST, 1
    await send(still)
    assert await states(still) == ["unknown"]
    still.slack.rotation.end(still.slack.workspaces[0])
    await age_unknown(still, scope, 61)
    await send(still)
    assert (await states(still), await status(still)) == (["unknown"], ("broken", "invalid_auth"))
    await age_unknown(still, scope, 600)
    await send(still)
    assert await states(still) == ["unknown"]
    await install(still.db, house_vault, still.slack, scope, team)
    await send(still)
    assert (await states(still), len(still.slack.posts)) == (["sent"], 1)


async def test_a_call_that_shows_no_message_finds_out_as_well(still: House, house_vault: Vault) -> None:
    """The sign that the employee is at work is the first call of a turn, and may be the first to be refused."""
    team, scope = still.teams[0], still.scopes[0]
    account_id = await install(still.db, house_vault, still.slack, scope, team)
    credential = await still.credentials.of(scope, account_id)
    for code, follows in (("channel_not_found", "other"), ("missing_scope", "other"), ("ratelimited", "other")):
        assert await still.credentials.refused(credential, code) == follows
        assert await status(still) == ("active", None)
    await install(still.db, house_vault, still.slack, scope, team)
    # What was said of the token before says nothing of the one that came since.
    assert await still.credentials.refused(credential, "token_revoked") == "renew"
    assert await status(still) == ("active", None)
    credential = await still.credentials.of(scope, account_id)
    assert await still.credentials.refused(credential, "account_inactive") == "broken"
    assert (await status(still), await open_notices(still)) == (("broken", "account_inactive"), ["channel_broken"])
