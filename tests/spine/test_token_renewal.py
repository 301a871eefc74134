"""Tokens that run out are renewed in time, once, whoever needs them; a grant that is dead asks for a new installation."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
from aiohttp import web

from konstruct.channels import renewals
from konstruct.channels.credentials import Credentials
from konstruct.channels.renewals import WINDOW_S
from konstruct.db.scope import TenantScope
from konstruct.jobs.tenant_runner import TenantJobs
from konstruct.tenants.vault import Vault
from tests.support.fake_rotation import LIFETIME_S
from tests.support.fake_slack import FakeSlack, Fault, answers, hangs, resets
from tests.support.hand import deliveries, make_due, rows, send, take_turn
from tests.support.house import House, until
from tests.support.rotating import account, install, pass_time, tokens
from tests.support.slack_events import message

REFRESH = "oauth.v2.access"
POST = "chat.postMessage"
HOUR_S = 3600.0


@dataclass
class Rotating:
    """Two installations whose tokens run out, the first of which is under test."""

    still: House
    vault: Vault
    account_id: UUID

    @property
    def scope(self) -> TenantScope:
        return self.still.scopes[0]

    async def later(self, seconds: float) -> None:
        await pass_time(self.still.db, self.still.slack, self.scope, seconds)

    async def work(self, credentials: Credentials | None = None) -> int:
        """Do the renewals that are due, as a worker; return how many jobs that were."""
        work = (credentials or self.still.credentials).renewals
        return await TenantJobs(self.still.db, {"token_renewal": work}).run_due("token_renewal")

    async def tokens(self) -> tuple[str, str]:
        return await tokens(self.still.db, self.vault, self.scope)

    def refreshes(self) -> int:
        return sum(method == REFRESH for method, _ in self.still.slack.requests)

    async def answer(self) -> None:
        """Bring an answer as far as the outbox, and try to send it."""
        await self.still.deliver(message(self.still.teams[0], "D1", "U1", "hello"))
        await take_turn(self.still)
        await send(self.still)

    async def states(self) -> list[str]:
        return [row["state"] for row in await deliveries(self.still, self.scope)]

    async def notices(self) -> int:
        sql = "SELECT 1 FROM notices WHERE tenant_id = $1 AND kind = 'channel_broken' AND resolved_at IS NULL"
        return len(await rows(self.still, self.scope, sql))


@pytest.fixture
async def rotating(still: House, house_vault: Vault) -> Rotating:
    # What earlier tests left is nobody's any more.
    await still.db.fleet_fetch("test", "DELETE FROM tenant_jobs WHERE kind = 'token_renewal'")
    first, _ = [
        await install(still.db, house_vault, still.slack, scope, team)
        for scope, team in zip(still.scopes, still.teams, strict=True)
    ]
    return Rotating(still, house_vault, first)


async def test_an_idle_account_is_renewed_well_before_its_token_ends(rotating: Rotating) -> None:
    before = await rotating.tokens()
    assert await rotating.work() == 0
    await rotating.later(LIFETIME_S - 3 * HOUR_S)
    assert (await rotating.work(), rotating.refreshes()) == (0, 0)
    await rotating.later(1 * HOUR_S)
    assert (await rotating.work(), rotating.refreshes()) == (1, 1)
    after = await rotating.tokens()
    row = await account(rotating.still.db, rotating.scope)
    assert set(before).isdisjoint(after) and rotating.still.slack.rotation.used == [before[1]]
    assert row["left_s"] > LIFETIME_S - 60 and (row["renewal_wait_until"], row["renewal_doubt"]) == (None, False)
    # The next one is asked for as well, and the other business is left alone.
    for _ in range(2):
        await rotating.later(LIFETIME_S - 2 * HOUR_S)
        assert await rotating.work() == 1
    assert rotating.refreshes() == 3
    await rotating.answer()
    assert await rotating.states() == ["sent"]


async def test_the_next_renewal_is_asked_for_once(rotating: Rotating) -> None:
    await rotating.later(LIFETIME_S)
    assert (await rotating.work(), await rotating.work()) == (1, 0)
    (job,) = await rotating.still.db.fleet_fetch(
        "test",
        "SELECT extract(epoch FROM due_at - now())::float8 AS wait, attempts FROM tenant_jobs"
        " WHERE tenant_id = $1 AND kind = 'token_renewal'",
        rotating.scope.tenant_id,
    )
    assert LIFETIME_S - 2.6 * HOUR_S < job["wait"] <= LIFETIME_S - 2 * HOUR_S and job["attempts"] == 0


async def test_a_suspended_business_is_renewed_when_it_comes_back(rotating: Rotating) -> None:
    still, tenant = rotating.still, rotating.scope.tenant_id
    status = "UPDATE tenant_directory SET status = $2 WHERE tenant_id = $1"
    await still.db.fleet_fetch("test", status, tenant, "suspended")
    await rotating.later(30 * LIFETIME_S)
    assert (await rotating.work(), rotating.refreshes()) == (0, 0)
    await still.db.fleet_fetch("test", status, tenant, "active")
    assert (await rotating.work(), rotating.refreshes()) == (1, 1)
    await rotating.answer()
    assert await rotating.states() == ["sent"]


async def test_who_needs_a_token_that_is_over_renews_it_first_and_all_at_once_renew_it_once(rotating: Rotating) -> None:
    still = rotating.still
    await rotating.later(LIFETIME_S + HOUR_S)
    others = [Credentials(still.db, rotating.vault, still.sends._adapters) for _ in range(3)]
    working = [asyncio.create_task(rotating.work(one)) for one in (still.credentials, others[0])]
    found = await asyncio.gather(
        *(one.of(rotating.scope, rotating.account_id) for one in [*others, still.credentials] for _ in range(2))
    )
    await asyncio.gather(*working)
    (token,) = {credential.token for credential in found}
    assert (token, rotating.refreshes()) == ((await rotating.tokens())[0], 1)
    await rotating.answer()
    assert (await rotating.states(), rotating.refreshes()) == (["sent"], 1)
    # A minute before its end is late enough, a minute and a half is not.
    await rotating.later(LIFETIME_S - 90)
    await rotating.still.credentials.of(rotating.scope, rotating.account_id)
    assert rotating.refreshes() == 1
    await rotating.later(45)
    await rotating.still.credentials.of(rotating.scope, rotating.account_id)
    assert rotating.refreshes() == 2


async def test_slacks_word_that_a_token_has_expired_renews_it_instead_of_breaking_the_account(rotating: Rotating) -> None:
    """Its clock counts, not ours."""
    still = rotating.still
    still.slack.rotation.now += LIFETIME_S + 1
    async with still.db.tenant(rotating.scope) as session:
        await session.execute(
            "UPDATE secrets SET updated_at = now() - interval '2 hours' WHERE tenant_id = $1", rotating.scope.tenant_id
        )
    await rotating.answer()
    assert (await rotating.states(), rotating.refreshes()) == (["pending"], 0)
    await make_due(still, rotating.scope, "send")
    await send(still)
    row = await account(still.db, rotating.scope)
    assert (await rotating.states(), rotating.refreshes(), row["status"]) == (["sent"], 1, "active")
    assert (len(still.slack.posts), await rotating.notices()) == (1, 0)
    # A new token that is refused at once is no reason to ask for the next, and the next.
    expired = answers(200, '{"ok":false,"error":"token_expired"}')
    still.slack.fault, still.slack.accept, still.slack.fault_in = expired, False, POST
    await rotating.answer()
    row = await account(still.db, rotating.scope)
    assert (row["status"], row["status_reason"], rotating.refreshes()) == ("broken", "token_expired", 1)


OUTCOMES: dict[str, tuple[Fault, bool, float]] = {
    # name: what Slack does, whether the refresh token may be used up, the longest wait until the next attempt
    "limited": (answers(429, '{"ok":false,"error":"ratelimited"}', Retry_After="90"), False, 90),
    "our secret is wrong": (answers(200, '{"ok":false,"error":"bad_client_secret"}'), False, renewals.REFUSED_WAIT_S),
    "not that app": (answers(200, '{"ok":false,"error":"invalid_client_id"}'), False, renewals.REFUSED_WAIT_S),
    "server error": (answers(500, '{"ok":false,"error":"internal_error"}'), True, WINDOW_S),
    "garbage": (answers(200, "<html>", "text/html"), True, WINDOW_S),
    "cut": (resets, True, WINDOW_S),
    "hangs": (hangs, True, WINDOW_S),
    "half an answer": (answers(200, '{"ok":true,"access_token":"xoxe.xoxb-1"}'), True, WINDOW_S),
}


@pytest.mark.parametrize("name", sorted(OUTCOMES))
async def test_an_attempt_that_brings_nothing_costs_nothing(
    rotating: Rotating, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """The old token is used while it holds; when it is over the answer waits, and goes out once after the next attempt."""
    monkeypatch.setattr(renewals, "CALL_S", 1.0)
    still, (fault, doubt, longest_s) = rotating.still, OUTCOMES[name]
    still.slack.fault, still.slack.accept, still.slack.fault_in, still.slack.fault_times = fault, False, REFRESH, 1
    held = await rotating.tokens()
    await rotating.later(LIFETIME_S - HOUR_S)
    assert await rotating.work() == 1
    row = await account(still.db, rotating.scope)
    assert (row["status"], row["renewal_doubt"], rotating.refreshes()) == ("active", doubt, 1)
    assert 0 < row["waits_s"] <= longest_s and await rotating.tokens() == held
    await rotating.answer()
    assert (await rotating.states(), rotating.refreshes()) == (["sent"], 1)
    assert (await rotating.work(), rotating.refreshes()) == (0, 1)

    await rotating.later(HOUR_S)
    await rotating.answer()
    assert (await rotating.states(), rotating.refreshes(), await rotating.notices()) == (["sent", "sent"], 2, 0)
    row = await account(still.db, rotating.scope)
    assert (row["status"], row["renewal_doubt"], row["renewal_wait_until"]) == ("active", False, None)


async def test_while_a_renewal_is_refused_for_now_answers_wait_and_go_out_in_order(rotating: Rotating) -> None:
    still = rotating.still
    still.slack.fault, still.slack.accept, still.slack.fault_in = answers(429, "{}", Retry_After="40"), False, REFRESH
    await rotating.later(LIFETIME_S)
    await rotating.answer()
    (due,) = await rows(
        still, rotating.scope, "SELECT extract(epoch FROM due_at - now())::float8 AS s FROM ready_queue"
        " WHERE tenant_id = $1 AND lane = 'send'",
    )  # fmt: skip
    assert (await rotating.states(), 0 < due["s"] <= 41) == (["pending"], True)
    await still.deliver(message(still.teams[0], "D1", "U1", "second"))
    await take_turn(still)
    still.slack.fault = None
    await rotating.later(41)
    await make_due(still, rotating.scope, "send")
    await send(still)
    assert await rotating.states() == ["sent", "sent"]
    assert ["second" in text for text in still.texts(still.teams[0])] == [False, True]


@pytest.mark.parametrize(("doubt", "reason"), [(False, "renewal_refused"), (True, "renewal_lost")])
async def test_a_dead_grant_breaks_the_account_and_a_new_installation_mends_everything(
    rotating: Rotating, doubt: bool, reason: str
) -> None:
    still, slack = rotating.still, rotating.still.slack
    await rotating.later(LIFETIME_S - HOUR_S)
    if doubt:
        # Slack grants, and its answer is lost: the refresh token is used up.
        slack.fault, slack.accept, slack.fault_in, slack.fault_times = resets, True, REFRESH, 1
        await rotating.work()
        assert (await account(still.db, rotating.scope))["status"] == "active"
        await rotating.later(WINDOW_S + 1)
    else:
        slack.rotation.end(slack.workspaces[0])
    assert await rotating.work() == 1
    row = await account(still.db, rotating.scope)
    assert (row["status"], row["status_reason"], await rotating.notices()) == ("broken", reason, 1)
    assert len(slack.rotation.refused) == 1 and await rotating.work() == 0
    await rotating.answer()
    assert (await rotating.states(), slack.posts) == (["pending"], [])

    await install(still.db, rotating.vault, slack, rotating.scope, still.teams[0])
    await send(still)
    row = await account(still.db, rotating.scope)
    assert (await rotating.states(), row["status"], await rotating.notices()) == (["sent"], "active", 0)
    await rotating.later(LIFETIME_S - HOUR_S)
    assert await rotating.work() == 1 and (await account(still.db, rotating.scope))["status"] == "active"


async def test_an_installation_made_during_a_renewal_wins(rotating: Rotating) -> None:
    """Its tokens are newer than those that the renewal brings, whether that is granted or refused."""
    still, slack = rotating.still, rotating.still.slack
    for granted in (True, False):
        await rotating.later(LIFETIME_S)
        held = Holding(slack, granted)
        slack.fault, slack.accept, slack.fault_in, slack.fault_times = held, False, REFRESH, 1
        renewing = asyncio.create_task(rotating.work())
        await until(held.arrived.is_set)
        await install(still.db, rotating.vault, slack, rotating.scope, still.teams[0])
        newest = await rotating.tokens()
        held.release.set()
        await renewing
        row = await account(still.db, rotating.scope)
        assert (await rotating.tokens(), row["status"], await rotating.notices()) == (newest, "active", 0)
    await rotating.answer()
    assert await rotating.states() == ["sent"]


class Holding:
    """A fault: Slack decides at once, and its answer stays out until it is released."""

    def __init__(self, slack: FakeSlack, granted: bool) -> None:
        self.arrived, self.release = asyncio.Event(), asyncio.Event()
        self._slack = slack
        self._granted = granted

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        answer: dict[str, Any] = {"ok": False, "error": "invalid_refresh_token"}
        if self._granted:
            answer = await self._slack._answer(REFRESH, "", request)
        self.arrived.set()
        await self.release.wait()
        return web.json_response(answer)


async def test_whoever_is_stopped_leaves_the_call_to_its_end(rotating: Rotating) -> None:
    """A worker that is told to stop, or a claim that is taken away, must not lose what Slack gives once."""
    still = rotating.still
    await rotating.later(LIFETIME_S)
    asked = asyncio.create_task(still.credentials.of(rotating.scope, rotating.account_id))
    await until(lambda: rotating.refreshes() == 1)
    asked.cancel()
    await still.credentials.close()
    assert (await account(still.db, rotating.scope))["left_s"] > LIFETIME_S - 60
    await rotating.answer()
    assert (await rotating.states(), rotating.refreshes()) == (["sent"], 1)
