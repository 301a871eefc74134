from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from konstruct.db.bootstrap import RoleUrls
from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.kit.settings import PREFIX, Settings
from konstruct.llm.backends.scripted import ScriptedBackend
from konstruct.local.valkey import Valkey
from konstruct.tenants.keyring import FileKeyRing
from konstruct.tenants.service import set_status
from konstruct.tenants.vault import Vault
from tests.conftest import SIGNING_SECRET
from tests.support.house import House, open_house

ROOT = Path(__file__).parents[2]


@pytest.fixture
def model() -> ScriptedBackend:
    """A model that says what it was asked."""
    return ScriptedBackend()


@pytest.fixture
async def house(
    settings: Settings, db: Database, house_vault: Vault, tenants: tuple[TenantScope, TenantScope], model: ScriptedBackend
) -> AsyncIterator[House]:
    """The whole house, with two connected tenants."""
    async with open_house(settings, db, house_vault, tenants, model) as opened:
        yield opened


@pytest.fixture
async def ears(
    settings: Settings, db: Database, house_vault: Vault, tenants: tuple[TenantScope, TenantScope]
) -> AsyncIterator[House]:
    """A house that takes messages and answers none: for what must not even be taken."""
    async with open_house(settings, db, house_vault, tenants, ScriptedBackend(), run_engine=False) as opened:
        yield opened
    for scope in tenants:
        # The engines of later tests share the database, and must not answer what this one left.
        await set_status(db, scope.tenant_id, "suspended")


@dataclass(frozen=True)
class Ended:
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def said(self) -> list[str]:
        """The lines for the operator; logs are the lines that are JSON."""
        return [line for line in self.err.splitlines() if not line.startswith("{")]


Konstruct = Callable[..., Ended]


@pytest.fixture(scope="session")
def _commands() -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "tests.bad_input.command_process"]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    yield process
    process.communicate()


@pytest.fixture
def environment(urls: RoleUrls, valkey: Valkey, tmp_path: Path) -> dict[str, str]:
    """The variables with which every process starts."""
    ring = tmp_path / "house" / "keyring.json"
    asyncio.run(FileKeyRing(ring).init())
    values = {
        "DATABASE_URL": urls.app,
        "FLEET_DATABASE_URL": urls.fleet,
        "OWNER_DATABASE_URL": urls.maintenance,
        "REDIS_URL": valkey.url(0),
        "BROKER_URL": valkey.url(1),
        "KEYRING": str(ring),
        "SLACK_SIGNING_SECRET": SIGNING_SECRET,
        "LLM_BACKEND": "demo",
        "BIND": "127.0.0.1:0",
    }
    return {PREFIX + name: value for name, value in values.items()}


@pytest.fixture
def konstruct(_commands: subprocess.Popen[str], environment: dict[str, str]) -> Konstruct:
    """Run a command: `konstruct("web", BIND="nonsense")`; None takes a variable away."""

    def run(*argv: str, **changes: str | None) -> Ended:
        env = environment | {PREFIX + name: value for name, value in changes.items() if value is not None}
        env = {name: value for name, value in env.items() if changes.get(name.removeprefix(PREFIX), "") is not None}
        assert _commands.stdin and _commands.stdout
        _commands.stdin.write(json.dumps({"argv": argv, "env": env}) + "\n")
        _commands.stdin.flush()
        return Ended(**json.loads(_commands.stdout.readline()))

    return run
