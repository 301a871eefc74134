"""`konstruct up` killed with -9 in the middle of turns, and started again on what it left."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from pathlib import Path

import aiohttp
import psutil

from konstruct.db.database import Database
from konstruct.local.instance import load_instance
from konstruct.tenants.keyring import FileKeyRing
from konstruct.tenants.vault import Vault
from tests.faults.plant import PATIENCE_S, Plant, between, repeats, two_tenants, workspace
from tests.faults.shown import verdict
from tests.support.fake_openai import FakeOpenAi
from tests.support.fake_slack import FakeSlack
from tests.support.house import until
from tests.support.instance import open_instance


async def test_up_killed_in_the_middle_of_turns_and_started_again_answers_each_once(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    async with _surroundings(folder) as (slack, model, http, settings):
        async with open_instance(folder, **settings) as first, _connected(folder, slack, model, http) as made:
            made.url = first.url
            await made.round(1)
            await made.idle()
            began = await _server_began(made)
            made.thinking.clear()
            await made.round(2)
            await until(lambda: len(model.requests) == 8, PATIENCE_S)
            assert await _running(made) == 4
            first.process.kill()
            await first.process.wait()
            # Its worker dies with it; its web process, an orphan now, goes on taking messages.
            os.kill(json.loads((folder / "run" / "worker.json").read_text())["pid"], signal.SIGKILL)
            await made.round(3)
            async with open_instance(folder, **settings) as second:
                made.url = second.url
                made.thinking.set()
                await made.idle()
                await made.round(4)
                await made.idle()
                await verdict(made)
                # The servers were adopted, and the four turns taken up by the new worker.
                assert await _server_began(made) == began
                assert await _resumed(made) == 4


@asynccontextmanager
async def _surroundings(folder: Path) -> AsyncIterator[tuple[FakeSlack, FakeOpenAi, aiohttp.ClientSession, dict[str, str]]]:
    """A Slack, a model, and the settings of an instance between them; what is left of it at the end is ended."""
    slack = FakeSlack([])
    await slack.start()
    try:
        connector = aiohttp.TCPConnector(force_close=True)
        async with FakeOpenAi(models=("test-model",)) as model, aiohttp.ClientSession(connector=connector) as http:
            yield slack, model, http, {**between(slack.url, model.url), "LEASE_S": "2"}
    finally:
        await slack.stop()
        for process in psutil.process_iter():
            with suppress(psutil.Error, OSError):
                if process.status() != psutil.STATUS_ZOMBIE and Path(process.cwd()).is_relative_to(folder):
                    process.kill()


@asynccontextmanager
async def _connected(folder: Path, slack: FakeSlack, model: FakeOpenAi, http: aiohttp.ClientSession) -> AsyncIterator[Plant]:
    """Two tenants on the instance that runs on `folder`."""
    own = load_instance(folder).settings
    db = await Database.open(own, pool=4)
    scopes, teams = await two_tenants(db, Vault(FileKeyRing(Path(str(own.keyring)))))
    slack.workspaces += [workspace(team) for team in teams]
    made = Plant({}, folder, db, slack, model, teams, scopes, "", http)
    made.thinking.set()
    made.echoing.set()
    model.default = repeats(made)
    echoing = asyncio.create_task(made.echo())
    try:
        yield made
    finally:
        echoing.cancel()
        made.thinking.set()
        await db.close()


async def _server_began(made: Plant) -> datetime:
    (row,) = await made.rows("SELECT pg_postmaster_start_time() AS began")
    began: datetime = row["began"]
    return began


async def _running(made: Plant) -> int:
    return await _count(made, "SELECT count(*) FROM turns WHERE tenant_id = $1 AND state = 'running'")


async def _resumed(made: Plant) -> int:
    return await _count(made, "SELECT count(*) FROM turns WHERE tenant_id = $1 AND state = 'done' AND attempts > 1")


async def _count(made: Plant, sql: str) -> int:
    found = 0
    for scope in made.scopes:
        async with made.db.tenant(scope) as session:
            found += await session.fetchval(sql, scope.tenant_id)
    return found
