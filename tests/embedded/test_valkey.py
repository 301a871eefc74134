"""The embedded Valkey: protected, adopted, recovered."""

from __future__ import annotations

import asyncio
import os
import signal
import socket

import psutil
import pytest

from konstruct.kit.errors import KonstructError
from tests.embedded.conftest import MakeValkey


async def ask(port: int | None, *lines: str) -> list[str]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write("".join(f"{line}\r\n" for line in lines).encode())
        return [(await reader.readline()).decode().strip() for _ in lines]
    finally:
        writer.close()
        await writer.wait_closed()


async def test_it_takes_our_password_only_on_the_loopback_address(make_valkey: MakeValkey) -> None:
    server = make_valkey()
    await server.start()
    assert await ask(server.port, "AUTH correct", "SET a 1") == ["+OK", "+OK"]
    (refused,) = await ask(server.port, "GET a")
    assert refused.startswith("-NOAUTH")
    (refused,) = await ask(server.port, "AUTH guessed")
    assert refused.startswith("-WRONGPASS")
    process = psutil.Process(server.pid)
    assert {found.laddr.ip for found in process.net_connections("inet") if found.status == psutil.CONN_LISTEN} == {"127.0.0.1"}
    assert not any("correct" in part for part in process.cmdline())
    assert server.url(1) == f"redis://:correct@127.0.0.1:{server.port}/1"


async def test_writes_survive_a_kill_and_the_port_stays(make_valkey: MakeValkey) -> None:
    server = make_valkey()
    await server.start()
    port = server.port
    # WAITAOF answers when the write is on the disk.
    assert await ask(port, "AUTH correct", "SET kept yes", "WAITAOF 1 0 5000") == ["+OK", "+OK", "*2"]
    assert server.pid
    os.kill(server.pid, signal.SIGKILL)
    assert await server.ended() == -signal.SIGKILL
    await server.start()
    assert (server.adopted, server.port) == (False, port)
    assert await ask(port, "AUTH correct", "GET kept") == ["+OK", "$3"]


async def test_a_restart_does_not_leave_the_port_that_others_know(make_valkey: MakeValkey) -> None:
    server = make_valkey()
    await server.start()
    port = server.port
    await server.stop()
    with socket.socket() as busy:
        busy.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        busy.bind(("127.0.0.1", port))
        busy.listen()
        with pytest.raises(KonstructError, match=r"Valkey did not start: .*port"):
            await server.start()
    await server.start()
    assert server.port == port


async def test_a_second_supervisor_adopts_the_running_server(make_valkey: MakeValkey) -> None:
    first, second = make_valkey(), make_valkey()
    await first.start()
    await second.start()
    assert (second.adopted, second.pid, second.port) == (True, first.pid, first.port)
    await second.stop()
    assert await first.ended() == 0


async def test_one_with_another_password_is_replaced(make_valkey: MakeValkey) -> None:
    first, second = make_valkey(), make_valkey(password="other")
    await first.start()
    await second.start()
    async with asyncio.timeout(20):
        assert await first.ended() == 0
    assert second.pid != first.pid
    assert await ask(second.port, "AUTH other") == ["+OK"]


async def test_a_broken_file_is_put_aside(make_valkey: MakeValkey) -> None:
    server = make_valkey()
    await server.start()
    await ask(server.port, "AUTH correct", "SET a 1")
    await server.stop()
    (log,) = (server.folder / "appendonlydir").glob("*.incr.aof")
    log.write_bytes(b"this is no append-only file\r\n" * 10)
    await server.start()
    assert await ask(server.port, "AUTH correct", "GET a") == ["+OK", "$-1"]
    assert len(list(server.folder.glob("appendonlydir.broken-*"))) == 1


async def test_two_run_side_by_side(make_valkey: MakeValkey) -> None:
    first, second = make_valkey("a"), make_valkey("b")
    await asyncio.gather(first.start(), second.start())
    await ask(first.port, "AUTH correct", "SET only here")
    assert await ask(second.port, "AUTH correct", "GET only") == ["+OK", "$-1"]
