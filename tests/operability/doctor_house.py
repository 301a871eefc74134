"""A whole, sound installation for the doctor: two tenants with an account each, the real web application, living workers."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import asyncpg
import uvicorn
from starlette.types import Receive, Scope, Send

from konstruct.cli.checks.check import Check
from konstruct.cli.doctor import run_checks
from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.jobs.workers_repository import heartbeat
from konstruct.kit.counters import Snapshot
from konstruct.kit.settings import Settings
from konstruct.local.valkey import Valkey
from konstruct.tenants.keyring import FileKeyRing
from konstruct.tenants.service import create_tenant
from konstruct.tenants.vault import Vault
from konstruct.web.app import create_app
from tests.operability.conftest import Spare
from tests.support.house import until
from tests.support.ports import free_port

SECRETS = ("hunter2", "-pass", "signing-hush")
"""What no evidence may show."""


@dataclass
class House:
    """What a test damages. `statuses` replaces the answers of a path: the model server's always, others on demand."""

    spare: Spare
    settings: Settings
    ring: Path
    statuses: dict[str, int] = field(default_factory=lambda: {"/v1/models": 200})
    scopes: list[TenantScope] = field(default_factory=list)

    async def checks(self, only: Collection[str] = (), **change: object) -> dict[str, Check]:
        """Return the doctor's report by check; `change` are settings that it sees otherwise than the processes do."""
        checks = await run_checks(self.settings.model_copy(update=change), only)
        assert len({check.id for check in checks}) == len(checks)
        assert [check for check in checks if any(secret in check.evidence for secret in SECRETS)] == []
        return {check.id: check for check in checks}


@asynccontextmanager
async def open_house(spare: Spare, valkey: Valkey, folder: Path) -> AsyncIterator[House]:
    """Run the house for the block."""
    port, ring = free_port(), folder / "keyring.json"
    base = f"http://127.0.0.1:{port}"
    settings = spare.settings(
        keyring=str(ring), public_url=base, redis_url=valkey.url(2), broker_url=valkey.url(3), llm_backend="openai_compat",
        llm_url=f"{base}/v1", llm_model="m", llm_api_key="hunter2", slack_signing_secret="signing-hush", data_dir=str(folder),
        database_pool=2,
    )  # fmt: skip
    house = House(spare, settings, ring)
    provider = FileKeyRing(ring)
    await provider.init()
    db = await spare.open()
    try:
        for name, team in (("Alpha Bikes", "T1"), ("Beta Bakery", "T2")):
            house.scopes.append(await _furnish(db, Vault(provider), name, team))
        for kind in ("worker", "beat"):
            async with db.fleet("test") as session:
                await heartbeat(session, uuid4(), kind=kind, host="h", pid=1, in_flight=0, counters=Snapshot())
    finally:
        await db.close()
    async with _served(house, port):
        yield house


@asynccontextmanager
async def _served(house: House, port: int) -> AsyncIterator[None]:
    """The web process, and the model server behind it, as far as the doctor looks at that."""
    app = create_app(house.settings)

    async def front(scope: Scope, receive: Receive, send: Send) -> None:
        status = house.statuses.get(scope.get("path", ""))
        if status is None:
            await app(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": status, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})

    config = uvicorn.Config(front, host="127.0.0.1", port=port, log_config=None, access_log=False, lifespan="on", loop="none")
    server = uvicorn.Server(config)
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    task = asyncio.create_task(server._serve())
    await until(lambda: server.started or task.done())
    try:
        yield
    finally:
        server.should_exit = True
        await task


async def _furnish(db: Database, vault: Vault, name: str, team: str) -> TenantScope:
    """A tenant with a connected Slack account."""
    created = await create_tenant(db, vault, name=name)
    secret = await vault.put(db, created.scope, "slack.bot_token", f"xoxb-{team}-canary-token")
    account = uuid4()
    async with db.tenant(created.scope) as session:
        await session.execute(
            "INSERT INTO channel_accounts (tenant_id, id, agent_id, kind, external_id, secret_id)"
            " VALUES ($1, $2, $3, 'slack', $4, $5)",
            created.tenant_id, account, created.agent_id, team, secret,
        )  # fmt: skip
        await session.execute(
            "INSERT INTO channel_routes (tenant_id, account_id, kind, account_key) VALUES ($1, $2, 'slack', $3)",
            created.tenant_id, account, team,
        )  # fmt: skip
    return created.scope


async def contents(spare: Spare) -> dict[str, str]:
    """Return a digest of the rows of every table, to be compared: as superuser, whom no policy holds."""
    connection = await asyncpg.connect(spare.admin_url)
    try:
        tables = await connection.fetch(
            "SELECT relname::text AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND n.nspname = 'public' ORDER BY 1"
        )
        found = {}
        for table in tables:
            rows = await connection.fetch(f'SELECT t::text AS row FROM "{table["name"]}" AS t ORDER BY 1')
            found[table["name"]] = hashlib.sha256("\n".join(row["row"] for row in rows).encode()).hexdigest()
        return found
    finally:
        await connection.close()
