"""Processes that die or freeze while a token is renewed: the refresh token works once, and what it brings must not be lost."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from aiohttp import web

from konstruct.channels.renewals import WINDOW_S
from konstruct.jobs.tenant_jobs import LEASE_S
from konstruct.kit.settings import Settings
from konstruct.tenants.keyring import FileKeyRing
from konstruct.tenants.vault import Vault
from tests.faults.plant import PATIENCE_S, Plant, Unit, plant
from tests.support.fake_rotation import LIFETIME_S
from tests.support.fake_slack import FakeSlack
from tests.support.fake_slack_app import FakeApp
from tests.support.house import until
from tests.support.rotating import account, install, pass_time, tokens

REFRESH = "oauth.v2.access"


class Answer:
    """A fault: Slack grants at once, and its answer stays out until it is released."""

    def __init__(self, slack: FakeSlack) -> None:
        self.granted, self.release = asyncio.Event(), asyncio.Event()
        self._slack = slack
        slack.fault, slack.accept, slack.fault_in, slack.fault_times = self, False, REFRESH, 1

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        answer = await self._slack._answer(REFRESH, "", request)
        self.granted.set()
        await self.release.wait()
        return web.json_response(answer)


async def test_killed_frozen_and_all_at_once_a_refresh_token_is_used_once_and_every_answer_goes_out_once(
    settings: Settings, tmp_path: Path
) -> None:
    own = FakeApp(lambda place, token: None)
    named = {"SLACK_CLIENT_ID": own.client_id, "SLACK_CLIENT_SECRET": own.client_secret}
    async with plant(settings, tmp_path, lease_s=2.0, **named) as made:
        vault = Vault(FileKeyRing(Path(str(settings.keyring))))
        await made.rows("DELETE FROM tenant_jobs WHERE kind = 'token_renewal'")
        for scope, team in zip(made.scopes, made.teams, strict=True):
            await install(made.db, vault, made.slack, scope, team)
        _, first, second = await asyncio.gather(made.start("web"), made.start("worker"), made.start("worker"))
        await _all_at_once(made)
        await _killed_before_the_store(made, vault, [first, second])
        await made.start("worker")
        await _frozen_until_the_app_was_installed_again(made, vault)


async def _all_at_once(made: Plant) -> None:
    """The token is over, its job is due, and answers for four conversations wait in two workers."""
    for scope in made.scopes:
        await pass_time(made.db, made.slack, scope, LIFETIME_S + 1)
    await made.round(1)
    await made.idle()
    made.verdict()
    assert sorted(made.slack.rotation.used) == sorted(f"xoxe-{team.team_id}-{1 + n}" for n, team in enumerate(made.teams))
    assert made.slack.rotation.refused == []


async def _killed_before_the_store(made: Plant, vault: Vault, workers: list[Unit]) -> None:
    """Slack's answer is there, and the worker dies on its way into the database. Nobody can know; the next one tries."""
    slack, scope, team = made.slack, made.scopes[0], made.teams[0]
    answer, before = Answer(slack), len(slack.rotation.used)
    await pass_time(made.db, slack, scope, LIFETIME_S - 3600)
    await asyncio.wait_for(answer.granted.wait(), PATIENCE_S)
    row = await account(made.db, scope)
    assert (row["status"], row["renewal_doubt"], row["waits_s"] > 0) == ("active", True, True)
    async with made.db.tenant(scope) as session:
        await session.execute("SELECT 1 FROM channel_accounts WHERE tenant_id = $1 FOR UPDATE", scope.tenant_id)
        answer.release.set()
        stuck: list[str] = []

        async def storing() -> bool:
            # A transaction sees one state of the server's activity: a new one for each look.
            async with made.db.tenant(scope) as look:
                stuck[:] = [each["application_name"] for each in await look.fetch(_BLOCKED, scope.tenant_id)]
            return bool(stuck)

        await until(storing, PATIENCE_S)
        (victim,) = [unit for unit in workers if unit.name in stuck]
        await victim.kill()
    held = await tokens(made.db, vault, scope)
    # The old token is good for an hour still; that the attempt is over shows when its time has passed.
    await made.say(team, "D1", 2)
    await made.idle()
    made.verdict()
    await pass_time(made.db, slack, scope, WINDOW_S + LEASE_S)
    await until(lambda: _is(made, "broken"), PATIENCE_S)
    row = await account(made.db, scope)
    assert (row["status_reason"], await tokens(made.db, vault, scope)) == ("renewal_lost", held)
    assert (len(slack.rotation.used), slack.rotation.refused) == (before + 1, [held[1]])
    # What is asked now is answered once the app is installed again, and nothing twice.
    await made.say(team, "D1", 3)
    await until(lambda: _waits(made), PATIENCE_S)
    await install(made.db, vault, slack, scope, team)
    await made.idle()
    made.verdict()


async def _frozen_until_the_app_was_installed_again(made: Plant, vault: Vault) -> None:
    """It wakes up with tokens that were good once: newer ones are there."""
    slack, scope, team = made.slack, made.scopes[0], made.teams[0]
    answer = Answer(slack)
    await pass_time(made.db, slack, scope, LIFETIME_S - 3600)
    await asyncio.wait_for(answer.granted.wait(), PATIENCE_S)
    frozen = [unit for unit in made.units if unit.alive and unit.name.startswith("worker")]
    for unit in frozen:
        unit.freeze()
    answer.release.set()
    await pass_time(made.db, slack, scope, WINDOW_S + 1)
    await install(made.db, vault, slack, scope, team)
    newest = await tokens(made.db, vault, scope)
    for unit in frozen:
        unit.thaw()
    await until(lambda: any(_ended(unit) for unit in frozen), PATIENCE_S)
    await made.say(team, "D1", 4)
    await made.idle()
    made.verdict()
    assert (await tokens(made.db, vault, scope), (await account(made.db, scope))["status"]) == (newest, "active")


_BLOCKED = """
SELECT a.application_name FROM pg_stat_activity a
WHERE a.wait_event_type = 'Lock' AND a.query LIKE '%channel_accounts%' AND $1::uuid IS NOT NULL
"""


def _ended(unit: Unit) -> bool:
    """It came back too late for its call's time, or for the account's tokens."""
    log = unit.log.read_text()
    return "token_renewal_outdated" in log or "token_renewal_unknown" in log


async def _is(made: Plant, status: str) -> bool:
    return bool((await account(made.db, made.scopes[0]))["status"] == status)


async def _waits(made: Plant) -> Any:
    async with made.db.tenant(made.scopes[0]) as session:
        return await session.fetchval(
            "SELECT count(*) FROM deliveries WHERE tenant_id = $1 AND state = 'pending'", made.scopes[0].tenant_id
        )
