"""Who answers a conversation: the AI employee, or a human of the business."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from konstruct.db.session import TenantSession
from konstruct.kit.errors import NotFoundError

Owner = Literal["ai", "human"]


async def change_owner(session: TenantSession, conversation_id: UUID, owner: Owner) -> int:
    """Hand the conversation over; return its new owner epoch, or the present one if `owner` has it already.

    A new epoch cancels every delivery of the old one that has not gone out. What people wrote and nobody has answered
    stays with whoever takes over: a human sees it in the inbox. Raises NotFoundError.
    """
    row = await session.fetchrow(
        "SELECT owner, owner_epoch FROM conversations WHERE tenant_id = $1 AND id = $2 FOR NO KEY UPDATE",
        session.scope.tenant_id,
        conversation_id,
    )
    if row is None:
        raise NotFoundError(f"there is no conversation {conversation_id}")
    if row["owner"] == owner:
        return int(row["owner_epoch"])
    epoch = await session.fetchval(
        "UPDATE conversations SET owner = $3, owner_epoch = owner_epoch + 1 WHERE tenant_id = $1 AND id = $2"
        " RETURNING owner_epoch",
        session.scope.tenant_id,
        conversation_id,
        owner,
    )
    if owner == "human":
        await session.execute(
            "UPDATE messages SET state = 'human' WHERE tenant_id = $1 AND conversation_id = $2 AND state = 'pending'",
            session.scope.tenant_id,
            conversation_id,
        )
    return int(epoch)
