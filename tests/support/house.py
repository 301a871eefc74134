"""The whole house in one event loop: the web application on a real port, an engine, and a strict fake Slack."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from unittest import mock

import aiohttp
import uvicorn
from fastapi import FastAPI
from pydantic import SecretStr

from konstruct.agents.loop import TurnLoop
from konstruct.channels import accounts
from konstruct.channels.channel import Channel, rates_of
from konstruct.channels.credentials import Credentials
from konstruct.channels.delivery import Delivering
from konstruct.channels.limits import SendLimits
from konstruct.channels.media import Media
from konstruct.channels.patience import patience_of
from konstruct.channels.registry import CHANNELS
from konstruct.channels.slack.adapter import SlackAdapter
from konstruct.channels.stream_machine import Pace
from konstruct.channels.surface import Surface
from konstruct.db.database import Database
from konstruct.db.redis import Redis
from konstruct.db.scope import TenantScope
from konstruct.jobs.engine import Engine
from konstruct.kit.counters import Counters
from konstruct.kit.settings import Settings
from konstruct.llm.port import LlmBackend
from konstruct.llm.prices import load_prices
from konstruct.llm.router import Router
from konstruct.memory.documents import Documents
from konstruct.tenants.vault import Vault
from konstruct.web.app import create_app
from tests.support import slack_events
from tests.support.fake_slack import FakeSlack, Workspace
from tests.support.ports import free_port
from tests.support.slack_events import Team


def team_of(number: int, scope: TenantScope) -> Team:
    """Return a workspace of its own for a tenant of a test: ids are unique over the whole database."""
    mark = scope.tenant_id.hex[-10:].upper()
    return Team(f"T{mark}", "A1", f"UBOT{number}", f"xoxb-{mark}-canary")


@dataclass
class House:
    """What a test talks to."""

    settings: Settings
    db: Database
    slack: FakeSlack
    engine: Engine
    turns: TurnLoop
    sends: Delivering
    credentials: Credentials
    counters: Counters
    surface: Surface
    limits: SendLimits
    vault: Vault
    teams: tuple[Team, Team]
    scopes: tuple[TenantScope, TenantScope]
    url: str
    app: FastAPI
    _http: aiohttp.ClientSession = field(repr=False)

    async def deliver(self, *deliveries: dict[str, Any]) -> list[int]:
        """Post signed deliveries one after the other; return the status codes."""
        return [await self.post(slack_events.encode(delivery)) for delivery in deliveries]

    async def post(self, body: bytes, headers: dict[str, str] | None = None) -> int:
        """Post a body, signed unless `headers` are given; return the status code."""
        assert self.settings.slack_signing_secret
        secret = self.settings.slack_signing_secret.get_secret_value()
        signed = slack_events.sign(body, secret) if headers is None else headers
        async with self._http.post(f"{self.url}/webhooks/slack/events", data=body, headers=signed) as answer:
            await answer.read()
            return answer.status

    async def idle(self) -> None:
        """Wait until nothing of the two tenants is ready or leased: everything accepted has been answered and sent."""
        for scope in self.scopes:
            await until(partial(self._quiet, scope))

    async def _quiet(self, scope: TenantScope) -> bool:
        async with self.db.tenant(scope) as session:
            return bool(
                await session.fetchval(
                    "SELECT NOT EXISTS (SELECT 1 FROM ready_queue WHERE tenant_id = $1 AND state <> 'idle')", scope.tenant_id
                )
            )

    def texts(self, team: Team) -> list[str]:
        """Return what became visible in a workspace, in order."""
        return ["".join(block["text"] for block in post["blocks"]) for post in self.slack.posts if post["team"] == team.team_id]


async def until(check: Callable[[], Any], patience_s: float = 20.0) -> None:
    """Wait until `check` (plain or async) holds."""
    async with asyncio.timeout(patience_s):
        while True:
            found = check()
            if await found if asyncio.iscoroutine(found) else found:
                return
            await asyncio.sleep(0.01)


@asynccontextmanager
async def open_house(
    settings: Settings,
    db: Database,
    vault: Vault,
    scopes: tuple[TenantScope, TenantScope],
    backend: LlmBackend,
    *,
    run_engine: bool = True,
    pace: Pace | None = None,
    app: bool = True,
) -> AsyncIterator[House]:
    """Run everything, connected: team 0 belongs to `scopes[0]`, team 1 to `scopes[1]`, both with one Slack app.

    `app` says whether that can be installed by a click too.
    """
    teams = team_of(0, scopes[0]), team_of(1, scopes[1])
    slack = FakeSlack(
        [Workspace(t.token, t.team_id, t.app_id, f"B{t.team_id}", t.bot_user_id, {"D1", "D2", "C1", "C2"}) for t in teams]
    )
    await slack.start()
    port = free_port()
    settings = settings.model_copy(
        update={
            "slack_api_url": slack.url,
            "slack_client_id": slack.app.client_id if app else None,
            "slack_client_secret": SecretStr(slack.app.client_secret) if app else None,
            "bind": f"127.0.0.1:{port}",
            "public_url": f"http://127.0.0.1:{port}",
        }
    )
    for scope, team in zip(scopes, teams, strict=True):
        await accounts.connect(
            db,
            vault,
            scope,
            kind="slack",
            external_id=team.team_id,
            app_id=team.app_id,
            bot_user_id=team.bot_user_id,
            token=team.token,
        )
    adapters = {"slack": SlackAdapter(settings)}
    redis, counters = Redis.open(settings), Counters()
    router = Router([backend], prices=load_prices(), sleep=lambda _: asyncio.sleep(0))
    credentials = Credentials(db, vault, adapters)
    limits = SendLimits(redis, rates_of(CHANNELS, settings))
    surface = Surface(db, adapters, credentials, limits, counters=counters, pace=pace)
    turns = TurnLoop(
        db,
        router,
        surface,
        Documents(db),
        Media(db, adapters, credentials),
        deadline_s=settings.turn_deadline_s,
        attempts=settings.turn_attempts,
        counters=counters,
    )
    sends = Delivering(db, adapters, credentials, limits, counters=counters, patience=patience_of(settings))
    engine = Engine(db, {"turn": turns, "send": sends}, lease_s=settings.lease_s, capacity=100)
    async with served(settings, port) as running_app, aiohttp.ClientSession() as http:
        running = asyncio.create_task(engine.run()) if run_engine else None
        try:
            url = f"http://127.0.0.1:{port}"
            parts = (settings, db, slack, engine, turns, sends, credentials, counters, surface, limits, vault)
            yield House(*parts, teams, scopes, url, running_app, http)
        finally:
            if running is not None:
                engine.drain()
                await running
            await surface.close()
            await credentials.close()
            await adapters["slack"].close()
            await router.close()
            await redis.close()
            await slack.stop()


_TESTED: set[str] = set()
"""Databases that a web process of these tests has tested at its start."""


@contextmanager
def _tested_once(settings: Settings) -> Iterator[None]:
    """Let only the first web process on a database test it: the self-test asks more of PostgreSQL than a whole conversation
    does, and has a suite of its own (tests/operability/test_selftest.py)."""
    if settings.database_url and settings.database_url.get_secret_value() in _TESTED:
        with mock.patch("konstruct.web.app.self_test", mock.AsyncMock()):
            yield
    else:
        yield


@asynccontextmanager
async def served(settings: Settings, port: int, *, channels: Sequence[Channel] = CHANNELS) -> AsyncIterator[FastAPI]:
    """Serve the application, with these channels, on a port of loopback until the end of the block."""
    app = create_app(settings, channels=channels)
    config = uvicorn.Config(app, host="127.0.0.1", port=port, log_config=None, access_log=False, lifespan="on", loop="none")
    server = uvicorn.Server(config)
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    with _tested_once(settings):
        task = asyncio.create_task(server._serve())
        await until(lambda: server.started or task.done())
    if server.started and settings.database_url:
        _TESTED.add(settings.database_url.get_secret_value())
    try:
        yield app
    finally:
        server.should_exit = True
        await task
