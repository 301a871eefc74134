"""A web process and three workers on servers of their own, shared by the fault tests: starting them takes longer than a fault."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from konstruct.db.bootstrap import bootstrap
from konstruct.db.migrate import migrate
from konstruct.kit.settings import Settings
from konstruct.local.postgres import Postgres
from konstruct.local.valkey import Valkey
from konstruct.tenants.keyring import FileKeyRing
from konstruct.tenants.vault import Vault
from tests.conftest import PASSWORDS
from tests.faults.history import History
from tests.faults.plant import PATIENCE_S, Plant, Unit, plant, two_tenants, workspace
from tests.faults.traffic import Traffic
from tests.faults.verdict import verdict
from tests.support.house import until
from tests.support.queueing import empty_queue

LEASE_S = 3.0
WORKERS = 3
CHANGED = {"SEND_WINDOW_S": "2", "ECHO_WAIT_S": "1", "LOOK_UP_WAIT_S": "4", "TURN_ATTEMPTS": "20"}
"""Short waits; and a turn that happens to be hit by every kill is no poison."""


class Crew:
    """The plant, its servers, the traffic of one test and the database's own record of it."""

    def __init__(self, made: Plant, server: Postgres, valkey: Valkey, history: History, vault: Vault) -> None:
        self.made = made
        self.server = server
        self.valkey = valkey
        self.history = history
        self.traffic = Traffic(made)
        self._vault = vault

    def workers(self) -> list[Unit]:
        """The workers that work, the oldest first."""
        return [unit for unit in self._living("worker") if unit.started]

    @property
    def web(self) -> Unit:
        """The living web process."""
        (only,) = self._living("web")
        return only

    def _living(self, name: str) -> list[Unit]:
        return [unit for unit in self.made.units if unit.alive and unit.name.startswith(name)]

    def unit(self, name: str) -> Unit:
        """Return the process of this name."""
        return next(unit for unit in self.made.units if unit.name == name)

    async def complete(self) -> None:
        """Start what is missing of a web process and three workers."""
        missing = ["web"] * (1 - len(self._living("web"))) + ["worker"] * (WORKERS - len(self._living("worker")))
        await asyncio.gather(*(self.made.start(name) for name in missing))

    async def renew(self) -> None:
        """Leave nothing of an earlier test: all processes run, and there are two new tenants of whom nothing is known."""
        made = self.made
        for unit in [*self._living("worker"), *self._living("web")]:
            unit.thaw()
        made.thinking.set()
        made.slack.fault = None
        await asyncio.gather(*(server.start() for server in (self.server, self.valkey) if not psutil.pid_exists(server.pid or 0)))
        await empty_queue(made.db)
        await self.complete()
        made.scopes, made.teams = await two_tenants(made.db, self._vault)
        made.slack.workspaces += [workspace(team) for team in made.teams]
        made.slack.posts.clear()
        made.slack.requests.clear()
        made.slack.accept, made.slack.fault_times, made.slack.fault_in = True, -1, None
        made.model.requests.clear()
        made.echoed = 0
        made.deaf.clear()
        made.echoing.set()
        self.traffic = Traffic(made)
        await self.history.forget()

    async def freeze_in_a_turn(self) -> tuple[Unit, int]:
        """Freeze the first worker that has turns under way, whatever it sends meanwhile; return it, and how many turns.

        The model thinks on. The longest-lived worker is asked first; one that has just been started counts as well.
        """
        self.made.thinking.clear()
        caught: list[tuple[Unit, int]] = []

        async def in_a_turn() -> bool:
            for unit in self.workers():
                unit.freeze()
                if turns := await self.made.turns(unit):
                    caught.append((unit, turns))
                    return True
                unit.thaw()
            return False

        await until(in_a_turn, PATIENCE_S)
        return caught[0]

    async def wake(self, zombie: Unit) -> None:
        """Let a frozen worker go on, and wait until it has noticed that something is no longer its own."""
        known = len(zombie.log.read_text())
        zombie.thaw()
        await until(
            lambda: any(word in zombie.log.read_text()[known:] for word in ("lease_lost", "lease_not_renewed")), PATIENCE_S
        )

    async def settled(self) -> None:
        """Wait until everything is answered and sent; then judge the whole run of this test."""
        await self.made.idle()
        await verdict(self.made, self.traffic, self.history)


@asynccontextmanager
async def crew_in(folder: Path, **more: str) -> AsyncIterator[Crew]:
    """A complete crew in `folder`; `more` are further settings of its processes."""
    server = Postgres(folder / "postgres", "fault-pass", log=folder / "postgres.log")
    valkey = Valkey(folder / "valkey", "fault-pass", log=folder / "valkey.log")
    try:
        await asyncio.gather(server.start(), valkey.start())
        urls = await bootstrap(server.admin_url, database="faults", passwords=PASSWORDS)
        await asyncio.to_thread(migrate, urls.maintenance)
        history = History(urlsplit(server.admin_url)._replace(path="/faults").geturl())
        await history.install()
        settings = Settings.model_validate(
            {
                "database_url": urls.app,
                "fleet_database_url": urls.fleet,
                "redis_url": valkey.url(0),
                "broker_url": valkey.url(1),
                "keyring": str(folder / "house" / "keyring.json"),
            }
        )
        async with plant(settings, folder, lease_s=LEASE_S, **{**CHANGED, **more}) as made:
            crew = Crew(made, server, valkey, history, Vault(FileKeyRing(Path(str(settings.keyring)))))
            await crew.complete()
            yield crew
    finally:
        await asyncio.gather(server.stop(), valkey.stop())
