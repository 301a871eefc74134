"""SQL of receipts: which delivery one is about, and how far that has come."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from konstruct.channels.port_events import Receipt
from konstruct.db.session import TenantSession


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The delivery that a receipt is about."""

    delivery_id: UUID
    conversation_id: UUID
    open: bool
    """Whether its outcome is not known yet."""


async def find(session: TenantSession, account_id: UUID, receipt: Receipt) -> Acknowledged | None:
    """Return the delivery of the account, by our own id if the provider gave it back, else by the message's.

    The message went to its person under any of their names, of which the receipt has another one perhaps.
    """
    row = await session.fetchrow(
        "WITH named AS (SELECT $4::text AS name UNION"
        "   SELECT a.alias FROM contacts c JOIN contact_aliases a ON a.tenant_id = c.tenant_id AND a.contact_id = c.id"
        "   WHERE c.tenant_id = $1 AND c.account_id = $2 AND c.external_id = $4)"
        " SELECT id, conversation_id, state IN ('sending', 'unknown') OR state = 'pending' AND attempt > 0 AS open"
        " FROM deliveries WHERE tenant_id = $1 AND account_id = $2 AND CASE WHEN $3::uuid IS NOT NULL THEN id = $3"
        "   ELSE channel_id = ANY(ARRAY(SELECT name FROM named)) AND external_id = $5 END",
        session.scope.tenant_id,
        account_id,
        _uuid(receipt.delivery),
        receipt.channel_id,
        receipt.external_id,
    )
    return Acknowledged(row["id"], row["conversation_id"], row["open"]) if row else None


async def climb(session: TenantSession, delivery_id: UUID, receipt: Receipt) -> bool:
    """Note the receipt if it is further than what is noted; a message that was delivered did not fail."""
    return bool(
        await session.execute(
            "UPDATE deliveries SET receipt = $3, receipt_at = now(), receipt_reason = $4"
            " WHERE tenant_id = $1 AND id = $2 AND state = 'sent'"
            "   AND array_position(ARRAY['sent', 'failed', 'delivered', 'read', 'played'], $3)"
            "     > coalesce(array_position(ARRAY['sent', 'failed', 'delivered', 'read', 'played'], receipt), 0)",
            session.scope.tenant_id,
            delivery_id,
            receipt.state,
            receipt.reason,
        )
    )


def _uuid(text: str | None) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError:
        return None
