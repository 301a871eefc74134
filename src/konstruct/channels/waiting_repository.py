"""SQL of what waits for a reply window: marked in its row, so that everybody who opens the window knows that it waits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from konstruct.channels.window import CLOSED
from konstruct.db.session import TenantSession
from konstruct.jobs import queue
from konstruct.jobs.queue import Claim


@dataclass(frozen=True, slots=True)
class Window:
    """A contact's reply window, by the database's clock."""

    expires_at: datetime | None
    left_s: float | None
    """Seconds, below 0 once it is over; None: none is kept."""


NO_WINDOW = Window(None, None)


@dataclass(frozen=True, slots=True)
class Waiting:
    """A free text that is not sent, and may not be sent now."""

    id: UUID
    kind: str
    age_s: float
    outdated: bool
    """Whether somebody else answers the conversation by now."""
    marked: bool
    """Whether its row says already that it waits."""


async def look(session: TenantSession, contact_id: UUID, *, lock: bool = False) -> Window:
    """Return the contact's window. With `lock` nobody opens it before the transaction ends."""
    row = await session.fetchrow(
        "SELECT window_expires_at AS expires_at, extract(epoch FROM window_expires_at - clock_timestamp())::float8 AS left_s"
        f" FROM contacts WHERE tenant_id = $1 AND id = $2{' FOR SHARE' if lock else ''}",  # a constant
        session.scope.tenant_id,
        contact_id,
    )
    return Window(**row) if row else NO_WINDOW


async def lock_waiting(session: TenantSession, claim: Claim) -> list[Waiting]:
    """Return the conversation's free texts that are not sent, in order, and hold the lane. Raises LeaseLostError.

    The conversation is locked before the queue's row, as everywhere.
    """
    await session.execute(
        "SELECT 1 FROM conversations WHERE tenant_id = $1 AND id = $2 FOR SHARE", claim.scope.tenant_id, claim.conversation_id
    )
    await queue.fence(session, claim)
    rows = await session.fetch(
        "SELECT d.id, d.kind, extract(epoch FROM now() - d.created_at)::float8 AS age_s,"
        "   d.owner_epoch <> c.owner_epoch AS outdated, d.reason IS NOT DISTINCT FROM $3 AS marked"
        " FROM deliveries d JOIN conversations c ON c.tenant_id = d.tenant_id AND c.id = d.conversation_id"
        " WHERE d.tenant_id = $1 AND d.conversation_id = $2 AND d.state = 'pending' AND d.form <> 'template'"
        " ORDER BY d.position, d.part",
        claim.scope.tenant_id,
        claim.conversation_id,
        CLOSED,
    )
    return [Waiting(**row) for row in rows]


async def mark(session: TenantSession, delivery_ids: Sequence[UUID]) -> None:
    """Say in their rows that they wait for the window."""
    await session.execute(
        "UPDATE deliveries SET reason = $3 WHERE tenant_id = $1 AND id = ANY ($2) AND state = 'pending'",
        session.scope.tenant_id,
        list(delivery_ids),
        CLOSED,
    )


async def is_waiting(session: TenantSession, conversation_id: UUID) -> bool:
    """Return whether anything of the conversation waits for the window."""
    return bool(
        await session.fetchval(
            "SELECT EXISTS (SELECT 1 FROM deliveries WHERE tenant_id = $1 AND conversation_id = $2 AND state = 'pending'"
            " AND reason = $3)",
            session.scope.tenant_id,
            conversation_id,
            CLOSED,
        )
    )


async def shut(session: TenantSession, contact_id: UUID, seen: datetime | None) -> None:
    """The provider says that the window is closed, though we took it to be open until `seen`: so it is over.

    Nothing happens if the person has opened it anew since.
    """
    await session.execute(
        "UPDATE contacts SET window_expires_at = least(window_expires_at, now()) WHERE tenant_id = $1 AND id = $2"
        " AND window_expires_at IS NOT DISTINCT FROM $3",
        session.scope.tenant_id,
        contact_id,
        seen,
    )


@dataclass(frozen=True, slots=True)
class Late:
    """A delivery that was taken and then refused."""

    contact_id: UUID
    expires_at: datetime | None
    """Until when we take the contact's window to be open."""
    heard_since: bool
    """Whether the contact has written since: then the window is open by now."""


async def refused_late(session: TenantSession, delivery_id: UUID) -> Late | None:
    """Return what is known of a delivery to a contact that counts as sent and has failed since; None for any other."""
    row = await session.fetchrow(
        "SELECT k.id AS contact_id, k.window_expires_at AS expires_at, EXISTS (SELECT 1 FROM messages m"
        "   WHERE m.tenant_id = $1 AND m.conversation_id = d.conversation_id AND m.direction = 'in' AND m.seq > d.position"
        " ) AS heard_since FROM deliveries d"
        " JOIN conversations c ON c.tenant_id = d.tenant_id AND c.id = d.conversation_id AND c.kind = 'contact'"
        " JOIN contacts k ON k.tenant_id = c.tenant_id AND k.id = c.contact_id"
        " WHERE d.tenant_id = $1 AND d.id = $2 AND d.state = 'sent' AND d.receipt = 'failed'",
        session.scope.tenant_id,
        delivery_id,
    )
    return Late(**row) if row else None


async def take_back(session: TenantSession, delivery_id: UUID) -> bool:
    """Let a delivery that was sent and refused be pending again; False if it is no longer so."""
    return bool(
        await session.execute(
            "UPDATE deliveries SET state = 'pending', external_id = NULL, sent_at = NULL, receipt = NULL, receipt_at = NULL,"
            "   receipt_reason = NULL, reason = 'refused_window'"
            " WHERE tenant_id = $1 AND id = $2 AND state = 'sent' AND receipt = 'failed'",
            session.scope.tenant_id,
            delivery_id,
        )
    )
