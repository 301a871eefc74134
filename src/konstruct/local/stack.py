"""The parts of an embedded instance in the order in which they start."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Mapping
from pathlib import Path

from konstruct.kit.errors import StorageUnavailableError
from konstruct.kit.settings import PREFIX, Settings
from konstruct.local.child import NAMES, Child, stop_orphans
from konstruct.local.environment import base_environment, child_environment, load_secrets
from konstruct.local.files import last_lines, read_json, write_private
from konstruct.local.instance import Instance, save_instance, settings_of
from konstruct.local.postgres import Postgres
from konstruct.local.process import own_mark
from konstruct.local.supervisor import Say, Supervisor
from konstruct.local.valkey import Valkey

DATABASE = "konstruct"
_PORTS = "ports.json"
_HEAVY = ("konstruct.db.bootstrap", "konstruct.db.migrate", "konstruct.local.hooks", "konstruct.local.ready")


class Stack:
    """PostgreSQL, Valkey, web, worker and beat on one data folder. Its methods are called in their order."""

    def __init__(self, data_dir: Path, port: int, supervisor: Supervisor, say: Say, user: Mapping[str, str]) -> None:
        self._dir = data_dir
        self._port = port
        self._supervisor = supervisor
        self._say = say
        self._user = user
        self._secrets = load_secrets(data_dir / "secrets.json")
        whatsapp = (self._secrets["whatsapp_app"], self._secrets["whatsapp_verify"])
        self._env = base_environment(data_dir, port, self._secrets["slack_signing"], user, whatsapp)
        last = read_json(data_dir / _PORTS) or {}
        logs = data_dir / "logs"
        self._postgres = Postgres(
            data_dir / "postgres", self._secrets["postgres"], log=logs / "postgres.log", port=last.get("postgres")
        )
        self._valkey = Valkey(data_dir / "valkey", self._secrets["valkey"], log=logs / "valkey.log", port=last.get("valkey"))
        self._children: dict[str, Child] = {}

    @property
    def portal(self) -> str:
        """The portal's address, without a slash at its end."""
        return self._env[PREFIX + "PUBLIC_URL"].rstrip("/")

    @property
    def settings(self) -> Settings:
        """The settings of all processes together."""
        return settings_of(self._env)

    async def stop_orphans(self) -> None:
        """Stop what an `up` that was killed left behind, but the two servers, which are adopted."""
        if left := await stop_orphans(self._dir):
            self._say(f"stopped what an earlier run left: {', '.join(left)}")

    async def start_servers(self) -> None:
        """Start or adopt PostgreSQL and Valkey. Raises KonstructError."""
        first = not (self._dir / "postgres").exists()
        self._say(f"PostgreSQL and Valkey: starting{', with a new database cluster' if first else ''} ({self._dir})")
        # The modules of the next steps load while initdb works.
        loading = asyncio.create_task(asyncio.to_thread(_load, _HEAVY))
        starts = [self._supervisor.start(self._postgres), self._supervisor.start(self._valkey)]
        for failure in await asyncio.gather(*starts, loading, return_exceptions=True):
            if failure is not None:
                raise failure
        for part, label in ((self._postgres, "PostgreSQL"), (self._valkey, "Valkey")):
            self._say(f"{label}: {'adopted' if part.adopted else 'runs'} on port {part.port}")

    async def prepare_database(self) -> None:
        """Make roles, database and tables, and complete the environment. Raises KonstructError."""
        from konstruct.db.bootstrap import RolePasswords, bootstrap
        from konstruct.db.database import STORAGE_ERRORS
        from konstruct.db.migrate import migrate

        passwords = RolePasswords(*(self._secrets[role] for role in ("app", "fleet", "maintenance")))
        try:
            urls = await bootstrap(self._postgres.admin_url, database=DATABASE, passwords=passwords)
            applied = await asyncio.to_thread(migrate, urls.maintenance)
        except STORAGE_ERRORS as error:
            raise StorageUnavailableError(f"PostgreSQL went away: {last_lines(self._postgres.log)}") from error
        self._say(f"database: {f'{len(applied)} migrations applied' if applied else 'up to date'}")
        servers = {
            "DATABASE_URL": urls.app,
            "FLEET_DATABASE_URL": urls.fleet,
            "OWNER_DATABASE_URL": urls.maintenance,
            "REDIS_URL": self._valkey.url(0),
            "BROKER_URL": self._valkey.url(1),
        }
        self._env |= {PREFIX + name: url for name, url in servers.items()}
        self._save()

    async def start_children(self) -> None:
        """Start beat, worker and web; they are stopped in the opposite order."""
        for name in reversed(NAMES):
            child = Child(name, child_environment(name, self._user, self._env), data_dir=self._dir)
            self._children[name] = child
            await self._supervisor.start(child)
        self._say(f"{', '.join(NAMES)}: starting (logs: {self._dir / 'logs'})")

    async def serve(self) -> None:
        """Make the sandbox's businesses, and wait until web and worker serve. Raises KonstructError with the reason."""
        from konstruct.db.database import Database
        from konstruct.local.hooks import connect_numbers, seed_sandbox
        from konstruct.local.ready import wait_until, web_serves, worker_lives

        # The children load their modules meanwhile.
        await seed_sandbox(self.settings)
        children = list(self._children.values())
        db = await Database.open(self.settings, pool=1)
        try:
            await wait_until(lambda: worker_lives(db, self._children["worker"].pid), children, "the worker")
        finally:
            await db.close()
        await wait_until(lambda: web_serves(self._port), children, "web")
        await connect_numbers(self.settings)

    async def sign_in_link(self) -> str:
        """Return a one-time link into the portal. Raises KonstructError."""
        from konstruct.local.hooks import make_link

        return await make_link(self.settings)

    def _save(self) -> None:
        assert self._postgres.port and self._valkey.port
        ports = {"web": self._port, "postgres": self._postgres.port, "valkey": self._valkey.port}
        write_private(self._dir / _PORTS, ports)
        save_instance(self._dir, Instance(**own_mark(), portal=self.portal, ports=ports, env=self._env))


def _load(modules: tuple[str, ...]) -> None:
    for module in modules:
        importlib.import_module(module)
