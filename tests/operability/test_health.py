"""`/healthz` and `/readyz` over HTTP: what is required, what is only reported, and that neither hangs."""

from __future__ import annotations

import pytest

from konstruct.db.database import Database
from konstruct.kit.settings import Settings
from tests.operability.conftest import Spare
from tests.operability.serving import Deps, get, served


async def test_ready_is_said_with_what_is_not_required(spare: Spare) -> None:
    db = await spare.open()
    settings = spare.settings(redis_url="redis://:hunter2@127.0.0.1:9", broker_url=None)
    async with served(Deps(db, settings)) as url:
        status, text = await get(url + "/readyz")
        alive, _ = await get(url + "/healthz")
    await db.close()
    assert (status, alive) == (200, 200)
    assert '"ready":true' in text
    assert "127.0.0.1:9 cannot be reached" in text
    assert "hunter2" not in text


async def test_a_live_redis_and_broker_are_reported(db: Database, settings: Settings) -> None:
    async with served(Deps(db, settings)) as url:
        status, text = await get(url + "/readyz")
    assert status == 200
    assert '"redis":"ok","broker":"ok"' in text


@pytest.mark.parametrize(
    ("damage", "part"),
    [
        ("UPDATE alembic_version SET version_num = '0000'", '"migrations":"the database is at migration 0000'),
        ("DROP TABLE alembic_version", '"migrations":"the database is at migration none'),
    ],
)
async def test_an_unmigrated_database_is_not_ready(spare: Spare, damage: str, part: str) -> None:
    await spare.admin(damage)
    db = await spare.open()
    async with served(Deps(db, spare.settings())) as url:
        status, text = await get(url + "/readyz")
    await db.close()
    assert status == 503
    assert part in text


async def test_a_database_that_hangs_is_not_ready_but_alive(spare: Spare) -> None:
    db = await spare.open()
    held = [db._app.acquire() for _ in range(2)]
    for one in held:
        await one
    async with served(Deps(db, spare.settings())) as url:
        status, text = await get(url + "/readyz")
        alive, _ = await get(url + "/healthz")
    db._app.terminate()
    db._fleet.terminate()
    assert (status, alive) == (503, 200)
    assert '"database":"no answer in time"' in text
    assert '"fleet":"ok"' in text
