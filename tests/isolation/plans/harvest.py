"""Watches every query that the product runs, and asks the server how it is answered, with its real arguments, at that moment."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import asyncpg
import pytest

from konstruct.db.database import Database
from konstruct.db.session import FleetSession, Session
from tests.isolation.plans.call_sites import CallSite, call_sites, site_of

_EXPLAINABLE = re.compile(r"\s*(SELECT|INSERT|UPDATE|DELETE|WITH)\b", re.IGNORECASE)
_NOTHING: dict[str, Any] = {"execute": 0, "fetch": []}
Pretence = Literal["done", "nothing"]
_PARTITION = re.compile(r"_\d{6}$")


@dataclass(frozen=True, slots=True)
class Scan:
    """A table that a plan reads as a whole."""

    table: str
    role: str
    where: str
    sql: str

    def __str__(self) -> str:
        return f"{self.role} reads all of {self.table} in {self.where}: {' '.join(self.sql.split())[:160]}"


@dataclass
class Harvest:
    """What was run, and what would scan a table."""

    empty: frozenset[str] = frozenset()
    """Partitions of months without a row: to read all of nothing is no scan."""
    seen: set[CallSite] = field(default_factory=set)
    scans: list[Scan] = field(default_factory=list)
    plans: int = 0
    told: int = 0
    pretend: Pretence | None = None
    """`done`: a statement that fails or touches nothing is taken for one that touched a row, so that what follows it is run
    too. `nothing`: no statement finds or touches anything. None: as it is."""

    def watch(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Look over the shoulder of every session from now on."""
        # Read now, for it takes a while: ingest has two seconds.
        assert call_sites()
        for name in ("fetch", "fetchrow", "fetchval", "execute", "executemany"):
            monkeypatch.setattr(Session, name, self._of_session(name))
        monkeypatch.setattr(Database, "fleet_fetch", self._fleet_fetch(Database.fleet_fetch))
        monkeypatch.setattr(Database, "call_unscoped", self._call_unscoped(Database.call_unscoped))

    def _of_session(self, name: str) -> Any:
        real, many = getattr(Session, name), name == "executemany"

        def watched(session: Session, sql: str, *args: Any) -> Any:
            site = self._note(sys._getframe(1))

            async def run() -> Any:
                given = args
                if many:
                    given = (list(args[0]),)
                    await self._explain(session._connection, site, "app", sql, next(iter(given[0]), None))
                else:
                    await self._explain(session._connection, site, _role(session), sql, given)
                with self._listening(session._connection, site, _role(session)):
                    return await self._run(session, name, real, sql, given)

            return run()

        return watched

    async def _run(self, session: Session, name: str, real: Any, sql: str, given: Any) -> Any:
        if self.pretend is None:
            return await real(session, sql, *given)
        await session._connection.execute("SAVEPOINT pretence")
        try:
            found = await real(session, sql, *given)
            await session._connection.execute("RELEASE SAVEPOINT pretence")
        except asyncpg.PostgresError:
            await session._connection.execute("ROLLBACK TO SAVEPOINT pretence")
            found = _NOTHING.get(name)
        if self.pretend == "nothing":
            return _NOTHING.get(name)
        return max(1, found) if name == "execute" else found

    def _fleet_fetch(self, real: Any) -> Any:
        def watched(db: Database, reason: str, sql: str, *args: Any) -> Any:
            site = self._note(sys._getframe(1))

            async def run() -> Any:
                async with db._fleet.acquire() as connection:
                    await self._explain(connection, site, "fleet", sql, args)
                    with self._listening(connection, site, "fleet"):
                        return await connection.fetch(sql, *args)

            return run()

        return watched

    def _call_unscoped(self, real: Any) -> Any:
        def watched(db: Database, sql: str, *args: Any, timeout_s: float) -> Any:
            site = self._note(sys._getframe(1))

            async def run() -> Any:
                async with db._app.acquire() as connection:
                    with self._listening(connection, site, "app"):
                        return await connection.fetchval(sql, *args)

            return run()

        return watched

    def _note(self, frame: Any) -> CallSite | None:
        site = site_of(frame.f_code.co_filename, frame.f_lineno)
        if site is not None:
            self.seen.add(site)
        return site

    async def _explain(self, connection: Any, site: CallSite | None, role: str, sql: str, args: Any) -> None:
        if site is None or args is None or not _EXPLAINABLE.match(sql):
            return
        [(plan,)] = await connection.fetch(f"EXPLAIN (FORMAT JSON) {sql}", *args)
        self.plans += 1
        self._look(json.loads(plan)[0]["Plan"], role, str(site), sql)

    def _listening(self, connection: Any, site: CallSite | None, role: str) -> Any:
        """What auto_explain says while a statement runs: also of the statements inside the functions that it calls."""
        harvest = self

        class Listening:
            def __enter__(self) -> None:
                connection.add_log_listener(self.hear)

            def __exit__(self, *_: object) -> None:
                connection.remove_log_listener(self.hear)

            def hear(self, _connection: Any, message: Any) -> None:
                _, told, plan = message.message.partition("plan:\n")
                if told and site is not None:
                    harvest.told += 1
                    found = json.loads(plan)
                    harvest._look(found["Plan"], role, str(site), found["Query Text"])

        return Listening()

    def _look(self, plan: dict[str, Any], role: str, where: str, sql: str) -> None:
        for node in _nodes(plan):
            if node["Node Type"] == "Seq Scan" and node["Relation Name"] not in self.empty:
                self.scans.append(Scan(_PARTITION.sub("", node["Relation Name"]), role, where, sql))


def _role(session: Session) -> str:
    return "fleet" if isinstance(session, FleetSession) else "app"


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for inner in plan.get("Plans", ()):
        yield from _nodes(inner)
