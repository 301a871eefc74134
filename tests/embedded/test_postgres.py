"""The embedded PostgreSQL: made, adopted, recovered, and refused to strangers."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import subprocess

import asyncpg
import psutil
import pytest

from konstruct.db.probe import accepts
from konstruct.kit.errors import ConflictError, KonstructError
from konstruct.local.account import database_account
from tests.embedded.conftest import MakePostgres


async def fetchval(url: str, sql: str) -> object:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


async def execute(url: str, sql: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(sql)
    finally:
        await connection.close()


async def test_a_new_cluster_takes_our_password_only(make_postgres: MakePostgres) -> None:
    server = make_postgres()
    await server.start()
    assert await accepts(server.admin_url)
    with pytest.raises(ConflictError, match="refuses the login"):
        await accepts(server.admin_url.replace("correct", "guessed"))
    assert str(await fetchval(server.admin_url, "SHOW server_version")).startswith("18.")
    for setting in ("fsync", "full_page_writes", "data_checksums", "synchronous_commit"):
        assert await fetchval(server.admin_url, f"SHOW {setting}") == "on", setting
    assert await fetchval(server.admin_url, "SELECT lower('ÄÖ') || (SELECT datcollate FROM pg_database LIMIT 1)") == "äöC.UTF-8"
    await execute(server.admin_url, "CREATE EXTENSION vector")


async def test_it_listens_on_the_loopback_address_and_its_own_socket_and_never_runs_as_root(make_postgres: MakePostgres) -> None:
    server = make_postgres()
    # As in a private home, which root's PostgreSQL cannot pass either.
    assert server.folder.parent.stat().st_mode & 0o077 == 0
    await server.start()
    process = psutil.Process(server.pid)
    assert {found.laddr.ip for found in process.net_connections("inet") if found.status == psutil.CONN_LISTEN} == {"127.0.0.1"}
    assert process.uids().effective != 0
    assert (server.folder / f".s.PGSQL.{server.port}").is_socket()
    assert server.folder.stat().st_mode & 0o077 == 0
    assert not any("correct" in part for part in process.cmdline())
    assert not any(name.startswith(("PG", "KONSTRUCT")) for name in process.environ())


async def test_committed_rows_survive_a_killed_postmaster(make_postgres: MakePostgres) -> None:
    server = make_postgres()
    await server.start()
    await execute(server.admin_url, "CREATE TABLE kept AS SELECT g FROM generate_series(1, 20000) g")
    assert server.pid
    os.kill(server.pid, signal.SIGKILL)
    assert await server.ended() == -signal.SIGKILL
    port = server.port
    await server.start()
    assert await fetchval(server.admin_url, "SELECT count(*) FROM kept") == 20000
    assert server.port == port, "those who hold the address must find it again"


async def test_a_restart_waits_for_the_port_that_others_know(make_postgres: MakePostgres) -> None:
    server = make_postgres()
    await server.start()
    port = server.port
    await server.stop()
    with socket.socket() as busy:
        busy.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        busy.bind(("127.0.0.1", port))
        busy.listen()
        starting = asyncio.create_task(server.start())
        async with asyncio.timeout(30):
            while "could not create any TCP/IP sockets" not in server.log.read_text():
                await asyncio.sleep(0.01)
    await starting
    assert server.port == port


async def test_the_server_of_another_folder_is_not_adopted(make_postgres: MakePostgres) -> None:
    mine, other = make_postgres("a"), make_postgres("b")
    await mine.start()
    await mine.stop()
    await other.start()
    shutil.copy2(other.folder / "postmaster.pid", mine.folder / "postmaster.pid")
    await mine.start()
    assert not mine.adopted
    assert mine.pid != other.pid
    assert await accepts(other.admin_url)


async def test_a_second_supervisor_adopts_the_running_server(make_postgres: MakePostgres) -> None:
    first, second = make_postgres(), make_postgres()
    await first.start()
    await second.start()
    assert (second.adopted, second.pid, second.port) == (True, first.pid, first.port)
    await second.stop()
    assert await first.ended() == 0


async def test_a_server_with_another_password_is_not_adopted(make_postgres: MakePostgres) -> None:
    await make_postgres().start()
    with pytest.raises(KonstructError, match="another password than ours"):
        await make_postgres(password="other").start()


@pytest.mark.parametrize("owner", ["stranger", "nobody left"])
async def test_a_stale_pid_file_does_not_stop_a_start(make_postgres: MakePostgres, owner: str) -> None:
    server = make_postgres()
    await server.start()
    text = (server.folder / "postmaster.pid").read_text()
    await server.stop()
    account = database_account()
    as_account = {"user": account.user, "group": account.group, "extra_groups": []} if account else {}
    # A live process of the same user makes PostgreSQL itself refuse: it takes the number for a postmaster.
    stranger = subprocess.Popen(["sh", "-c", "read line"], stdin=subprocess.PIPE, cwd="/", **as_account)  # type: ignore[call-overload]
    if owner == "nobody left":
        stranger.communicate()
    stale = text.replace(text.split("\n", 1)[0], str(stranger.pid), 1)
    for name in ("postmaster.pid", f".s.PGSQL.{server.port}.lock"):
        (server.folder / name).write_text(stale)
    try:
        await server.start()
        assert not server.adopted
        assert await accepts(server.admin_url)
    finally:
        stranger.communicate()


async def test_a_cluster_that_was_made_half_is_made_anew(make_postgres: MakePostgres) -> None:
    server = make_postgres()
    half = server.folder.with_name("postgres.new")
    half.mkdir()
    (half / "PG_VERSION").write_text("18\n")
    await server.start()
    assert await accepts(server.admin_url)
    assert not half.exists()
    assert [path.name for path in server.folder.parent.iterdir() if "password" in path.name] == []


async def test_two_run_side_by_side_with_rows_of_their_own(make_postgres: MakePostgres) -> None:
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        first, second = make_postgres("a", port=busy.getsockname()[1]), make_postgres("b", "different")
        await first.start()
        await second.start()
        assert len({first.port, second.port, busy.getsockname()[1]}) == 3
    await execute(first.admin_url, "CREATE TABLE only_here ()")
    assert await fetchval(second.admin_url, "SELECT to_regclass('only_here')") is None
    with pytest.raises(ConflictError):
        await accepts(first.admin_url.replace("correct", "different"))


async def test_a_broken_cluster_is_named_with_postgresqls_own_reason(make_postgres: MakePostgres) -> None:
    server = make_postgres()
    await server.start()
    await server.stop()
    (server.folder / "global" / "pg_control").unlink()
    with pytest.raises(KonstructError, match=r"PostgreSQL did not start: .*pg_control") as caught:
        await server.start()
    assert "\n" not in str(caught.value)


async def test_its_log_holds_no_values(make_postgres: MakePostgres) -> None:
    server = make_postgres()
    await server.start()
    for sql in ("SELECT 'canary-4711'::uuid", "SELECT canary-4711 FROM nothing"):
        with pytest.raises(asyncpg.PostgresError):
            await fetchval(server.admin_url, sql)
    assert "canary" not in server.log.read_text()
