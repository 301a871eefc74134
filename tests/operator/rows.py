"""Rows of a tenant's life, dated as a test needs them."""

from __future__ import annotations

from uuid import UUID

from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.kit.ids import uuid7

_MESSAGE = """
WITH k AS (
  INSERT INTO contacts (tenant_id, id, account_id, external_id) VALUES ($1, $2, $3, $4)
  ON CONFLICT (tenant_id, account_id, external_id) DO UPDATE SET external_id = excluded.external_id RETURNING id
), c AS (
  UPDATE conversations SET next_seq = next_seq + 1, engaged = true, last_message_at = now() - interval '{ago}'
  WHERE tenant_id = $1 AND id = $5 RETURNING next_seq - 1 AS seq
)
INSERT INTO messages (tenant_id, id, conversation_id, seq, direction, contact_id, author, text, external_id, addressed, state,
  sent_at, created_at)
SELECT $1, $6, $5, c.seq, 'in', k.id, 'contact', 'hello', $6::uuid::text, $7, CASE WHEN $7 THEN 'human' ELSE 'held' END,
  now() - interval '{ago}', now() - interval '{ago}'
FROM k, c
"""


async def say(
    db: Database, scope: TenantScope, account_id: UUID, conversation_id: UUID, who: str, ago: str, *, addressed: bool = True
) -> None:
    """Store what a person said some time ago ("3 days")."""
    async with db.tenant(scope) as session:
        await session.execute(
            _MESSAGE.format(ago=ago),
            scope.tenant_id,
            uuid7(),
            account_id,
            who,
            conversation_id,
            uuid7(),
            addressed,
        )


async def sign_up(db: Database, scope: TenantScope, ago: str) -> None:
    """Date the tenant's sign-up back."""
    async with db.tenant(scope) as session:
        sql = f"UPDATE tenants SET created_at = now() - interval '{ago}' WHERE tenant_id = $1"
        await session.execute(sql, scope.tenant_id)


async def answer(db: Database, scope: TenantScope, conversation_id: UUID, ago: str) -> None:
    """Store an answer that was shown some time ago."""
    async with db.tenant(scope) as session:
        await session.execute(
            "WITH c AS (UPDATE conversations SET next_seq = next_seq + 1 WHERE tenant_id = $1 AND id = $2"
            "   RETURNING account_id, next_seq - 1 AS seq),"
            " m AS (INSERT INTO messages (tenant_id, id, conversation_id, seq, direction, author, text, state, sent_at)"
            "   SELECT $1, $3, $2, c.seq, 'out', 'ai', 'hi', 'sent', now() FROM c)"
            " INSERT INTO deliveries (tenant_id, id, conversation_id, account_id, message_id, position, part, kind, channel_id,"
            "   body, owner_epoch, state, external_id, sent_at)"
            " SELECT $1, $4, $2, c.account_id, $3, c.seq, 0, 'reply', 'D1', 'hi', 0, 'sent', $3::uuid::text,"
            f" now() - interval '{ago}' FROM c",
            scope.tenant_id,
            conversation_id,
            uuid7(),
            uuid7(),
        )


async def turn(db: Database, scope: TenantScope, conversation_id: UUID, outcome: str, ago: str) -> UUID:
    """Store a turn that ended some time ago."""
    turn_id = uuid7()
    async with db.tenant(scope) as session:
        await session.execute(
            "INSERT INTO turns (tenant_id, id, conversation_id, agent_id, persona_version, epoch, owner_epoch, state, outcome,"
            "   reason, deadline_at, finished_at)"
            f" SELECT $1, $3, $2, c.agent_id, 1, 1, 0, 'done', $4, 'broken', now(), now() - interval '{ago}'"
            " FROM conversations c WHERE c.tenant_id = $1 AND c.id = $2",
            scope.tenant_id,
            conversation_id,
            turn_id,
            outcome,
        )
    return turn_id


async def others_are_gone(db: Database, *scopes: TenantScope) -> None:
    """Take the tenants of earlier tests out of what is counted over all."""
    await db.fleet_fetch(
        "test",
        "UPDATE tenant_directory SET status = 'erasing' WHERE tenant_id <> ALL ($1)",
        [scope.tenant_id for scope in scopes],
    )
