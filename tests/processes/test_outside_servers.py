"""With outside servers in the settings, every process runs as it would in production: no embedded part, its own login."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import asyncpg

from konstruct.local.postgres import Postgres
from konstruct.local.valkey import Valkey
from tests.support import slack_events
from tests.support.fake_openai import FakeOpenAi, reply
from tests.support.fake_slack import FakeSlack, Workspace
from tests.support.house import until
from tests.support.ports import free_port
from tests.support.processes import command, environment, running
from tests.support.slack_events import Team

CANARY = "CANARY-7f3a-words"
TEAMS = (Team("TOUT1", "A1", "UBOT1", "xoxb-out-1"), Team("TOUT2", "A1", "UBOT2", "xoxb-out-2"))


def _address(server: Postgres, role: str) -> str:
    parts = urlsplit(server.admin_url)
    # Roles are shared by the databases of a cluster, so their passwords must be those of the other tests.
    return f"postgresql://{role}:{role.removeprefix('konstruct_')}-pass@{parts.hostname}:{parts.port}/outside"


async def test_bootstrap_migrate_web_worker_and_beat_on_outside_servers(
    cluster: Postgres, valkey: Valkey, tmp_path: Path
) -> None:
    port = free_port()
    slack = FakeSlack([Workspace(t.token, t.team_id, t.app_id, f"B{t.team_id}", t.bot_user_id, {"D1"}) for t in TEAMS])
    model = FakeOpenAi(reply(f"At nine. {CANARY}"), key="sk-outside", models=("test-model",))
    await slack.start()
    await model.__aenter__()
    logins = {
        "DATABASE_URL": _address(cluster, "konstruct_app"),
        "FLEET_DATABASE_URL": _address(cluster, "konstruct_fleet"),
    }
    owner = {"OWNER_DATABASE_URL": _address(cluster, "konstruct_maintenance")}
    common = {
        "ENV": "production",
        "REDIS_URL": valkey.url(2),
        "BROKER_URL": valkey.url(3),
        "KEYRING": str(tmp_path / "keyring.json"),
        "BIND": f"127.0.0.1:{port}",
        "SLACK_SIGNING_SECRET": "outside-secret",
        "SLACK_API_URL": slack.url,
        "LLM_BACKEND": "openai_compat",
        "LLM_URL": model.url,
        "LLM_MODEL": "test-model",
        "LLM_API_KEY": "sk-outside",
        "BURST_S": "0.1",
        "LOG_LEVEL": "DEBUG",
        **logins,
    }
    env = environment(common)
    operator = environment({**common, **owner, "ADMIN_DATABASE_URL": cluster.admin_url})
    try:
        assert "0001" in await command(operator, "migrate", "--bootstrap")
        assert "up to date" in await command(environment({**common, **owner}), "migrate")
        for number, team in enumerate(TEAMS):
            created = json.loads(await command(env, "tenant", "create", f"Outside {number}", "--json"))
            assert created["sign_in_url"].startswith("http")
            await command(
                env, "channel", "connect", "slack", "--tenant", created["tenant_id"], "--team", team.team_id,
                "--app", team.app_id, "--bot-user", team.bot_user_id, "--bot-token", team.token,
            )  # fmt: skip
        async with (
            running(env, "web", tmp_path / "web.log", "Application startup complete"),
            running(env, "worker", tmp_path / "worker.log", "worker_ready"),
            running(environment({**common, **owner}), "beat", tmp_path / "beat.log", "maintained"),
            aiohttp.ClientSession() as http,
        ):
            for team in TEAMS:
                body = slack_events.encode(slack_events.message(team, "D1", "U1", f"{CANARY} hello"))
                headers = slack_events.sign(body, "outside-secret")
                async with http.post(f"http://127.0.0.1:{port}/webhooks/slack/events", data=body, headers=headers) as answer:
                    assert answer.status == 200
            await until(lambda: len(slack.posts) == len(TEAMS), 30)
            # What goes wrong may not quote its input either.
            for body in (f'{{"{CANARY}":'.encode(), f'{{"type":"event_callback","event":"{CANARY}"}}'.encode()):
                headers = slack_events.sign(body, "outside-secret")
                async with http.post(f"http://127.0.0.1:{port}/webhooks/slack/events", data=body, headers=headers) as answer:
                    assert answer.status in (200, 400)
                    assert CANARY not in await answer.text()
            async with http.get(f"http://127.0.0.1:{port}/sandbox") as answer:
                assert answer.status == 404
            assert await _logins(cluster) == {"konstruct_app", "konstruct_fleet"}
        _assert_silent(tmp_path)
        assert {post["team"] for post in slack.posts} == {team.team_id for team in TEAMS}
        posted = [token for method, token in slack.requests if method == "chat.postMessage"]
        assert sorted(posted) == sorted(team.token for team in TEAMS)
    finally:
        await slack.stop()
        await model.__aexit__()


def _assert_silent(folder: Path) -> None:
    """At DEBUG, no process's output holds a text, a name or a secret; and no line of ours had to be censored."""
    secret = [CANARY, "Outside 0", "sk-outside", "outside-secret", "valkey-pass", "app-pass", *(team.token for team in TEAMS)]
    for name in ("web", "worker", "beat"):
        output = (folder / f"{name}.log").read_text()
        assert '"level":"debug"' in output, f"{name} was not at DEBUG"
        assert [word for word in secret if word in output] == [], name
        ours = [line for line in output.splitlines() if '"logger"' not in line]
        assert [line for line in ours if '"withheld"' in line] == [], name


async def _logins(cluster: Postgres) -> set[str]:
    """Return who is logged in to the database while all processes run: the maintenance login only for its moment."""
    connection = await asyncpg.connect(cluster.admin_url)
    try:
        rows = await connection.fetch("SELECT DISTINCT usename FROM pg_stat_activity WHERE datname = 'outside'")
    finally:
        await connection.close()
    return {row["usename"] for row in rows}
