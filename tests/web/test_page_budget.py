"""Each page costs at most six queries and 60 KB, compressed, with all that it loads. Generated from the route table."""

from __future__ import annotations

import asyncio
import gzip
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.db.session import Session
from konstruct.kit.settings import Settings
from konstruct.tenants.vault import Vault
from konstruct.web.portal import routes as portal
from tests.support.house import House, open_house, until
from tests.support.portal import Person, open_portal
from tests.support.puppet import Puppet
from tests.support.slack_events import message
from tests.web.test_portal_routes import ENTRANCE, flat

QUERIES_MAX = 6
WEIGHT_MAX = 60_000
STREAMS = {"/inbox/{conversation_id}/events"}
"""What does not end."""
FILES = {"/usage.csv"}
"""What is no page, and is read in pieces."""
WAYS = {"/oauth/slack/start", "/oauth/slack/callback"}
"""What leads elsewhere."""
_ASSET = re.compile(r'(?:href|src)="(/static/[^"]+)"')


def _pages() -> list[str]:
    found = {path for area in portal.AREAS for path, route in flat(area.router()) if "GET" in (route.methods or ())}
    return sorted((found - ENTRANCE - STREAMS - FILES - WAYS) | {"/"})


@pytest.fixture
async def house(
    settings: Settings, db: Database, house_vault: Vault, tenants: tuple[TenantScope, TenantScope]
) -> AsyncIterator[House]:
    async with open_house(settings, db, house_vault, tenants, Puppet()) as opened:
        for team in opened.teams:
            await opened.deliver(message(team, "D1", "U1", "hello"), message(team, "D2", "U2", "hello"))
        await opened.idle()
        # Its own queries are not the pages'.
        opened.engine.drain()
        await until(lambda: not any(task.get_name().startswith(("claim", "keep", "sweep")) for task in asyncio.all_tasks()))
        yield opened


@asynccontextmanager
async def counting(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[list[str]]:
    """Collect the statements that sessions and single fetches run meanwhile."""
    seen: list[str] = []

    def counted(real: Callable[..., Any], place: int) -> Callable[..., Any]:
        async def call(*args: Any, **more: Any) -> Any:
            seen.append(str(args[place]))
            return await real(*args, **more)

        return call

    with monkeypatch.context() as patch:
        for name in ("fetch", "fetchrow", "fetchval", "execute", "executemany"):
            patch.setattr(Session, name, counted(getattr(Session, name), 1))
        patch.setattr(Database, "fleet_fetch", counted(Database.fleet_fetch, 2))
        patch.setattr(Database, "call_unscoped", counted(Database.call_unscoped, 1))
        yield seen


async def _ids(house: House) -> dict[str, str]:
    """The id of a row of the tenant for each kind that a page may ask for."""
    tables = {"conversation_id": "conversations", "turn_id": "turns", "account_id": "channel_accounts", "member_id": "members"}
    scope = house.scopes[0]
    async with house.db.tenant(scope) as session:
        return {
            name: str(await session.fetchval(f"SELECT id FROM {table} WHERE tenant_id = $1 LIMIT 1", scope.tenant_id))
            for name, table in tables.items()
        }


async def _open(person: Person, path: str, ids: dict[str, str]) -> str | None:
    """Return a page, or None where its parameter has no row here: the area's own tests look at it then."""
    names = re.findall(r"\{([^}]+)\}", path)
    if not all(name in ids for name in names):
        return None
    answer = await person.get(path.format(**ids))
    if answer.status == 404:
        return None
    assert answer.status == 200, f"{path}: {answer.status}"
    return answer.text


async def test_a_page_is_light_and_asks_little(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    ids, opened, heavy, greedy = await _ids(house), 0, {}, {}
    async with open_portal(house, house.scopes[0]) as person:
        for path in _pages():
            async with counting(monkeypatch) as seen:
                text = await _open(person, path, ids)
            if text is None:
                continue
            opened += 1
            if len(seen) > QUERIES_MAX:
                greedy[path] = seen
            weight = len(gzip.compress(text.encode()))
            for asset in set(_ASSET.findall(text)):
                weight += len(gzip.compress((await person.get(asset.replace("&amp;", "&"))).text.encode()))
            if weight > WEIGHT_MAX:
                heavy[path] = weight
    assert opened > 10
    assert not greedy, "\n".join(f"{path}: {len(seen)} queries" for path, seen in greedy.items())
    assert not heavy
