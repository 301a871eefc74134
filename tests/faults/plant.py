"""Real processes between a fake Slack and a fake model, to be killed, frozen and cut off.

The verdict is read from what the fake Slack shows and from SQL only, never from what a process says of itself.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import re
import signal
import sys
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from konstruct.channels import accounts
from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.db.session import Record
from konstruct.kit.settings import Settings
from konstruct.local.postgres import Postgres
from konstruct.local.valkey import Valkey
from konstruct.tenants.keyring import FileKeyRing
from konstruct.tenants.service import create_tenant
from konstruct.tenants.vault import Vault
from tests.conftest import SIGNING_SECRET
from tests.support import slack_events
from tests.support.fake_openai import FakeOpenAi, reply
from tests.support.fake_slack import FakeSlack, Workspace
from tests.support.house import until
from tests.support.ports import free_port
from tests.support.processes import environment
from tests.support.queueing import empty_queue
from tests.support.slack_events import Team

CHANNELS = ("D1", "D2")
THREADS = ("C1", "C2")
"""Channels in which a thread is a conversation."""
DATABASE_URLS = ("KONSTRUCT_DATABASE_URL", "KONSTRUCT_FLEET_DATABASE_URL")
KONSTRUCT = ("-m", "konstruct.cli.main")
MARK = re.compile(r"#(\d+)#")
PATIENCE_S = 60.0
THINKS_S = 0.3


class Unit:
    """One of our processes. The database's server knows its connections by `name`."""

    def __init__(self, name: str, process: asyncio.subprocess.Process, log: Path) -> None:
        self.name = name
        self.process = process
        self.log = log
        self.started = False
        """Whether it has said that it works."""

    @property
    def alive(self) -> bool:
        return self.process.returncode is None

    @property
    def pid(self) -> int:
        return self.process.pid

    def freeze(self) -> None:
        """Stop it, and return when none of its threads runs any more: the signal alone leaves them a moment."""
        os.kill(self.pid, signal.SIGSTOP)
        os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def thaw(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    async def kill(self) -> None:
        """kill -9, and wait for the end."""
        if self.process.returncode is None:
            self.process.kill()
            await self.process.wait()


@dataclass
class Plant:
    """A web process, workers, and what stands around them."""

    env: Mapping[str, str]
    folder: Path
    db: Database
    slack: FakeSlack
    model: FakeOpenAi
    teams: tuple[Team, Team]
    scopes: tuple[TenantScope, TenantScope]
    url: str
    http: aiohttp.ClientSession = field(repr=False)
    channels: Sequence[str] = CHANNELS
    thinking: asyncio.Event = field(default_factory=asyncio.Event)
    """While it is clear, the model thinks on."""
    units: list[Unit] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=itertools.count)
    acked: dict[tuple[str, str], list[int]] = field(default_factory=lambda: defaultdict(list))
    """The numbers of the messages that were acknowledged, by team and channel, in the order in which they were written."""
    echoed: int = 0
    echoing: asyncio.Event = field(default_factory=asyncio.Event)
    """While it is clear, no post is shown to its own bot."""
    deaf: set[str] = field(default_factory=set)
    """The teams whose bots are never shown their own posts."""

    async def start(self, name: str, python: Sequence[str] = KONSTRUCT) -> Unit:
        """Start `konstruct NAME`, or what `python` stands for with that word, and wait until it works."""
        own = f"{name}-{next(self.numbers)}"
        log = self.folder / f"{own}.log"
        env = {**self.env, **{url: f"{self.env[url]}?application_name={own}" for url in DATABASE_URLS}}
        with log.open("wb") as out:
            process = await asyncio.create_subprocess_exec(sys.executable, *python, name, env=env, stdout=out, stderr=out)
        unit = Unit(own, process, log)
        self.units.append(unit)
        sign = "worker_ready" if name == "worker" else "Application startup complete"
        await until(lambda: sign in log.read_text() or process.returncode is not None, PATIENCE_S)
        assert process.returncode is None, log.read_text()
        unit.started = True
        return unit

    async def post(self, delivery: dict[str, Any]) -> int | None:
        """Deliver once; return the status, None if nobody answered."""
        body = slack_events.encode(delivery)
        try:
            async with self.http.post(
                f"{self.url}/webhooks/slack/events", data=body, headers=slack_events.sign(body, SIGNING_SECRET)
            ) as answer:
                return answer.status
        except (aiohttp.ClientError, TimeoutError):
            return None

    async def deliver(self, delivery: dict[str, Any]) -> None:
        """Deliver until it is acknowledged, as Slack does (which waits longer in between)."""

        async def acknowledged() -> bool:
            return await self.post(delivery) == 200

        await until(acknowledged, PATIENCE_S)

    async def say(self, team: Team, channel: str, number: int) -> None:
        """Deliver message `number` twice until it is acknowledged."""
        written = slack_events.message(team, channel, "U1", f"#{number}#")
        await self.deliver(written)
        self.acked[team.team_id, channel].append(number)
        await self.deliver(written)

    async def round(self, number: int) -> None:
        """Say message `number` in every channel of both tenants."""
        await asyncio.gather(*(self.say(team, channel, number) for team in self.teams for channel in self.channels))

    async def rows(self, sql: str, *args: Any) -> list[Record]:
        """Return rows of the platform's tables."""
        return await self.db.fleet_fetch("test", sql, *args)

    async def leases(self, unit: Unit, lane: str) -> int:
        """How many conversations' lanes the worker holds."""
        (row,) = await self.rows(
            "SELECT count(*) AS n FROM ready_queue q JOIN workers w ON w.worker_id = q.lease_owner"
            " WHERE w.pid = $1 AND q.lane = $2 AND q.state = 'leased'",
            unit.pid,
            lane,
        )
        return int(row["n"])

    async def turns(self, unit: Unit) -> int:
        """How many turns the worker has under way: opened, and not finished."""
        (worker,) = await self.rows("SELECT worker_id FROM workers WHERE pid = $1 ORDER BY seen_at DESC LIMIT 1", unit.pid)
        found = 0
        for scope in self.scopes:
            async with self.db.tenant(scope) as session:
                found += await session.fetchval(
                    "SELECT count(*) FROM turns t JOIN ready_queue q ON q.tenant_id = t.tenant_id"
                    " AND q.conversation_id = t.conversation_id AND q.lane = 'turn' AND q.epoch = t.epoch"
                    " WHERE t.tenant_id = $1 AND t.state = 'running' AND q.lease_owner = $2",
                    scope.tenant_id,
                    worker["worker_id"],
                )
        return found

    async def idle(self) -> None:
        """Wait until everything that was accepted has been answered and sent."""
        tenants = [scope.tenant_id for scope in self.scopes]
        left: list[Record] = []

        async def quiet() -> bool:
            left[:] = await self.rows("SELECT * FROM ready_queue WHERE state <> 'idle' AND tenant_id = ANY($1)", tenants)
            return not left

        try:
            await until(quiet, PATIENCE_S)
        except TimeoutError:
            raise AssertionError(f"after {PATIENCE_S:g} s there is still to do: {left}") from None

    def verdict(self) -> None:
        """Everything acknowledged was answered, once, in its order, in its channel and by its tenant."""
        said: dict[tuple[str, str], list[int]] = defaultdict(list)
        for post in self.slack.posts:
            text = "".join(block["text"] for block in post["blocks"])
            said[post["team"], post["channel"]] += [int(number) for number in MARK.findall(text)]
        assert dict(said) == dict(self.acked)
        shown = [post["metadata"]["event_payload"]["delivery_id"] for post in self.slack.posts]
        assert len(shown) == len(set(shown))

    async def echo(self) -> None:
        """Show every post to its own bot, as Slack does."""
        while True:
            await until(lambda: self.echoed < len(self.slack.posts) and self.echoing.is_set(), 3600)
            post = self.slack.posts[self.echoed]
            team = next(team for team in self.teams if team.team_id == post["team"])
            if team.team_id not in self.deaf:
                await self.deliver(slack_events.echo(team, post))
            self.echoed += 1


@asynccontextmanager
async def plant(
    settings: Settings, folder: Path, *, lease_s: float = 2.0, channels: Sequence[str] = CHANNELS, **more: str
) -> AsyncIterator[Plant]:
    """Everything but our processes: two tenants with their workspaces, a model that repeats the numbers it is asked."""
    db = await Database.open(settings, pool=4)
    await empty_queue(db)
    ring = FileKeyRing(Path(str(settings.keyring)))
    await ring.init()
    vault = Vault(ring)
    scopes, teams = await two_tenants(db, vault)
    slack = FakeSlack([workspace(team) for team in teams])
    for bot in slack.workspaces:
        bot.channels |= set(channels)
    await slack.start()
    port = free_port()
    async with (
        FakeOpenAi(models=("test-model",)) as model,
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10), connector=aiohttp.TCPConnector(force_close=True)) as http,
    ):
        named = _environment(settings, slack.url, model.url, port, lease_s) | more
        made = Plant(environment(named), folder, db, slack, model, teams, scopes, f"http://127.0.0.1:{port}", http, channels)
        made.thinking.set()
        made.echoing.set()
        model.default = repeats(made)
        echoing = asyncio.create_task(made.echo())
        try:
            yield made
        finally:
            echoing.cancel()
            made.thinking.set()
            for unit in made.units:
                await unit.kill()
            await slack.stop()
            await db.close()


def _environment(settings: Settings, slack_url: str, model_url: str, port: int, lease_s: float) -> dict[str, str]:
    secrets = {name: getattr(settings, name) for name in ("database_url", "fleet_database_url", "redis_url", "broker_url")}
    return {
        **{name.upper(): secret.get_secret_value() for name, secret in secrets.items()},
        **between(slack_url, model_url),
        "KEYRING": str(settings.keyring),
        "BIND": f"127.0.0.1:{port}",
        "LEASE_S": str(lease_s),
    }


def between(slack_url: str, model_url: str) -> dict[str, str]:
    """The settings of processes between a fake Slack and a fake model."""
    return {
        "SLACK_SIGNING_SECRET": SIGNING_SECRET,
        "SLACK_API_URL": slack_url,
        "LLM_BACKEND": "openai_compat",
        "LLM_URL": model_url,
        "LLM_MODEL": "test-model",
        "LLM_API_KEY": "sk-fake-0123456789",
        "BURST_S": "0.05",
        "SLACK_HISTORY_PER_MINUTE": "1000",
    }


def workspace(team: Team) -> Workspace:
    """Return the fake Slack's side of a team."""
    return Workspace(team.token, team.team_id, team.app_id, f"B{team.team_id}", team.bot_user_id, {*CHANNELS, *THREADS})


async def two_tenants(db: Database, vault: Vault) -> tuple[tuple[TenantScope, TenantScope], tuple[Team, Team]]:
    """Make two connected tenants, alike but for their ids."""
    found = []
    for name in ("Alpha", "Beta"):
        tenant = await create_tenant(db, vault, name=name, employee="Ada", persona="You are Ada.")
        mark = tenant.scope.tenant_id.hex[-10:].upper()
        team = Team(f"TF{mark}", "A1", f"UBOT{mark}", f"xoxb-{mark}")
        await accounts.connect(
            db, vault, tenant.scope, kind="slack", external_id=team.team_id, app_id=team.app_id,
            bot_user_id=team.bot_user_id, token=team.token,
        )  # fmt: skip
        found.append((tenant.scope, team))
    (first, alpha), (second, beta) = found
    return (first, second), (alpha, beta)


def repeats(made: Plant) -> Any:
    """A model that thinks for a while, and says the numbers it is asked."""

    async def behave(fake: FakeOpenAi, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        await asyncio.sleep(THINKS_S)
        await made.thinking.wait()
        asked = body["messages"][-1]["content"]
        return await reply(" ".join(f"#{number}#" for number in MARK.findall(asked)))(fake, request, body)

    return behave


async def kill_server(server: Postgres | Valkey) -> None:
    """kill -9, and wait for the end."""
    assert server.pid is not None
    os.kill(server.pid, signal.SIGKILL)
    await server.ended()
