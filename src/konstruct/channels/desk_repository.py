"""SQL of what the employee says of itself, and of where a person talks to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from konstruct.db.session import TenantSession
from konstruct.tenants import employees_repository
from konstruct.tenants.employees_draft import Draft


@dataclass(frozen=True, slots=True)
class Self:
    """The employee, as it may speak of itself in one account."""

    business: str
    draft: Draft = field(repr=False)
    documents: int
    paused_at: datetime | None
    paused_by: str | None


_SELF = f"""
SELECT b.name AS business, a.paused_at, a.paused_by, {employees_repository.FIELDS},
  (SELECT count(*) FROM documents d WHERE d.tenant_id = $1 AND d.status = 'ready') AS documents
FROM channel_accounts a
JOIN tenants b ON b.tenant_id = a.tenant_id
JOIN agents g ON g.tenant_id = a.tenant_id AND g.id = a.agent_id
JOIN persona_versions p ON p.tenant_id = g.tenant_id AND p.agent_id = g.id AND p.version = g.persona_version
WHERE a.tenant_id = $1 AND a.id = $2
"""

# The latest conversation of the place in which the person has written: nobody moves a conversation that is not theirs.
_CONVERSATION = """
SELECT c.id FROM conversations c
WHERE c.tenant_id = $1 AND c.account_id = $2 AND ($3::text IS NULL AND c.kind <> 'thread' OR c.channel_id = $3)
  AND ($4::text IS NULL OR c.kind <> 'thread' OR c.external_key = $3 || ':' || $4)
  AND EXISTS (SELECT 1 FROM messages m JOIN contacts k ON k.tenant_id = m.tenant_id AND k.id = m.contact_id
    WHERE m.tenant_id = $1 AND m.conversation_id = c.id AND k.account_id = $2 AND k.external_id = $5)
ORDER BY c.last_message_at DESC LIMIT 1
"""


async def read_self(session: TenantSession, account_id: UUID) -> Self | None:
    """Return what the employee may say of itself in an account, or None if there is no such account."""
    row = await session.fetchrow(_SELF, session.scope.tenant_id, account_id)
    if row is None:
        return None
    draft = employees_repository.draft_of(row)
    return Self(row["business"], draft, row["documents"], row["paused_at"], row["paused_by"])


async def find_conversation(
    session: TenantSession, account_id: UUID, person: str, channel_id: str | None, thread_id: str | None = None
) -> UUID | None:
    """Return the conversation of a channel (None: the direct one) in which the person wrote last, of the thread if one is
    named; None if there is none."""
    found: UUID | None = await session.fetchval(_CONVERSATION, session.scope.tenant_id, account_id, channel_id, thread_id, person)
    return found


async def contact_conversation(session: TenantSession, account_id: UUID, channel_id: str) -> UUID | None:
    """Return the conversation of the contact who is called so, where it is one contact's alone; None elsewhere."""
    found: UUID | None = await session.fetchval(
        "SELECT v.id FROM contacts c JOIN conversations v ON v.tenant_id = c.tenant_id AND v.contact_id = c.id"
        " WHERE c.tenant_id = $1 AND c.account_id = $2 AND c.external_id = $3 AND v.kind = 'contact'",
        session.scope.tenant_id,
        account_id,
        channel_id,
    )
    return found


async def text_of(session: TenantSession, message_id: UUID) -> str:
    """Return what a message says; "" if it is gone."""
    return (
        await session.fetchval("SELECT text FROM messages WHERE tenant_id = $1 AND id = $2", session.scope.tenant_id, message_id)
        or ""
    )
