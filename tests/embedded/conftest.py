"""Real servers in folders of their own; whatever a test starts is stopped."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from konstruct.local.postgres import Postgres
from konstruct.local.valkey import Valkey

MakePostgres = Callable[..., Postgres]
MakeValkey = Callable[..., Valkey]


@pytest.fixture
async def make_postgres(tmp_path: Path) -> AsyncIterator[MakePostgres]:
    """Return a maker of servers on `tmp_path`: `make(name, password, port=None)`."""
    made: list[Postgres] = []

    def make(name: str = "a", password: str = "correct", port: int | None = None) -> Postgres:
        folder = tmp_path / name
        folder.mkdir(mode=0o700, exist_ok=True)
        server = Postgres(folder / "postgres", password, log=folder / "logs" / "postgres.log", port=port)
        made.append(server)
        return server

    yield make
    for server in reversed(made):
        await server.stop()


@pytest.fixture
async def make_valkey(tmp_path: Path) -> AsyncIterator[MakeValkey]:
    """Return a maker of servers on `tmp_path`: `make(name, password, port=None)`."""
    made: list[Valkey] = []

    def make(name: str = "a", password: str = "correct", port: int | None = None) -> Valkey:
        server = Valkey(tmp_path / name / "valkey", password, log=tmp_path / name / "logs" / "valkey.log", port=port)
        made.append(server)
        return server

    yield make
    for server in reversed(made):
        await server.stop()
