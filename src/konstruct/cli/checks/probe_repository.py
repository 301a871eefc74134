"""SQL of the doctor's own tenant: its account, its question, and what became of both."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.db.session import TenantSession
from konstruct.jobs.queue import LANES, Claim

PREFIX = "d0c70000-d0c7-"
"""How the id of every probe tenant begins."""
STALE = timedelta(minutes=10)
"""No doctor runs for so long: a probe tenant that is older was left by one that was killed."""


@dataclass(frozen=True, slots=True)
class Stored:
    """What is stored for a probe tenant."""

    messages: int
    events: int


async def leftovers(db: Database) -> list[TenantScope]:
    """Return the probe tenants that nobody uses any more."""
    rows = await db.fleet_fetch(
        "doctor leftovers",
        "SELECT tenant_id FROM tenant_directory WHERE tenant_id BETWEEN $1 AND $2 AND created_at < now() - $3::interval",
        *bounds(),
        STALE,
    )
    return [TenantScope(row["tenant_id"]) for row in rows]


def bounds() -> tuple[UUID, UUID]:
    """Return the least and the greatest id of a probe tenant."""
    return UUID(PREFIX + "0000-0000-000000000000"), UUID(PREFIX + "ffff-ffff-ffffffffffff")


async def insert_account(session: TenantSession, account_id: UUID, agent_id: UUID, team: str, app: str) -> None:
    """Store the probe's Slack account and its route. Its secret is a byte that no key opens."""
    tenant_id = session.scope.tenant_id
    secret_id = await session.fetchval(
        "INSERT INTO secrets (tenant_id, id, purpose, key_version, wrapped_key, sealed)"
        " VALUES ($1, uuidv7(), 'doctor.probe', 1, '\\x00', '\\x00') RETURNING id",
        tenant_id,
    )
    await session.execute(
        "INSERT INTO channel_accounts (tenant_id, id, agent_id, kind, external_id, app_id, secret_id)"
        " VALUES ($1, $2, $3, 'slack', $4, $5, $6)",
        tenant_id, account_id, agent_id, team, app, secret_id,
    )  # fmt: skip
    await session.execute(
        "INSERT INTO channel_routes (tenant_id, account_id, kind, account_key, app_id) VALUES ($1, $2, 'slack', $3, $4)",
        tenant_id, account_id, team, app,
    )  # fmt: skip


async def stored(session: TenantSession) -> Stored:
    """Return how many messages stand there, and how many deliveries were taken for new ones."""
    row = await session.fetchrow(
        "SELECT (SELECT count(*) FROM messages WHERE tenant_id = $1) AS messages,"
        # A key without a message is a delivery's own; a body is kept of the one that was stored.
        " (SELECT count(*) FROM dedupe_keys WHERE tenant_id = $1 AND message_id IS NULL) AS events",
        session.scope.tenant_id,
    )
    assert row is not None
    return Stored(**row)


async def ask(session: TenantSession, account_id: UUID, agent_id: UUID, owner: UUID, lease: timedelta) -> Claim:
    """Store a direct question in a new conversation, and claim both its lanes: no worker answers it, and none sends."""
    tenant_id = session.scope.tenant_id
    conversation_id = await session.fetchval(
        "INSERT INTO conversations (tenant_id, id, account_id, agent_id, external_key, kind, channel_id, audience, audience_key,"
        " engaged, next_seq) VALUES ($1, uuidv7(), $2, $3, gen_random_uuid()::text, 'direct', 'D_DOCTOR', 'person', 'U_DOCTOR',"
        " true, 2) RETURNING id",
        tenant_id, account_id, agent_id,
    )  # fmt: skip
    await session.execute(
        "INSERT INTO messages (tenant_id, id, conversation_id, seq, direction, author, text, external_id, addressed, state,"
        " sent_at) VALUES ($1, uuidv7(), $2, 1, 'in', 'contact', 'Is the doctor heard?', '1', true, 'pending', now())",
        tenant_id, conversation_id,
    )  # fmt: skip
    await session.execute(
        "INSERT INTO ready_queue (tenant_id, conversation_id, lane, state, epoch, attempts, lease_owner, lease_until, lease)"
        " SELECT $1, $2, unnest($5::text[]), 'leased', 1, 1, $3, now() + $4::interval, $4",
        tenant_id, conversation_id, owner, lease, list(LANES),
    )  # fmt: skip
    return Claim(session.scope, conversation_id, "turn", 1, 1)


async def shown(session: TenantSession, conversation_id: UUID) -> list[str]:
    """Return what would be shown in the conversation's channel, and what the conversation says was said."""
    rows = await session.fetch(
        "SELECT body FROM deliveries WHERE tenant_id = $1 AND conversation_id = $2"
        " UNION ALL SELECT text FROM messages WHERE tenant_id = $1 AND conversation_id = $2 AND direction = 'out'",
        session.scope.tenant_id,
        conversation_id,
    )
    return [row["body"] for row in rows]
