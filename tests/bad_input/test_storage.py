"""The database away or read-only: 503 and a clear line, and once it is back the redelivery gets exactly one answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import asyncpg
import pytest
from structlog.testing import capture_logs

from konstruct.db.bootstrap import RoleUrls, bootstrap
from konstruct.db.migrate import migrate
from konstruct.local.postgres import Postgres
from tests.bad_input.support import all_answered, one_answer_to, post, rows
from tests.conftest import PASSWORDS
from tests.support.house import House, until
from tests.support.slack_events import encode, mention_pair, message


@pytest.fixture(scope="module")
def own_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """A server that these tests may break."""
    folder = tmp_path_factory.mktemp("own")
    server = Postgres(folder / "postgres", "own-pass", log=folder / "postgres.log")
    asyncio.run(server.start())
    yield server
    asyncio.run(server.stop())


@pytest.fixture(scope="module")
def urls(own_server: Postgres) -> RoleUrls:
    """A migrated database on it, in the place of the shared one."""
    addresses = asyncio.run(bootstrap(own_server.admin_url, database="konstruct_own", passwords=PASSWORDS))
    migrate(addresses.maintenance)
    return addresses


@asynccontextmanager
async def stopped(server: Postgres) -> AsyncIterator[None]:
    """Nobody listens; afterwards the server runs again, on its data and port."""
    await server.stop()
    try:
        yield
    finally:
        await server.start()


@asynccontextmanager
async def read_only(server: Postgres, house: House) -> AsyncIterator[None]:
    """Nothing can be written, as on a server that ran out of disk or became a standby."""
    admin = await asyncpg.connect(server.admin_url)
    try:
        await admin.execute("ALTER SYSTEM SET default_transaction_read_only = on")
        await admin.execute("SELECT pg_reload_conf()")
        await until(lambda: _is_read_only(house))
        yield
    finally:
        await admin.execute("SET default_transaction_read_only = off")
        await admin.execute("ALTER SYSTEM RESET default_transaction_read_only")
        await admin.execute("SELECT pg_reload_conf()")
        await admin.close()


async def _is_read_only(house: House) -> bool:
    async with house.db.unscoped() as session:
        return bool(await session.fetchval("SELECT current_setting('transaction_read_only') = 'on'"))


async def test_database_down(own_server: Postgres, house: House) -> None:
    team, other = house.teams
    await one_answer_to(house, team, "D1")
    direct = message(team, "D1", "U1", "when do you open?")
    plain, mention = mention_pair(other, "C1", "U2", "and you?")

    async with stopped(own_server):
        with capture_logs() as logs:
            for delivery in (direct, plain, mention):
                assert await post(house, encode(delivery)) == (503, "not stored; please deliver again")
        assert (await post(house, b"nonsense"))[0] == 400
    refused = [(line["log_level"], line["error"]) for line in logs if line["event"] == "webhook_not_stored"]
    assert refused == [("error", "StorageUnavailableError")] * 3
    assert len([line for line in logs if line["event"] == "ingest_unavailable"]) == 3

    assert await house.deliver(direct, plain, mention, direct, plain, mention, direct) == [200] * 7
    await all_answered(house)
    _, answer = [item for item in house.slack.posts if item["team"] == team.team_id]
    assert answer["thread_ts"] == direct["event"]["ts"]
    (answer,) = [item for item in house.slack.posts if item["team"] == other.team_id]
    assert answer["thread_ts"] == plain["event"]["ts"]
    assert {row["state"] for row in await rows(house, "deliveries") + await rows(house, "deliveries", 1)} == {"sent"}


async def test_database_read_only(own_server: Postgres, house: House) -> None:
    team, other = house.teams
    deliveries = [message(team, "D1", "U1", "when do you open?"), message(other, "D1", "U1", "and you?")]
    async with read_only(own_server, house):
        with capture_logs() as logs:
            for delivery in deliveries:
                assert await post(house, encode(delivery)) == (503, "not stored; please deliver again")
        causes = {line["error"] for line in logs if line["event"] == "ingest_unavailable"}
        assert causes == {"ReadOnlySQLTransactionError"}
        assert await rows(house, "messages") == []

    for delivery in deliveries:
        assert await house.deliver(delivery, delivery) == [200, 200]
    await all_answered(house)
    assert sorted(item["team"] for item in house.slack.posts) == sorted([team.team_id, other.team_id])


async def test_an_echo_while_the_database_is_down(own_server: Postgres, house: House) -> None:
    team = house.teams[0]
    await one_answer_to(house, team, "D1")
    (shown,) = house.slack.posts
    own = {"bot_id": shown["bot_id"], "app_id": team.app_id, "metadata": shown["metadata"], "ts": shown["ts"]}
    echo = encode(message(team, "D1", team.bot_user_id, "", **own))
    async with stopped(own_server):
        assert (await post(house, echo))[0] == 503
    assert (await post(house, echo))[0] == 200


async def test_a_message_that_is_not_stored_in_time(own_server: Postgres, house: House) -> None:
    """A locked table: the webhook does not wait for it, and what was asked is not lost."""
    team = house.teams[0]
    delivery = message(team, "D1", "U1", "when do you open?")
    admin = await asyncpg.connect(own_server.admin_url, database="konstruct_own")
    try:
        async with admin.transaction():
            await admin.execute("LOCK TABLE messages IN ACCESS EXCLUSIVE MODE")
            assert (await post(house, encode(delivery)))[0] == 503
    finally:
        await admin.close()
    assert await house.deliver(delivery, delivery) == [200, 200]
    await all_answered(house)
    assert len(house.slack.posts) == 1
