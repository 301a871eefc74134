"""A business's conversations as an operator with an access may read them. Each reading takes the access that allows it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from konstruct.db.session import TenantSession
from konstruct.tenants.operator_access_repository import Access

CONVERSATIONS = 25
MESSAGES = 100
_ALLOWED = "EXISTS (SELECT 1 FROM operator_accesses o WHERE o.tenant_id = $1 AND o.id = ${} AND o.expires_at > now())"


@dataclass(frozen=True, slots=True)
class ConversationLine:
    """A conversation in the list."""

    id: UUID
    kind: str
    channel_kind: str
    owner: str
    last_message_at: datetime
    people: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class MessageLine:
    """A message of a thread."""

    seq: int
    author: str
    name: str | None = field(repr=False)
    text: str = field(repr=False)
    sent_at: datetime


async def list_conversations(
    session: TenantSession, access: Access, behind: UUID | None = None
) -> tuple[list[ConversationLine], UUID | None]:
    """Return a page of conversations, the latest first, and the one to go on behind. Nothing once the access is over."""
    rows = await session.fetch(
        "SELECT c.id, c.kind, a.kind AS channel_kind, c.owner, c.last_message_at,"
        " coalesce((SELECT string_agg(p.name, ', ') FROM (SELECT DISTINCT coalesce(k.display_name, k.external_id) AS name"
        "   FROM messages m JOIN contacts k ON k.tenant_id = m.tenant_id AND k.id = m.contact_id"
        "   WHERE m.tenant_id = $1 AND m.conversation_id = c.id AND m.seq <= 200 LIMIT 5) p), '') AS people"
        " FROM conversations c JOIN channel_accounts a ON a.tenant_id = c.tenant_id AND a.id = c.account_id"
        " WHERE c.tenant_id = $1 AND ($2::uuid IS NULL OR (c.last_message_at, c.id) <"
        "   (SELECT b.last_message_at, b.id FROM conversations b WHERE b.tenant_id = $1 AND b.id = $2))"
        f" AND {_ALLOWED.format(4)} ORDER BY c.last_message_at DESC, c.id DESC LIMIT $3",
        session.scope.tenant_id,
        behind,
        CONVERSATIONS + 1,
        access.id,
    )
    lines = [ConversationLine(**row) for row in rows[:CONVERSATIONS]]
    return lines, lines[-1].id if len(rows) > CONVERSATIONS else None


async def read_thread(
    session: TenantSession, access: Access, conversation_id: UUID, before: int | None = None
) -> list[MessageLine]:
    """Return up to MESSAGES messages of a conversation in order: those before number `before`, or the latest.

    Nothing once the access is over.
    """
    rows = await session.fetch(
        "SELECT m.seq, m.author, k.display_name AS name, m.text, m.sent_at FROM messages m"
        " LEFT JOIN contacts k ON k.tenant_id = m.tenant_id AND k.id = m.contact_id"
        " WHERE m.tenant_id = $1 AND m.conversation_id = $2 AND ($3::bigint IS NULL OR m.seq < $3)"
        f" AND {_ALLOWED.format(5)} ORDER BY m.seq DESC LIMIT $4",
        session.scope.tenant_id,
        conversation_id,
        before,
        MESSAGES,
        access.id,
    )
    return [MessageLine(**row) for row in reversed(rows)]
