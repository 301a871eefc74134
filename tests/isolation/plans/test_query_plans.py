"""No query of ours reads a tenant table as a whole, in a database where each business is a thousandth of the rows.

Every place in the source that runs a query is reached, with arguments of a real business, and what it runs is explained at
that moment: by EXPLAIN, and once more by the server itself as it runs (auto_explain), with what runs inside functions. A new
query that nothing here reaches fails: give `samples` what its parameters need.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from konstruct.cli.checks import tokens_repository
from konstruct.conversations.indexing import index_on
from konstruct.db.catalogue import FLEET_TABLES
from konstruct.kit.settings import Settings
from konstruct.local.postgres import Postgres
from tests.isolation.plans.call_sites import call_sites
from tests.isolation.plans.crowd import MESSAGES, Crowd, open_crowd
from tests.isolation.plans.harvest import Harvest, Pretence, Scan
from tests.isolation.plans.samples import call, functions, samples_of
from tests.support.house import until
from tests.tenants.filled import fill

READ_AS_A_WHOLE = {
    "tenant_directory": "a row for each business: the fleet looks after all of them",
    "tenant_health": "likewise",
    "account_standings": "a row for each account: operators see which of them are stopped, or were not asked about",
    "channel_routes": "likewise",
    "search_progress": "likewise",
    "fair_shares": "two rows for each business: a claim weighs all that wait",
    "tenant_jobs": "a row leaves when its work is done: a claim looks at what waits",
    "document_jobs": "likewise",
}
"""Platform tables (ids, states and times) that the fleet role alone may read from end to end, and why."""
SHARE = "SELECT max(n) / sum(n), sum(n)::bigint FROM (SELECT count(*) AS n FROM messages GROUP BY tenant_id) AS counted"


@pytest.fixture
async def crowd(cluster: Postgres, settings: Settings) -> AsyncIterator[Crowd]:
    async with open_crowd(cluster, settings) as opened:
        yield opened


async def gather(crowd: Crowd, harvest: Harvest) -> None:
    """Let a second business live, then call everything there is."""
    house = crowd.house
    await fill(house, 1)
    samples = await samples_of(crowd.admin, house.db, house.scopes[0])
    pretences: tuple[Pretence | None, ...] = (None, "done", "nothing")
    for harvest.pretend in pretences:
        for function in functions():
            try:
                await call(house.db, function, samples, optional=harvest.pretend == "done", once=harvest.pretend is not None)
            except LookupError:
                # Nobody knows what it needs: other calls reach its queries, or they are missed below.
                pass
    harvest.pretend = None
    # What is no plain function, or never ends.
    async with house.db.tenant(house.scopes[0]) as session:
        await (await tokens_repository.tenant_look(session)).rows(session)
    async with house.db.fleet("test") as fleet:
        await (await tokens_repository.platform_look(fleet)).rows(fleet)
    indexing = asyncio.create_task(index_on(house.db))
    await until(lambda: any(site.function == "index_on" for site in harvest.seen))
    indexing.cancel()
    await asyncio.wait([indexing])


def forbidden(scan: Scan) -> bool:
    """Whether a table may not be read as a whole by who does."""
    if scan.table in FLEET_TABLES or scan.table.startswith("pg_"):
        return False
    return scan.role != "fleet" or scan.table not in READ_AS_A_WHOLE


async def test_no_query_reads_a_tenant_table_as_a_whole(crowd: Crowd, monkeypatch: pytest.MonkeyPatch) -> None:
    share, messages = await crowd.admin.fetchrow(SHARE)
    assert share < 0.01 and messages >= MESSAGES
    async with crowd.house.db.unscoped() as session:
        assert await session.fetchval("SHOW plan_cache_mode") == "force_custom_plan"
    harvest = Harvest(crowd.empty)
    harvest.watch(monkeypatch)
    await gather(crowd, harvest)
    unseen = [str(site) for site in call_sites() if site not in harvest.seen]
    scans = sorted({str(scan) for scan in harvest.scans if forbidden(scan)})
    assert (scans, unseen) == ([], [])
    assert harvest.plans > 1000 and harvest.told > harvest.plans
