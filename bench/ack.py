"""Durable acknowledgement beside Bolt, which stores nothing: same HTTP server, same process count, same load generator."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from bench.fakes import fake_slack
from bench.generator import CHANNELS, CONNECTIONS, WARM_UP_S, generate
from bench.servers import Server, free_port, server
from bench.stack import SECRET, Parts, Site

TENANTS = 8
RATE = 300.0
OPEN_S, CLOSED_S = 12.0, 8.0
CEILING = 12_000.0
ALL_200 = {"200"}


async def measure(parts: Parts) -> dict[str, Any]:
    """Return the figures of every stack, and the ratio of the saturations for each process count."""
    figures: dict[str, Any] = {"conditions": _conditions()}
    for processes in (1, 2):
        async with parts.site(TENANTS) as site, _bolt(parts, processes) as servers:
            figures[f"bolt_{processes}"] = await _figures(parts, site, servers, stores=False, open_loop=processes == 1)
        async with parts.site(TENANTS) as site, _ours(site, processes) as servers:
            figures[f"ours_{processes}"] = await _figures(parts, site, servers, stores=True, open_loop=processes == 1)
        ours, bolt = (figures[f"{name}_{processes}"]["saturation"]["per_s"] for name in ("ours", "bolt"))
        figures[f"ratio_{processes}"] = round(ours / bolt, 2)
    async with AsyncExitStack() as stack:
        slack = await stack.enter_async_context(fake_slack(parts.folder))
        site = await stack.enter_async_context(parts.site(TENANTS, slack_api_url=f"{slack.url}/api/", log_level="WARNING"))
        await stack.enter_async_context(server("worker", ["-m", "konstruct.cli.main", "worker"], site.env, site.folder))
        servers = await stack.enter_async_context(_ours(site, 1))
        # The worker is asked for more turns than two cores can do: it takes whatever the web process leaves.
        figures["ours_1_worker"] = await _figures(parts, site, servers, stores=True, open_loop=True)
    return figures


def _conditions() -> dict[str, Any]:
    return {
        "tenants": TENANTS,
        "conversations": TENANTS * CHANNELS,
        "connections": CONNECTIONS,
        "open_loop_s": OPEN_S,
        "saturation_s": CLOSED_S,
        "warm_up_s": WARM_UP_S,
        "open_loop_per_s": RATE,
    }


async def _figures(parts: Parts, site: Site, servers: list[Server], *, stores: bool, open_loop: bool) -> dict[str, Any]:
    ports = [each.port for each in servers]
    found: dict[str, Any] = {}
    if stores:
        # Every conversation exists, and the planner knows that they do, before anything is measured.
        found["first"] = await generate(site.teams, ports, "f", seconds=2.0, rate=RATE * 4, ceiling=RATE * 4)
        await site.analyze()
    if open_loop:
        found["open_300"] = await generate(site.teams, ports, "o", seconds=OPEN_S, rate=RATE, ceiling=RATE)
    web_s, database_s = sum(each.cpu_s() for each in servers), parts.postgres_cpu_s()
    closed = await generate(site.teams, ports, "c", seconds=CLOSED_S, rate=None, ceiling=CEILING)
    web_s, database_s = sum(each.cpu_s() for each in servers) - web_s, parts.postgres_cpu_s() - database_s
    closed["server_cpu_ms_per_request"] = round(web_s * 1000 / closed["sent"], 3)
    closed["database_cpu_ms_per_request"] = round(database_s * 1000 / closed["sent"], 3) if stores else None
    found["saturation"] = closed
    for result in found.values():
        if set(result["statuses"]) != ALL_200:
            raise RuntimeError(f"not every delivery was acknowledged: {result['statuses']}")
    if stores:
        acknowledged = sum(result["sent"] for result in found.values())
        stored = await site.messages()
        if stored != acknowledged:
            raise RuntimeError(f"{acknowledged} messages were acknowledged, {stored} are stored")
        found["acknowledged"], found["stored"] = acknowledged, stored
    return found


@asynccontextmanager
async def _ours(site: Site, processes: int) -> AsyncIterator[list[Server]]:
    async with AsyncExitStack() as stack:
        servers = []
        for number in range(processes):
            port = free_port()
            env = {**site.env, "KONSTRUCT_BIND": f"127.0.0.1:{port}"}
            arguments = ["-m", "konstruct.cli.main", "web"]
            servers.append(await stack.enter_async_context(server(f"web-{number}", arguments, env, site.folder, port)))
        yield servers


@asynccontextmanager
async def _bolt(parts: Parts, processes: int) -> AsyncIterator[list[Server]]:
    async with AsyncExitStack() as stack:
        servers = []
        for number in range(processes):
            port = free_port()
            arguments = ["-m", "bench.bolt", str(port)]
            env = {"KONSTRUCT_SLACK_SIGNING_SECRET": SECRET}
            servers.append(
                await stack.enter_async_context(server(f"bolt-{processes}-{number}", arguments, env, parts.folder, port))
            )
        yield servers
