"""Whether a server answers: real listeners of each kind, and nobody."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from konstruct.kit.reach import reach_problem
from konstruct.local.valkey import Valkey

Answer = Callable[[asyncio.StreamWriter], None]


@asynccontextmanager
async def listening(answer: Answer) -> AsyncIterator[int]:
    writers = []

    async def serve(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        answer(writer)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        for writer in writers:
            writer.close()
        server.close()


async def test_a_valkey_with_a_password_answers_without_it(valkey: Valkey) -> None:
    assert await reach_problem(valkey.url(0), 5) is None
    assert await reach_problem(f"redis://127.0.0.1:{valkey.port}", 5) is None


@pytest.mark.parametrize(
    ("scheme", "said", "problem"),
    [
        ("redis", b"-NOAUTH who are you\r\n", None),
        ("redis", b"HTTP/1.1 400 Bad Request\r\n", "does not answer as Redis"),
        ("amqp", b"", None),
    ],
)
async def test_what_a_server_says_first(scheme: str, said: bytes, problem: str | None) -> None:
    async with listening(lambda writer: writer.write(said)) as port:
        found = await reach_problem(f"{scheme}://user:hunter2@127.0.0.1:{port}/0", 5)
    assert found == (problem and f"127.0.0.1:{port} {problem}")


async def test_a_frozen_redis_is_told_from_a_dead_one() -> None:
    async with listening(lambda _writer: None) as port:
        assert await reach_problem(f"redis://127.0.0.1:{port}", 0.2) == f"127.0.0.1:{port} does not answer within 0.2 s"
    gone = await reach_problem(f"redis://:hunter2@127.0.0.1:{port}", 5)
    assert gone is not None
    assert gone.startswith(f"127.0.0.1:{port} cannot be reached")
    assert "hunter2" not in gone
