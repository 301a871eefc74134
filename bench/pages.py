"""Server time of every page of the portal, with a year behind it: 100,000 messages in the tenant, a million in the fleet."""

from __future__ import annotations

import gzip
import re
import time
from contextlib import AsyncExitStack
from typing import Any

import aiohttp

from bench.filling import fill, index
from bench.quantiles import summary
from bench.servers import Server, free_port, server
from bench.stack import Parts, Site
from konstruct.kit.ids import uuid7
from konstruct.tenants import members_repository, sessions
from konstruct.tenants.members_repository import Member

TENANTS = 10
MESSAGES = 100_000
ROUNDS = 40
P50_GOAL_MS = 40.0
WEIGHT_GOAL_KB = 60.0
PAGES = {
    "today": "/",
    "inbox": "/inbox",
    "search": "/inbox?q=service",
    "conversation": "/inbox/{conversation}",
    "turn": "/turns/{turn}",
    "employee": "/employee",
    "versions": "/employee/versions",
    "knowledge": "/knowledge",
    "knowledge search": "/knowledge/search?q=opening",
    "channels": "/channels",
    "usage": "/usage",
    "notices": "/notices",
    "settings": "/settings",
    "members": "/settings/members",
    "api keys": "/settings/api-keys",
}
_ASSETS = re.compile(r'(?:href|src)="(/static/[^"]+)"')


async def measure(parts: Parts) -> dict[str, Any]:
    """Return p50 and p95 of each page in ms, and its weight in KB, compressed, with all that it loads."""
    async with AsyncExitStack() as stack:
        site = await stack.enter_async_context(parts.site(TENANTS, log_level="WARNING"))
        await fill(site.admin_url, [team.scope.tenant_id for team in site.teams], MESSAGES)
        await index(site.admin_url, site.teams[0].scope.tenant_id)
        port = free_port()
        env = {**site.env, "KONSTRUCT_BIND": f"127.0.0.1:{port}"}
        web = await stack.enter_async_context(server("web", ["-m", "konstruct.cli.main", "web"], env, site.folder, port))
        ticket, ids = await _sign_in(site), await _ids(site)
        http = await stack.enter_async_context(aiohttp.ClientSession(cookies={"konstruct_session": ticket}))
        found = {name: await _page(http, web, path.format(**ids)) for name, path in PAGES.items()}
    slowest, heaviest = (max(found, key=lambda name: found[name][key]) for key in ("p50_ms", "kb"))
    return {
        "messages_of_the_tenant": MESSAGES,
        "messages_of_the_fleet": MESSAGES * TENANTS,
        "rounds": ROUNDS,
        "pages": found,
        "slowest": slowest,
        "heaviest": heaviest,
        "p50_goal_ms": P50_GOAL_MS,
        "kb_goal": WEIGHT_GOAL_KB,
        "fast": found[slowest]["p50_ms"] < P50_GOAL_MS,
        "light": found[heaviest]["kb"] < WEIGHT_GOAL_KB,
    }


async def _sign_in(site: Site) -> str:
    owner = Member(uuid7(), "Pat", None, "owner")
    async with site.db.tenant(site.teams[0].scope) as session:
        await members_repository.insert(session, owner, None, None)
        return await sessions.open_session(session, owner.id, "bench")


async def _ids(site: Site) -> dict[str, str]:
    scope = site.teams[0].scope
    async with site.db.tenant(scope) as session:
        row = await session.fetchrow(
            "SELECT id, conversation_id FROM turns WHERE tenant_id = $1 ORDER BY id DESC LIMIT 1", scope.tenant_id
        )
    assert row is not None
    return {"turn": str(row["id"]), "conversation": str(row["conversation_id"])}


async def _page(http: aiohttp.ClientSession, web: Server, path: str) -> dict[str, Any]:
    times = []
    html = b""
    for _ in range(ROUNDS):
        start = time.perf_counter()
        async with http.get(web.url + path) as answer:
            html = await answer.read()
            if answer.status != 200:
                raise RuntimeError(f"{path} was answered with {answer.status}")
        times.append(time.perf_counter() - start)
    weight = len(gzip.compress(html))
    for asset in set(_ASSETS.findall(html.decode())):
        async with http.get(web.url + asset.replace("&amp;", "&")) as answer:
            weight += len(gzip.compress(await answer.read()))
    return {**summary(times), "kb": round(weight / 1000, 1)}
