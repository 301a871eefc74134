"""A search of one business is the same whatever another holds: ids, order and scores, with and without look-alikes beside it."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

import asyncpg
import pytest

from konstruct.conversations.indexing import index_batch
from konstruct.conversations.search import search
from konstruct.db.bootstrap import RoleUrls
from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.kit.settings import Settings
from konstruct.local.postgres import Postgres
from konstruct.memory import documents, ranking
from konstruct.memory.documents import Documents
from konstruct.tenants.vault import Vault
from tests.support.hand import rows, take_turn
from tests.support.house import House, open_house
from tests.support.portal import Person, open_portal
from tests.support.puppet import Puppet
from tests.support.slack_events import message

QUESTION = "How long is the warranty of the battery?"
TEXTS = (
    "The battery has a warranty of two years.",
    "Warranty: the frame five years, the battery two years. Keep the receipt for the warranty.",
    "We open at nine and close at six, on Sundays not at all.",
    "A service costs 60 pounds. A new battery costs 400 pounds, its warranty is two years.",
    "Return a bicycle within 30 days. The battery must be full.",
)
ASKED = (QUESTION, "warranty battery", "battery", "two years", "batt", "opening hours", "pounds 400", "nothing of the kind", "")
NEAR = 100


@pytest.fixture
async def house(settings: Settings, db: Database, house_vault: Vault, tenants: tuple[TenantScope, TenantScope]) -> Any:
    quick = settings.model_copy(update={"burst_s": 0.0})
    async with open_house(quick, db, house_vault, tenants, Puppet(), run_engine=False) as opened:
        yield opened


async def store(house: House, number: int, texts: Sequence[str]) -> None:
    """Give a business documents and messages of these texts, indexed."""
    scope = house.scopes[number]
    for place, text in enumerate(texts):
        await Documents(house.db).add(scope, f"Paper {place}", text, "test")
    assert set(await house.deliver(*(message(house.teams[number], "D1", "U1", text) for text in texts))) == {200}
    async with house.db.fleet("test") as fleet:
        await fleet.execute("INSERT INTO search_progress (tenant_id) VALUES ($1) ON CONFLICT DO NOTHING", scope.tenant_id)
    while await house.db.run(scope, index_batch):
        pass


async def everything_found(house: House, person: Person, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Return what every search of the first business finds, for every question, with what it was ranked by. What a page says
    about the moment (how long ago, who waits) is left out."""
    scored: list[tuple[str, tuple[str, ...], tuple[int, ...]]] = []

    def rank(query: str, texts: Sequence[str]) -> list[int]:
        order = ranking.rank(query, texts)
        scored.append((query, tuple(texts), tuple(order)))
        return order

    monkeypatch.setattr(documents, "rank", rank)
    scope = house.scopes[0]
    seen: dict[str, Any] = {}
    for asked in ASKED:
        seen[f"documents: {asked}"] = await Documents(house.db).passages(scope, asked, 50)
        async with house.db.tenant(scope) as session:
            first = await search(session, asked, limit=3)
            seen[f"messages: {asked}"] = first, await search(session, asked, first.next, limit=3)
        for page in ("/knowledge/search", "/inbox"):
            answer = await person.get(f"{page}?q={quote(asked)}")
            assert answer.status == 200, (page, asked)
            seen[f"{page}: {asked}"] = re.sub(
                r"<time\b.*?</time>|<span class=\"badge.*?</span>", "", answer.text, flags=re.DOTALL
            )
    # A copy: the turns that are taken later rank as well.
    seen["ranked by"] = tuple(scored)
    return seen


async def recalled(house: House) -> list[dict[str, Any]]:
    """Let the employee answer the question; return what the documents told it, without the time it took."""
    await house.deliver(message(house.teams[0], "D2", "U2", QUESTION))
    await take_turn(house)
    found = await rows(house, house.scopes[0], "SELECT recalls FROM turns WHERE tenant_id = $1 ORDER BY started_at DESC LIMIT 1")
    return [{name: part[name] for name in part if not name.endswith("_ms")} for part in json.loads(found[0]["recalls"])]


async def test_nothing_of_another_business_changes_what_is_found(
    house: House, monkeypatch: pytest.MonkeyPatch, urls: RoleUrls, cluster: Postgres
) -> None:
    await store(house, 0, TEXTS)
    await take_turn(house)
    async with open_portal(house, house.scopes[0]) as person:
        told = await recalled(house)
        before = await everything_found(house, person, monkeypatch)
        near = [f"{TEXTS[n % 5][: 20 + n // 3]} battery warranty {'battery ' * (n % 7)}{n}" for n in range(NEAR)]
        await store(house, 1, [*TEXTS, QUESTION, *near])
        await take_turn(house)
        admin = await asyncpg.connect(urlunsplit(urlsplit(cluster.admin_url)._replace(path=urlsplit(urls.app).path)))
        await admin.execute("ANALYZE")
        await admin.close()
        after = await everything_found(house, person, monkeypatch)
        # The question that was asked in between is a message of A's: only what came of it is compared, not it.
        assert await recalled(house) == told
    assert len(told[0]["passages"]) >= 3
    for what, found in before.items():
        assert after[what] == found, what
    assert len(before["documents: warranty battery"]) >= 3
    assert before["messages: battery"][0].hits
