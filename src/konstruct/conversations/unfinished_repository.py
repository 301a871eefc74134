"""What people saw of an answer that does not come: it is brought to its end by the sender."""

from __future__ import annotations

from uuid import UUID

from konstruct.db.session import TenantSession


async def let_stand(session: TenantSession, turn_id: UUID) -> None:
    """Wake the sender of the turn's conversation if people saw its answer grow."""
    await session.execute(
        "SELECT queue_bump(s.tenant_id, s.conversation_id, 'send', '0') FROM streams s WHERE s.tenant_id = $1 AND s.turn_id = $2",
        session.scope.tenant_id,
        turn_id,
    )
