"""SQL of what a restore leaves under way."""

from __future__ import annotations

from konstruct.db.session import TenantSession


async def cancel_deliveries(session: TenantSession) -> int:
    """Cancel the deliveries that are not settled; return how many."""
    return await session.execute(
        "UPDATE deliveries SET state = 'cancelled', reason = 'restored', sending_until = NULL"
        " WHERE tenant_id = $1 AND state IN ('pending', 'sending', 'unknown')",
        session.scope.tenant_id,
    )


async def leave_to_people(session: TenantSession) -> int:
    """Mark the messages that nobody has taken up as a person's; return how many."""
    sql = "UPDATE messages SET state = 'human' WHERE tenant_id = $1 AND state = 'pending'"
    return await session.execute(sql, session.scope.tenant_id)
