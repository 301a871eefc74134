"""The ready queue: which conversation has something to do, who has it, and until when. All times are the database's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.db.session import TenantSession
from konstruct.kit.errors import LeaseLostError

Lane = Literal["turn", "send"]
LANES: tuple[Lane, ...] = ("turn", "send")


@dataclass(frozen=True, slots=True)
class Claim:
    """A conversation's lane, leased to this process. `epoch` proves it at every write."""

    scope: TenantScope
    conversation_id: UUID
    lane: Lane
    epoch: int
    attempts: int
    """How often it was claimed since it was last released in order: above 1, an earlier claim ended badly."""

    @property
    def key(self) -> tuple[UUID, UUID]:
        """What names the lane's row within its lane."""
        return self.scope.tenant_id, self.conversation_id


async def claim(db: Database, lane: Lane, worker_id: UUID, limit: int, lease_s: float) -> list[Claim]:
    """Lease up to `limit` due conversations, fairly by tenant and within each tenant's cap."""
    rows = await db.fleet_fetch(
        "claim",
        "SELECT tenant_id, conversation_id, epoch, attempts FROM queue_claim($1, $2, $3, $4)",
        lane,
        worker_id,
        limit,
        timedelta(seconds=lease_s),
    )
    return [Claim(TenantScope(row["tenant_id"]), row["conversation_id"], lane, row["epoch"], row["attempts"]) for row in rows]


async def next_due_s(db: Database, lane: Lane) -> float | None:
    """Return in how many seconds the next conversation of the lane is due; None if none is waiting for its time."""
    rows = await db.fleet_fetch(
        "next due",
        "SELECT extract(epoch FROM min(due_at) - now())::float8 AS wait FROM ready_queue"
        " WHERE lane = $1 AND state = 'ready' AND due_at > now()",
        lane,
    )
    wait: float | None = rows[0]["wait"]
    return wait


_RENEW = """
SELECT r.conversation_id, r.epoch FROM (
  SELECT array_agg(c.tenant_id) AS tenants, array_agg(c.conversation_id) AS conversations, array_agg(c.epoch) AS epochs
  FROM unnest($3::uuid[], $4::uuid[], $5::bigint[]) AS c (tenant_id, conversation_id, epoch)
  JOIN tenant_directory d ON d.tenant_id = c.tenant_id WHERE d.status = 'active' OR $2 = 'send'
) mine, queue_renew($1, $2, mine.tenants, mine.conversations, mine.epochs) r
"""


async def renew(db: Database, worker_id: UUID, lane: Lane, claims: Sequence[Claim]) -> set[tuple[UUID, int]]:
    """Prolong the leases of `claims`; return (conversation, epoch) of those still held. The others are lost.

    So are the turns of a tenant that is no longer active: whoever runs one stops it. A send under way comes to its end.
    """
    rows = await db.fleet_fetch(
        "renew",
        _RENEW,
        worker_id,
        lane,
        [claim.scope.tenant_id for claim in claims],
        [claim.conversation_id for claim in claims],
        [claim.epoch for claim in claims],
    )
    return {(row["conversation_id"], row["epoch"]) for row in rows}


async def sweep(db: Database) -> int:
    """Put conversations whose lease has ended back in the queue; return how many."""
    rows = await db.fleet_fetch("sweep leases", "SELECT queue_sweep() AS ended")
    return int(rows[0]["ended"])


async def begin(session: TenantSession, claim: Claim) -> None:
    """Fence, and take note of everything asked for up to here: a release will leave the lane idle unless more comes."""
    await _lock(session, claim, "claimed_seq = seq")


async def fence(session: TenantSession, claim: Claim) -> None:
    """Lock the lane's row and prove that `claim` still holds it, for the rest of the transaction. Raises LeaseLostError.

    A turn is held only while its tenant is active; what became of a send is noted all the same.

    A lease whose time is over, but which nobody has taken away, is prolonged as by `renew`: after a recovery of the
    server that took longer than a lease, the holder may write before it could renew. Past its deadline it is lost.
    """
    await _lock(session, claim, "claimed_seq = claimed_seq")


async def limit(session: TenantSession, claim: Claim, deadline_at: datetime) -> None:
    """Give the lane a deadline, past which its lease is not renewed."""
    await session.execute(
        "UPDATE ready_queue SET deadline_at = $4 WHERE tenant_id = $1 AND conversation_id = $2 AND lane = $3",
        claim.scope.tenant_id,
        claim.conversation_id,
        claim.lane,
        deadline_at,
    )


async def _lock(session: TenantSession, claim: Claim, change: str) -> None:
    held = await session.fetchval(
        f"UPDATE ready_queue SET {change},"  # two constants
        "   lease_until = CASE WHEN lease_until > now() THEN lease_until ELSE now() + lease END"
        " WHERE tenant_id = $1 AND conversation_id = $2 AND lane = $3"
        " AND (lane = 'send' OR EXISTS (SELECT 1 FROM tenant_directory WHERE tenant_id = $1 AND status = 'active'))"
        " AND epoch = $4 AND state = 'leased'"
        " AND (lease_until > now() OR deadline_at IS NULL OR deadline_at + lease > now()) RETURNING true",
        claim.scope.tenant_id,
        claim.conversation_id,
        claim.lane,
        claim.epoch,
    )
    if not held:
        raise LeaseLostError(f"the {claim.lane} lease of conversation {claim.conversation_id} is no longer held")


async def release(
    session: TenantSession, claim: Claim, *, wait_s: float | None = None, failed: bool = False, counted: bool = True
) -> None:
    """Give the lane back: idle if nothing came since, else ready again. Raises LeaseLostError if it is not ours.

    `wait_s` keeps it ready, due after that many seconds, or earlier for what came since. `failed` keeps counting its
    attempts, and waits whatever came; the one that ends here is not among them if it is not `counted`.
    """
    released = await session.fetchval(
        "UPDATE ready_queue SET state = CASE WHEN seq = claimed_seq AND $5::interval IS NULL THEN 'idle' ELSE 'ready' END,"
        " due_at = CASE WHEN $5::interval IS NULL THEN due_at WHEN seq = claimed_seq OR $6 THEN now() + $5::interval"
        "   ELSE least(due_at, now() + $5::interval) END,"
        " attempts = CASE WHEN $6 THEN greatest(attempts - $7, 0) ELSE 0 END,"
        " lease_owner = NULL, lease_until = NULL, lease = NULL, deadline_at = NULL"
        " WHERE tenant_id = $1 AND conversation_id = $2 AND lane = $3 AND epoch = $4 AND state = 'leased' RETURNING true",
        claim.scope.tenant_id,
        claim.conversation_id,
        claim.lane,
        claim.epoch,
        None if wait_s is None else timedelta(seconds=wait_s),
        failed,
        0 if counted else 1,
    )
    if not released:
        raise LeaseLostError(f"the {claim.lane} lease of conversation {claim.conversation_id} is no longer held")


async def bump(session: TenantSession, conversation_id: UUID, lane: Lane, wait_s: float = 0.0) -> None:
    """Say that a conversation has something new to do, due after `wait_s` seconds."""
    await session.execute(
        "SELECT queue_bump($1, $2, $3, $4)", session.scope.tenant_id, conversation_id, lane, timedelta(seconds=wait_s)
    )


async def hasten(session: TenantSession, conversation_ids: Sequence[UUID], lane: Lane) -> None:
    """Let lanes that wait for their time be due now. Waits for no lock: who holds one is at work there, and sees for itself."""
    await session.execute(
        "UPDATE ready_queue q SET due_at = now() FROM (SELECT r.conversation_id FROM ready_queue r WHERE r.tenant_id = $1"
        "   AND r.conversation_id = ANY ($2) AND r.lane = $3 AND r.state = 'ready' AND r.due_at > now()"
        "   ORDER BY r.conversation_id FOR UPDATE SKIP LOCKED) w"
        " WHERE q.tenant_id = $1 AND q.conversation_id = w.conversation_id AND q.lane = $3",
        session.scope.tenant_id,
        list(conversation_ids),
        lane,
    )
