"""Businesses of before partitions, all alike: with turns of long ago, of now, and one whose id is of another making."""

from __future__ import annotations

from uuid import UUID

import asyncpg

from konstruct.kit.ids import uuid7

AGO = ("20 months", "16 months", "5 months", "89 days", "0 days")
"""How long ago the turns of a business were; one more has an id that is no time."""

_TENANT = """
INSERT INTO tenant_directory (tenant_id) VALUES ($1);
INSERT INTO tenants (tenant_id, name) VALUES ($1, 'Alpha');
INSERT INTO agents (tenant_id, id, name, persona_version) VALUES ($1, $2, 'Ada', 1);
INSERT INTO persona_versions (tenant_id, agent_id, version, persona, name) VALUES ($1, $2, 1, 'x', 'Ada');
INSERT INTO secrets (tenant_id, id, purpose, key_version, wrapped_key, sealed) VALUES ($1, $2, 'a', 1, '', '');
INSERT INTO channel_accounts (tenant_id, id, agent_id, kind, external_id, secret_id)
VALUES ($1, $2, $2, 'slack', 'T' || $1, $2);
INSERT INTO conversations (tenant_id, id, account_id, agent_id, external_key, kind, channel_id, audience, audience_key)
VALUES ($1, $2, $2, $2, 'D1', 'direct', 'D1', 'person', 'U1')"""
_TURN = """
INSERT INTO turns (tenant_id, id, conversation_id, agent_id, persona_version, epoch, owner_epoch, deadline_at, state, outcome,
  finished_at) VALUES ($1, $2, $3, $3, 1, 1, 0, now(), 'done', 'answered', now() - $4::interval);
INSERT INTO steps (tenant_id, turn_id, position, kind, content, epoch, created_at)
SELECT $1, $2, n, 'model', jsonb_build_object('text', 'step ' || n), 1, now() - $4::interval FROM generate_series(0, 1) AS n;
INSERT INTO tool_calls (tenant_id, turn_id, step, call_index, id, model_call_id, name, arguments, state, idempotency_key)
VALUES ($1, $2, 0, 0, uuidv7(), 'c', 'look', '{}', 'intended', $2 || '-0');
INSERT INTO llm_calls (tenant_id, id, turn_id, step, backend, model, outcome, cost_micro, latency_ms, created_at)
SELECT $1, uuidv7(-$4::interval), $2, n, 'b', 'm', 'ok', 7, 1, now() - $4::interval FROM generate_series(0, 2) AS n;
INSERT INTO inbound_events (tenant_id, received_at, id, account_id, event_key, body)
VALUES ($1, now(), uuidv7(), $3, 'e', 'body');
INSERT INTO messages (tenant_id, id, conversation_id, seq, direction, author, text, state, turn_id, sent_at)
VALUES ($1, $2, $3, $5, 'out', 'ai', 'said', 'sent', $2, now());
INSERT INTO deliveries (tenant_id, id, conversation_id, account_id, turn_id, message_id, position, part, kind, channel_id, body,
  owner_epoch, state, external_id, sent_at, created_at)
VALUES ($1, uuidv7(-$4::interval), $3, $3, $2, $2, $5, 0, 'reply', 'D1', 'said', 0, 'sent', 'ts' || $5, now() - $4::interval,
  now() - $4::interval)"""


async def business(connection: asyncpg.Connection[asyncpg.Record]) -> UUID:
    """Make one as the tables' owner; return its tenant. Its agent, account and conversation have one id."""
    tenant, one = uuid7(), uuid7()
    await connection.execute("SELECT set_config('app.tenant_id', $1, false)", str(tenant))
    async with connection.transaction():
        await _run(connection, _TENANT, tenant, one)
        for seq, ago in enumerate((*AGO, None), start=1):
            turn = await connection.fetchval("SELECT coalesce(uuidv7(-$1::text::interval), gen_random_uuid())", ago)
            await _run(connection, _TURN, tenant, turn, one, ago or "0 days", seq)
    return tenant


async def _run(connection: asyncpg.Connection[asyncpg.Record], script: str, *values: object) -> None:
    for number, value in enumerate(values, start=1):
        script = script.replace(f"${number}", f"'{value}'")
    await connection.execute(script)
