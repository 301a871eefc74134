"""Leases, due times and deadlines are the database's: a worker whose own clock is wrong does no harm."""

from __future__ import annotations

import ast
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

import konstruct
from konstruct.db.database import Database
from konstruct.db.session import Session
from konstruct.jobs import queue
from konstruct.kit.ids import uuid7
from tests.jobs.conftest import Line
from tests.support.queueing import begin, bump, expire, read, release

SOURCE = Path(konstruct.__file__).parent
SQL_MODULES = [
    *sorted((SOURCE / "jobs").glob("*.py")),
    SOURCE / "agents" / "turns_repository.py",
    SOURCE / "channels" / "deliveries_repository.py",
    SOURCE / "channels" / "ingest_repository.py",
    *sorted((SOURCE / "conversations").glob("*.py")),
]
WALL_CLOCKS = {"now", "utcnow", "today", "time", "time_ns", "gmtime", "localtime"}


@pytest.mark.parametrize("path", SQL_MODULES, ids=lambda path: path.stem)
def test_no_module_of_the_queue_reads_a_wall_clock(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    read = [
        f"line {node.lineno}: {ast.unparse(node)}"
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in WALL_CLOCKS
        and ast.unparse(node.func.value).split(".")[-1] in ("time", "datetime", "date")
    ]
    assert read == []


async def test_no_statement_of_the_queue_is_given_a_time(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[Any] = []
    fleet, execute, fetchval = Database.fleet_fetch, Session.execute, Session.fetchval

    async def fleet_spy(self: Database, reason: str, sql: str, *args: Any) -> Any:
        given.extend(args)
        return await fleet(self, reason, sql, *args)

    async def execute_spy(self: Session, sql: str, *args: Any) -> Any:
        given.extend(args)
        return await execute(self, sql, *args)

    async def fetchval_spy(self: Session, sql: str, *args: Any) -> Any:
        given.extend(args)
        return await fetchval(self, sql, *args)

    (conversation,) = await line.conversations(line.noisy, 1)
    monkeypatch.setattr(Database, "fleet_fetch", fleet_spy)
    monkeypatch.setattr(Session, "execute", execute_spy)
    monkeypatch.setattr(Session, "fetchval", fetchval_spy)
    worker = uuid7()
    await bump(line.db, line.noisy, conversation, wait_s=0.0)
    (claim,) = await queue.claim(line.db, "turn", worker, 10, 60)
    await queue.renew(line.db, worker, "turn", [claim])
    await begin(line.db, claim)
    await release(line.db, claim, wait_s=0.0)
    await queue.next_due_s(line.db, "turn")
    await expire(line.db, *await queue.claim(line.db, "turn", worker, 10, 60))
    assert await queue.sweep(line.db) == 1
    assert given
    year_s = 365 * 24 * 3600
    assert [value for value in given if isinstance(value, datetime)] == []
    assert [value for value in given if isinstance(value, int | float) and value > year_s] == []


async def test_a_worker_an_hour_ahead_takes_over_no_lease(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    (conversation,) = await line.conversations(line.noisy, 1)
    await bump(line.db, line.noisy, conversation)
    (claim,) = await queue.claim(line.db, "turn", uuid7(), 10, 60)
    true_time = time.time
    monkeypatch.setattr(time, "time", lambda: true_time() + 3600)
    assert await queue.sweep(line.db) == 0
    assert await queue.claim(line.db, "turn", uuid7(), 10, 60) == []
    await begin(line.db, claim)
    assert (await read(line.db, line.noisy, conversation)).state == "leased"
