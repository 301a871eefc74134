"""The broker, the web process and the database, each killed while messages flow."""

from __future__ import annotations

import asyncio
from pathlib import Path

from konstruct.db.bootstrap import bootstrap
from konstruct.db.migrate import migrate
from konstruct.kit.settings import Settings
from konstruct.local.postgres import Postgres
from konstruct.local.valkey import Valkey
from tests.conftest import PASSWORDS
from tests.faults.plant import Plant, kill_server, plant
from tests.support import slack_events
from tests.support.house import until


async def test_valkey_killed_and_restarted_costs_no_answer(settings: Settings, tmp_path: Path) -> None:
    valkey = Valkey(tmp_path / "valkey", "fault-pass", log=tmp_path / "valkey.log")
    await valkey.start()
    try:
        async with plant(settings, tmp_path, REDIS_URL=valkey.url(0), BROKER_URL=valkey.url(1)) as made:
            _, worker = await asyncio.gather(made.start("web"), made.start("worker"))
            await made.round(1)
            await made.idle()
            made.thinking.clear()
            await made.round(2)
            await until(lambda: len(made.model.requests) == 8)
            assert await made.turns(worker) == 4
            await kill_server(valkey)
            # Acknowledged at once: nothing here is tried twice.
            await _acknowledged_at_the_first_try(made, 3)
            made.thinking.set()
            await made.idle()
            await _acknowledged_at_the_first_try(made, 4)
            await made.idle()
            made.verdict()
            await valkey.start()
            await made.round(5)
            await made.idle()
            made.verdict()
    finally:
        await valkey.stop()


async def _acknowledged_at_the_first_try(made: Plant, number: int) -> None:
    for team in made.teams:
        assert await made.post(slack_events.message(team, "D1", "U1", f"#{number}#")) == 200
        made.acked[team.team_id, "D1"].append(number)


async def test_web_killed_during_ingest_and_the_delivery_comes_again(settings: Settings, tmp_path: Path) -> None:
    async with plant(settings, tmp_path) as made:
        web, _ = await asyncio.gather(made.start("web"), made.start("worker"))
        await made.round(1)
        await made.idle()
        team, scope = made.teams[0], made.scopes[0]
        late = slack_events.message(team, "D1", "U1", "#2#")
        async with made.db.tenant(scope) as session:
            # Ingest stops at the conversation's row, in the middle of its transaction.
            await session.execute("SELECT 1 FROM conversations WHERE tenant_id = $1 FOR UPDATE", scope.tenant_id)
            unheard = asyncio.create_task(made.post(late))
            await until(lambda: _blocked(made))
            await web.kill()
            assert await unheard is None
        await made.start("web")
        await made.deliver(late)
        made.acked[team.team_id, "D1"].append(2)
        await made.deliver(late)
        await made.round(3)
        await made.idle()
        made.verdict()


async def _blocked(made: Plant) -> bool:
    return bool(await made.rows("SELECT 1 FROM pg_locks WHERE NOT granted"))


async def test_postgres_killed_and_restarted_loses_nothing_that_was_acknowledged(settings: Settings, tmp_path: Path) -> None:
    server = Postgres(tmp_path / "postgres", "fault-pass", log=tmp_path / "postgres.log")
    await server.start()
    try:
        urls = await bootstrap(server.admin_url, database="faults", passwords=PASSWORDS)
        await asyncio.to_thread(migrate, urls.maintenance)
        own = settings.model_validate({**settings.model_dump(), "database_url": urls.app, "fleet_database_url": urls.fleet})
        async with plant(own, tmp_path, lease_s=10.0) as made:
            _, worker = await asyncio.gather(made.start("web"), made.start("worker"))
            await made.round(1)
            await made.idle()
            made.thinking.clear()
            await made.round(2)
            await until(lambda: len(made.model.requests) == 8)
            assert await made.turns(worker) == 4
            await kill_server(server)
            assert await made.post(slack_events.message(made.teams[0], "D2", "U1", "never stored")) == 503
            flowing = asyncio.create_task(made.round(3))
            await server.start()
            await flowing
            made.thinking.set()
            await made.round(4)
            await made.idle()
            made.verdict()
            # Nobody took a turn over, and no model was asked twice: the leases outlived the outage.
            assert len(made.model.requests) == await _turns(made)
    finally:
        await server.stop()


async def _turns(made: Plant) -> int:
    found = 0
    for scope in made.scopes:
        async with made.db.tenant(scope) as session:
            found += await session.fetchval("SELECT count(*) FROM turns WHERE tenant_id = $1", scope.tenant_id)
    return found
