"""Rows of the ready queue, made and read by tests that drive the queue by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from konstruct.channels import accounts
from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.jobs import queue
from konstruct.jobs.queue import Claim, Lane
from konstruct.kit.ids import uuid7
from konstruct.tenants.vault import Vault

HOUR_S = 3600.0


@dataclass(frozen=True)
class Row:
    """One row of the queue, with its times as the server sees them."""

    state: str
    seq: int
    claimed_seq: int
    epoch: int
    attempts: int
    due: bool
    lease_owner: UUID | None
    lease_s: float | None


async def empty_queue(db: Database) -> None:
    """Take what earlier tests of this process left out of the queue: a claim looks at all tenants."""
    await db.fleet_fetch(
        "test",
        "UPDATE ready_queue SET state = 'idle', claimed_seq = seq, lease_owner = NULL, lease_until = NULL, lease = NULL",
    )


async def connect(db: Database, vault: Vault, scope: TenantScope) -> UUID:
    """Connect a Slack account of its own to the tenant; return its id."""
    team = f"TQ{scope.tenant_id.hex[-10:].upper()}"
    return await accounts.connect(
        db, vault, scope, kind="slack", external_id=team, app_id="A1", bot_user_id="UBOT", token=f"xoxb-{team}"
    )


async def make_conversations(db: Database, scope: TenantScope, account_id: UUID, count: int) -> list[UUID]:
    """Store `count` conversations that have nothing to do yet."""
    ids = [uuid7() for _ in range(count)]
    async with db.tenant(scope) as session:
        await session.execute(
            "INSERT INTO conversations (tenant_id, id, account_id, agent_id, external_key, kind, channel_id, audience,"
            " audience_key) SELECT $1, c, $2, a.agent_id, c::text, 'direct', 'D1', 'person', 'U1'"
            " FROM unnest($3::uuid[]) AS c, channel_accounts a WHERE a.tenant_id = $1 AND a.id = $2",
            scope.tenant_id,
            account_id,
            ids,
        )
    return ids


async def bump(db: Database, scope: TenantScope, *conversations: UUID, lane: Lane = "turn", wait_s: float = 0.0) -> None:
    """Say that the conversations have something to do, in one transaction."""
    async with db.tenant(scope) as session:
        for conversation in conversations:
            await queue.bump(session, conversation, lane, wait_s)


async def read(db: Database, scope: TenantScope, conversation: UUID, lane: Lane = "turn") -> Row:
    """Return the row as it is now."""
    async with db.tenant(scope) as session:
        found = await session.fetchrow(
            "SELECT state, seq, claimed_seq, epoch, attempts, due_at <= now() AS due, lease_owner,"
            " extract(epoch FROM lease_until - now())::float8 AS lease_s FROM ready_queue"
            " WHERE tenant_id = $1 AND conversation_id = $2 AND lane = $3",
            scope.tenant_id,
            conversation,
            lane,
        )
    assert found is not None
    return Row(**dict(found))


async def begin(db: Database, claim: Claim) -> None:
    """Begin a claim in a transaction of its own."""
    async with db.tenant(claim.scope) as session:
        await queue.begin(session, claim)


async def release(db: Database, claim: Claim, *, wait_s: float | None = None, failed: bool = False) -> None:
    """Release a claim in a transaction of its own."""
    async with db.tenant(claim.scope) as session:
        await queue.release(session, claim, wait_s=wait_s, failed=failed)


async def expire(db: Database, *claims: Claim) -> None:
    """Let the leases end now, as if their holder had been gone for long. Nothing sweeps them here."""
    for claim in claims:
        await db.fleet_fetch(
            "test",
            "UPDATE ready_queue SET lease_until = now() - interval '1 second', lease = interval '1 microsecond'"
            " WHERE tenant_id = $1 AND conversation_id = $2 AND lane = $3 AND epoch = $4 AND state = 'leased'",
            claim.scope.tenant_id,
            claim.conversation_id,
            claim.lane,
            claim.epoch,
        )


def conversations_of(claims: Sequence[Claim], scope: TenantScope) -> list[UUID]:
    """Return the tenant's conversations among `claims`, in order."""
    return [claim.conversation_id for claim in claims if claim.scope == scope]
