"""People of a business and what they do in its conversations, for tests of the inbox."""

from __future__ import annotations

from uuid import UUID

from konstruct.conversations import ownership, replies
from konstruct.conversations.colleague import Colleague
from konstruct.conversations.part import Part
from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.kit.ids import uuid7


def plain(kind: str, channel_id: str, thread_id: str | None, participants: frozenset[str], text: str) -> list[Part]:
    """A channel that shows every text as it is."""
    return [Part(text)] if text.strip() else []


async def add_colleague(db: Database, scope: TenantScope, name: str = "Maria", role: str = "operator") -> Colleague:
    """Store a member of the business."""
    colleague = Colleague(uuid7(), name)
    async with db.tenant(scope) as session:
        await session.execute(
            "INSERT INTO members (tenant_id, id, role, name) VALUES ($1, $2, $3, $4)", scope.tenant_id, colleague.id, role, name
        )
    return colleague


async def epoch_of(db: Database, scope: TenantScope, conversation_id: UUID) -> int:
    """Return the conversation's owner epoch, as a page that is opened now would see it."""
    async with db.tenant(scope) as session:
        found: int = await session.fetchval(
            "SELECT owner_epoch FROM conversations WHERE tenant_id = $1 AND id = $2", scope.tenant_id, conversation_id
        )
    return found


async def take_over(db: Database, scope: TenantScope, conversation_id: UUID, who: Colleague, epoch: int | None = None) -> int:
    """Take the conversation over, as the page of `epoch` (by default one that was opened just now) would."""
    seen = await epoch_of(db, scope, conversation_id) if epoch is None else epoch
    return await db.run(scope, lambda s: ownership.take_over(s, conversation_id, seen, who, plain))


async def hand_back(db: Database, scope: TenantScope, conversation_id: UUID, who: Colleague, epoch: int | None = None) -> int:
    """Hand the conversation back."""
    seen = await epoch_of(db, scope, conversation_id) if epoch is None else epoch
    return await db.run(scope, lambda s: ownership.hand_back(s, conversation_id, seen, who, plain))


async def reply(
    db: Database,
    scope: TenantScope,
    conversation_id: UUID,
    who: Colleague,
    text: str,
    *,
    token: UUID | None = None,
    epoch: int | None = None,
) -> UUID:
    """Reply as a human."""
    seen = await epoch_of(db, scope, conversation_id) if epoch is None else epoch
    form = token or uuid7()
    return await db.run(scope, lambda s: replies.reply(s, conversation_id, seen, form, text, who, plain))
