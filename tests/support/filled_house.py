"""A house whose two businesses have rows in every table, look-alikes of each other, and a platform that has some as well."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.kit.settings import Settings
from konstruct.tenants.vault import Vault
from tests.support.house import House, open_house
from tests.support.puppet import Puppet
from tests.tenants.filled import fill

_PLATFORM = """
INSERT INTO unrouted_events (kind, account_key, reason) VALUES ('slack', 'T0', 'unknown_account') ON CONFLICT DO NOTHING;
INSERT INTO workers (worker_id, kind, host, pid) VALUES (gen_random_uuid(), 'worker', 'host', 1);
INSERT INTO operators (id, name) VALUES (uuidv7(), 'Olga ' || gen_random_uuid());
INSERT INTO operator_links (token_hash, operator_id, expires_at)
SELECT sha256(uuid_send(id)), id, now() + interval '1 h' FROM operators ON CONFLICT DO NOTHING;
INSERT INTO operator_sessions (token_hash, operator_id, expires_at)
SELECT sha256(uuid_send(id)), id, now() + interval '1 h' FROM operators ON CONFLICT DO NOTHING
"""


@asynccontextmanager
async def open_filled_house(
    settings: Settings, db: Database, vault: Vault, scopes: tuple[TenantScope, TenantScope], model: Puppet | None = None
) -> AsyncIterator[House]:
    """Open a house without an engine and let both businesses live in it for a moment."""
    quick = settings.model_copy(update={"burst_s": 0.0, "turn_attempts": 1})
    async with open_house(quick, db, vault, scopes, model or Puppet(), run_engine=False) as house:
        for number in range(len(scopes)):
            await fill(house, number)
        async with db.fleet("test") as fleet:
            for statement in _PLATFORM.split(";\n"):
                await fleet.execute(statement)
        yield house
