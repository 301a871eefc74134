"""Delivers messages as Slack does and waits for the answers in the fake Slack."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from bench.events import PATH, body, sign
from bench.fakes import fake_model, fake_slack
from bench.servers import Server, free_port, server
from bench.stack import SECRET, Parts, Site, Team


@dataclass
class House:
    """Web, worker, fake Slack and fake model, each a process of its own, on one database."""

    site: Site
    web: Server
    worker: Server
    slack: Server
    model: Server
    _http: aiohttp.ClientSession = field(repr=False)
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))
    asked: dict[str, float] = field(default_factory=dict)
    """When each message was delivered (Unix seconds), by its ts."""
    answered: dict[str, list[float]] = field(default_factory=dict)
    """When the fake Slack took each post, by its thread."""
    _seen: int = 0

    async def ask(self, team: Team, channel: str) -> str:
        """Deliver one direct message; return its ts. Raises RuntimeError if it is not acknowledged."""
        number = next(self._numbers)
        micros = time.time_ns() // 1000 + number
        payload = body(team.team_id, team.app_id, team.bot_user_id, channel, f"h{number:07}", micros)
        ts = f"{micros // 1_000_000}.{micros % 1_000_000:06d}"
        self.asked[ts] = time.time()
        async with self._http.post(f"{self.web.url}{PATH}", data=payload, headers=sign(payload, SECRET)) as answer:
            if answer.status != 200:
                raise RuntimeError(f"a delivery was answered with {answer.status}")
        return ts

    async def look(self) -> None:
        """Take note of the posts that are new, or that there was none for a second."""
        async with self._http.get(f"{self.slack.url}/bench/seen", params={"from": str(self._seen)}) as answer:
            for thread, moment in await answer.json():
                self._seen += 1
                self.answered.setdefault(thread, []).append(moment)

    async def answers(self, patience_s: float) -> None:
        """Wait until everything asked is answered. Raises TimeoutError."""
        async with asyncio.timeout(patience_s):
            while waiting := len(self.asked.keys() - self.answered.keys()):
                await self.look()
                if waiting > 50:
                    # Many are under way: looking at each one as it comes would cost more than it.
                    await asyncio.sleep(0.25)

    def latencies(self, asked: list[str]) -> list[float]:
        """Return the seconds from delivery to answer of each of `asked`. Raises RuntimeError unless each has exactly one."""
        if wrong := [ts for ts in asked if len(self.answered.get(ts, [])) != 1]:
            raise RuntimeError(f"{len(wrong)} of {len(asked)} messages do not have exactly one answer")
        return [self.answered[ts][0] - self.asked[ts] for ts in asked]

    async def model_seen(self) -> dict[str, int]:
        """Return what the fake model saw: calls, open, peak."""
        async with self._http.get(f"{self.model.url}/bench/seen") as answer:
            seen: dict[str, int] = await answer.json()
            return seen

    async def hold(self, seconds: float) -> None:
        """Let the model take so long from now on."""
        async with self._http.post(f"{self.model.url}/bench/hold", params={"s": str(seconds)}) as answer:
            answer.raise_for_status()


@asynccontextmanager
async def house(parts: Parts, tenants: int, **settings: Any) -> AsyncIterator[House]:
    """Run a whole installation without burst wait; `settings` are those of its web and worker."""
    async with AsyncExitStack() as stack:
        slack = await stack.enter_async_context(fake_slack(parts.folder))
        model = await stack.enter_async_context(fake_model(parts.folder, 0.0))
        addresses = {"slack_api_url": f"{slack.url}/api/", "llm_url": f"{model.url}/v1"}
        changes = {
            "llm_backend": "openai_compat",
            "llm_model": "bench",
            "burst_s": 0,
            "log_level": "WARNING",
            **addresses,
            **settings,
        }
        site = await stack.enter_async_context(parts.site(tenants, **changes))
        port = free_port()
        command = ["-m", "konstruct.cli.main"]
        env = {**site.env, "KONSTRUCT_BIND": f"127.0.0.1:{port}"}
        web = await stack.enter_async_context(server("web", [*command, "web"], env, site.folder, port))
        worker = await stack.enter_async_context(server("worker", [*command, "worker"], site.env, site.folder))
        connector = aiohttp.TCPConnector(limit=64)
        http = await stack.enter_async_context(aiohttp.ClientSession(connector=connector))
        running = House(site, web, worker, slack, model, http)
        await _warm_up(running)
        yield running


async def _warm_up(running: House) -> None:
    """A few turns of every tenant: modules are loaded, connections open, plans made."""
    for round_ in range(3):
        await asyncio.gather(*(running.ask(team, f"DWARM{round_}{number:03}") for number, team in enumerate(running.site.teams)))
        await running.answers(60.0)
