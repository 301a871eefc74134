"""The migration of usage counts what stood before it, for every tenant, under forced row-level security."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID, uuid4

import asyncpg

import konstruct.db.migrations
from konstruct.db.bootstrap import OWNER, bootstrap
from konstruct.local.postgres import Postgres
from tests.conftest import PASSWORDS

SQL = Path(konstruct.db.migrations.__file__).parent / "sql"
BEFORE = [path for path in sorted(SQL.glob("*.sql")) if path.name < "0011"]


async def _tenant(connection: asyncpg.Connection[asyncpg.Record], calls: int) -> UUID:
    """Make a tenant with a broken account, a turn, `calls` priced calls of it, and one of no turn without a price."""
    ids = {name: uuid4() for name in ("tenant", "agent", "secret", "account", "conversation", "turn")}
    tenant = ids["tenant"]
    await connection.execute(f"SET app.tenant_id = '{tenant}'")
    async with connection.transaction():
        for sql, *values in (
            ("tenant_directory (tenant_id) VALUES ($1)",),
            ("tenants (tenant_id, name) VALUES ($1, 'A')",),
            ("agents (tenant_id, id, name, persona_version) VALUES ($1, $2, 'Ada', 1)", ids["agent"]),
            ("persona_versions (tenant_id, agent_id, version, persona, name) VALUES ($1, $2, 1, 'x', 'Ada')", ids["agent"]),
            ("secrets (tenant_id, id, purpose, key_version, wrapped_key, sealed) VALUES ($1, $2, 'a', 1, '', '')", ids["secret"]),
            (
                "channel_accounts (tenant_id, id, agent_id, kind, external_id, secret_id, status, status_reason)"
                " VALUES ($1, $2, $3, 'slack', 'T1', $4, 'broken', 'token_revoked')",
                ids["account"], ids["agent"], ids["secret"],
            ),
            (
                "conversations (tenant_id, id, account_id, agent_id, external_key, kind, channel_id, audience, audience_key)"
                " VALUES ($1, $2, $3, $4, 'D1', 'direct', 'D1', 'person', 'U1')",
                ids["conversation"], ids["account"], ids["agent"],
            ),
            (
                "turns (tenant_id, id, conversation_id, agent_id, persona_version, epoch, owner_epoch, deadline_at)"
                " VALUES ($1, $2, $3, $4, 1, 1, 0, now())",
                ids["turn"], ids["conversation"], ids["agent"],
            ),
            (
                "llm_calls (tenant_id, id, turn_id, backend, model, outcome, input_tokens, cost_micro, latency_ms)"
                " SELECT $1, gen_random_uuid(), $2, 'b', 'm', 'ok', 10, 7, 1 FROM generate_series(1, $3::integer)",
                ids["turn"], calls,
            ),
            ("llm_calls (tenant_id, id, backend, model, outcome, latency_ms) VALUES ($1, $2, 'b', 'm', 'timeout', 1)", uuid4()),
        ):  # fmt: skip
            await connection.execute(f"INSERT INTO {sql}", tenant, *values)
    return tenant


async def test_what_stood_before_is_counted(cluster: Postgres) -> None:
    addresses = await bootstrap(cluster.admin_url, database="konstruct_backfill", passwords=PASSWORDS)
    connection = await asyncpg.connect(addresses.maintenance)
    try:
        await connection.execute(f"SET ROLE {OWNER}; CREATE TABLE alembic_version (version_num text)")
        for path in BEFORE:
            await connection.execute(path.read_text(encoding="utf-8"))
        tenants = [(await _tenant(connection, calls), calls) for calls in (3, 5)]
        await connection.execute("RESET app.tenant_id")
        async with connection.transaction():
            await connection.execute((SQL / "0011_usage.sql").read_text(encoding="utf-8"))
        for tenant, calls in tenants:
            await connection.execute(f"SET app.tenant_id = '{tenant}'")
            days = await connection.fetch(
                "SELECT calls, failed_calls, unknown_cost_calls, cost_micro FROM usage_days ORDER BY calls"
            )
            assert [tuple(row) for row in days] == [(1, 1, 1, 0), (calls, 0, 0, 7 * calls)]
            (use,) = await connection.fetch("SELECT calls, input_tokens, cost_micro FROM usage_conversations")
            assert tuple(use) == (calls, 10 * calls, 7 * calls)
            (change,) = await connection.fetch("SELECT status, reason FROM channel_health")
            assert tuple(change) == ("broken", "token_revoked")
    finally:
        await connection.close()
