"""The broker, the web process and the database, each killed while messages flow."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
import redis.asyncio

from konstruct.local.postgres import Postgres
from tests.faults.crew import LEASE_S, Crew
from tests.faults.history import Gate
from tests.faults.plant import PATIENCE_S, kill_server
from tests.faults.verdict import turns
from tests.support.house import until
from tests.support.slack_events import Team

pytestmark = pytest.mark.asyncio(loop_scope="package")
OK = 200


async def test_valkey_flushed_killed_and_restarted_costs_no_answer(crew: Crew) -> None:
    made = crew.made
    await _turns_under_way(crew)
    client = redis.asyncio.Redis.from_url(crew.valkey.url(1))
    assert await client.dbsize() > 0
    # All databases: the rate limits, and the broker's queue with whatever wakes the workers.
    await client.flushall()
    await client.aclose()
    await _acknowledged_at_the_first_try(crew)
    made.thinking.set()
    await crew.settled()

    await _turns_under_way(crew)
    await kill_server(crew.valkey)
    # Acknowledged at once: nothing here is tried twice. And answered by a poll, while nobody can be woken.
    await _acknowledged_at_the_first_try(crew)
    made.thinking.set()
    await crew.settled()
    await _acknowledged_at_the_first_try(crew)
    await crew.settled()
    await crew.valkey.start()
    await crew.traffic.wave()
    await crew.settled()


async def _turns_under_way(crew: Crew) -> None:
    """Say something everywhere, and let the model think on: a turn is under way in each place."""
    made = crew.made
    made.thinking.clear()
    asked = len(made.model.requests)
    await crew.traffic.wave()
    await until(lambda: len(made.model.requests) >= asked + 8, PATIENCE_S)
    assert sum([await made.turns(unit) for unit in crew.workers()]) == 8


async def _acknowledged_at_the_first_try(crew: Crew) -> None:
    for team in crew.made.teams:
        delivery = crew.traffic.write(team, "D1")
        assert await crew.made.post(delivery) == OK
        await crew.traffic.deliver(delivery)


async def test_web_killed_during_ingest_and_the_deliveries_come_again(crew: Crew) -> None:
    """One message is with the database, which stores it and tells nobody; the other waits in the process, and is gone."""
    made = crew.made
    (team, other), (scope, _) = made.teams, made.scopes
    await crew.traffic.wave()
    await crew.settled()
    early, late = crew.traffic.write(team, "D1"), crew.traffic.write(other, "D1")
    async with crew.history.closed(Gate.INGEST, scope):
        unheard = [asyncio.create_task(made.post(early))]
        await crew.history.at_gate()
        unheard.append(asyncio.create_task(made.post(late)))
        await crew.web.kill()
        assert await asyncio.gather(*unheard) == [None, None]
    await until(lambda: _stored(crew, team, early), PATIENCE_S)
    assert await _stored(crew, other, late) == 0
    await crew.complete()
    await asyncio.gather(crew.traffic.deliver(early), crew.traffic.deliver(late))
    await crew.traffic.wave()
    await crew.settled()


async def _stored(crew: Crew, team: Team, delivery: dict[str, Any]) -> int:
    scope = crew.made.scopes[crew.made.teams.index(team)]
    async with crew.made.db.tenant(scope) as session:
        found: int = await session.fetchval(
            "SELECT count(*) FROM messages WHERE tenant_id = $1 AND external_id = $2", scope.tenant_id, delivery["event"]["ts"]
        )
    return found


async def test_postgres_killed_twice_loses_nothing_and_has_no_turn_thought_twice(crew: Crew) -> None:
    """The second time its recovery takes longer than a lease: every lease has ended before anybody could renew it."""
    made, server = crew.made, crew.server
    async with crew.traffic.flowing():
        made.thinking.clear()
        await until(lambda: _under_way(crew), PATIENCE_S)
        await kill_server(server)
        await server.start()
        made.thinking.set()
    await crew.settled()

    earlier = {turn["id"] for turn in await turns(made)}
    await _turns_under_way(crew)
    await kill_server(server)
    go = _recovers_slowly(server)
    starting = asyncio.create_task(server.start())
    saying = asyncio.create_task(crew.traffic.wave())
    try:
        await until(lambda: _age_s(server.pid) > LEASE_S + 1, PATIENCE_S)
        assert not starting.done()
    finally:
        go.touch()
        await starting
    made.thinking.set()
    await saying
    await crew.settled()
    latest = [turn for turn in await turns(made) if turn["id"] not in earlier]
    assert {turn["attempts"] for turn in latest} == {1}


async def _under_way(crew: Crew) -> bool:
    return any([await crew.made.turns(unit) for unit in crew.workers()])


def _recovers_slowly(server: Postgres) -> Path:
    """Let the next start of the server recover until the file that is returned exists, and take no connection meanwhile."""
    go = server.folder / "go"
    go.unlink(missing_ok=True)
    with (server.folder / "postgresql.auto.conf").open("a", encoding="utf-8") as settings:
        settings.write("restore_command = 'until test -e go; do sleep 0.05; done; false'\nhot_standby = off\n")
    signal = server.folder / "recovery.signal"
    signal.touch()
    # The server may run as another user, who takes the file away at the end.
    signal.chmod(0o666)
    return go


def _age_s(pid: int | None) -> float:
    return time.time() - float(psutil.Process(pid).create_time()) if pid and psutil.pid_exists(pid) else 0.0
