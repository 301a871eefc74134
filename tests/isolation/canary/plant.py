"""The whole product as processes of its own, on a database of its own, between fakes that record everything."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import aiohttp
import asyncpg
from aiohttp import web

from konstruct.channels import accounts
from konstruct.channels.port_abilities import Grant
from konstruct.db.bootstrap import bootstrap
from konstruct.db.database import Database
from konstruct.db.migrate import migrate
from konstruct.db.scope import TenantScope
from konstruct.kit.settings import Settings
from konstruct.local.postgres import Postgres
from konstruct.local.valkey import Valkey
from konstruct.tenants.keyring import FileKeyRing
from konstruct.tenants.service import create_tenant
from konstruct.tenants.vault import Vault
from tests.conftest import PASSWORDS
from tests.isolation.canary.marks import Marks, Sinks, found_in
from tests.support import slack_events
from tests.support.fake_openai import FakeOpenAi, chunk, error, reply, stream
from tests.support.fake_slack import FakeSlack, Workspace
from tests.support.mail_server import MailServer, open_mail_server
from tests.support.ports import free_port
from tests.support.processes import environment, running
from tests.support.slack_events import Team

SECRETS = ("signing-kzq-secret", "sk-kzq-key", "app-secret-canary", "app-pass", "fleet-pass", "maintenance-pass", "valkey-pass")
"""The installation's own."""
PATIENCE_S = 120.0
"""A step that has not come about by then never will, on a loaded machine either."""
_DATABASE = "konstruct_canary"


@dataclass
class Plant:
    """What the story talks to. It looks like a house to `open_portal` and the like: it has its `db` and `url`."""

    db: Database
    url: str
    marks: tuple[Marks, Marks]
    teams: tuple[Team, Team]
    scopes: tuple[TenantScope, TenantScope]
    slack: FakeSlack
    model: FakeOpenAi
    mail: MailServer
    admin: asyncpg.Connection[asyncpg.Record]
    folder: Path
    http: aiohttp.ClientSession
    sinks: Sinks = field(default_factory=Sinks)

    async def deliver(self, delivery: dict[str, Any]) -> None:
        """Post a signed delivery."""
        body = slack_events.encode(delivery)
        headers = slack_events.sign(body, SECRETS[0])
        async with self.http.post(f"{self.url}/webhooks/slack/events", data=body, headers=headers) as answer:
            self.sinks.add(None, "webhook answers", await answer.text(), str(answer.headers))
            assert answer.status == 200

    async def fetch(self, number: int, sql: str) -> list[asyncpg.Record]:
        """Return rows of a business, seen by a superuser; `$1` is its id."""
        found: list[asyncpg.Record] = await self.admin.fetch(sql, self.scopes[number].tenant_id)
        return found

    async def has(self, sql: str) -> bool:
        """Return whether a query finds something of both businesses."""
        return all([await self.fetch(number, sql) for number in (0, 1)])


def team_of(marks: Marks) -> Team:
    return Team(f"T{marks('team')}".upper(), "A1", f"U{marks('bot')}".upper(), f"xoxb-{marks('token')}")


def place(marks: Marks, kind: str) -> str:
    """Return a channel's id: `D` or `C`; `DX` is one that Slack refuses to post to."""
    return f"{kind[0]}{marks('refused' if kind == 'DX' else 'direct' if kind == 'D' else 'channel')}".upper()


@asynccontextmanager
async def open_plant(cluster: Postgres, valkey: Valkey, folder: Path) -> AsyncIterator[Plant]:
    """Run web, worker and beat until the end of the block, at DEBUG; their logs are `folder`/NAME.log."""
    async with AsyncExitStack() as stack:
        marks = Marks(0), Marks(1)
        teams = team_of(marks[0]), team_of(marks[1])
        workspaces = [
            Workspace(t.token, t.team_id, t.app_id, f"B{t.team_id}", t.bot_user_id, {place(m, "D"), place(m, "C")})
            for t, m in zip(teams, marks, strict=True)
        ]
        slack = FakeSlack(workspaces)
        await slack.start()
        stack.push_async_callback(slack.stop)
        models = ("test-model", marks[0]("model"), marks[1]("model"))
        model = await stack.enter_async_context(FakeOpenAi(_think, key=SECRETS[1], models=models))
        mail = await stack.enter_async_context(open_mail_server())
        common, owner = await _settings(cluster, valkey, folder, slack.url, model.url, mail.port)
        settings = Settings.model_validate({name.lower(): value for name, value in common.items()})
        db = await Database.open(settings, pool=2)
        stack.push_async_callback(db.close)
        scopes = await _tenants(db, settings, marks, teams)
        address = urlunsplit(urlsplit(cluster.admin_url)._replace(path=f"/{_DATABASE}"))
        admin = await asyncpg.connect(address)
        stack.push_async_callback(admin.close)
        http = await stack.enter_async_context(aiohttp.ClientSession())
        env = environment(common)
        await stack.enter_async_context(running(env, "web", folder / "web.log", "Application startup complete"))
        await stack.enter_async_context(running(env, "worker", folder / "worker.log", "worker_ready"))
        beat = environment({**common, **owner})
        await stack.enter_async_context(running(beat, "beat", folder / "beat.log", "maintained"))
        plant = Plant(db, common["PUBLIC_URL"], marks, teams, scopes, slack, model, mail, admin, folder, http)
        for number, scope in enumerate(scopes):
            plant.sinks.tenants |= {str(scope.tenant_id): number, scope.tenant_id.hex: number}
        yield plant


async def _settings(
    cluster: Postgres, valkey: Valkey, folder: Path, slack_url: str, model_url: str, mail_port: int
) -> tuple[dict[str, str], dict[str, str]]:
    urls = await bootstrap(cluster.admin_url, database=_DATABASE, passwords=PASSWORDS)
    await asyncio.to_thread(migrate, urls.maintenance)
    port = free_port()
    common = {
        "DATABASE_URL": urls.app,
        "FLEET_DATABASE_URL": urls.fleet,
        "REDIS_URL": valkey.url(4),
        "BROKER_URL": valkey.url(5),
        "KEYRING": str(folder / "keyring.json"),
        "BIND": f"127.0.0.1:{port}",
        "PUBLIC_URL": f"http://127.0.0.1:{port}",
        "SMTP_URL": f"smtp://127.0.0.1:{mail_port}",
        "MAIL_FROM": "desk@example.com",
        "SLACK_SIGNING_SECRET": SECRETS[0],
        "SLACK_API_URL": slack_url,
        "SLACK_CLIENT_ID": "4711.0815",
        "SLACK_CLIENT_SECRET": SECRETS[2],
        "LLM_BACKEND": "openai_compat",
        "LLM_URL": model_url,
        "LLM_MODEL": "test-model",
        "LLM_API_KEY": SECRETS[1],
        "BURST_S": "0.05",
        "LOG_LEVEL": "DEBUG",
    }
    return common, {"OWNER_DATABASE_URL": urls.maintenance}


async def _tenants(
    db: Database, settings: Settings, marks: tuple[Marks, Marks], teams: tuple[Team, Team]
) -> tuple[TenantScope, TenantScope]:
    ring = FileKeyRing(Path(str(settings.keyring)))
    await ring.init()
    vault, made = Vault(ring), []
    for m, team in zip(marks, teams, strict=True):
        created = await create_tenant(
            db,
            vault,
            name=f"Bikes {m('business')}",
            employee=f"Ada {m('employee')}",
            persona=f"You help people. {m('firstpersona')}",
            policy=m("firstpolicy"),
            email=f"{m('owneremail')}@example.com",
        )
        await accounts.connect_grant(db, vault, created.scope, kind="slack", grant=_granted(m, team))
        made.append(created.scope)
    return made[0], made[1]


def _granted(m: Marks, team: Team) -> Grant:
    return Grant(
        account_key=team.team_id,
        token=team.token,
        app_id=team.app_id,
        bot_user_id=team.bot_user_id,
        account_name=f"Workspace {m('workspace')}",
        enterprise_id=f"E{m('organisation')}".upper(),
        scopes=frozenset((f"{m('scope')}:read",)),
        refresh_token=f"xoxe-{m('token')}",
    )


def asked_by(body: dict[str, Any]) -> int:
    """Return whose employee asks the model: it says so before anything else."""
    [number] = {number for number, label in found_in(json.dumps(body["messages"][0])) if label == "business"}
    return number


async def _think(fake: FakeOpenAi, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
    """Answer as the business's own model would: with its marks, a tool call, or an error that quotes the request."""
    text, mark = json.dumps(body["messages"]), Marks(asked_by(body))
    last = body["messages"][-1]
    if last["role"] == "user" and "use a tool" in str(last["content"]):
        call = {"name": mark("toolname"), "arguments": json.dumps({"number": mark("toolargument")})}
        calls = [{"index": 0, "id": mark("toolcall"), "type": "function", "function": call}]
        behave = stream([chunk({"role": "assistant", "content": mark("aside"), "tool_calls": calls}), chunk({}, "tool_calls")])
    elif last["role"] == "user" and "break down" in str(last["content"]):
        behave = error(400, kind="invalid_request_error", message=f"cannot take {text}")
    else:
        behave = reply(f"Three days, says {mark('answer')}.")
    return await behave(fake, request, body)


def lines_with_level(log: str) -> list[str]:
    """Return the lines that are ours or a library's, as JSON; what is not JSON is none."""
    return [line for line in log.splitlines() if re.match(r'\{.*"level"', line)]
