"""SQL of writing first: whom it is for, and the conversation it begins or goes on with."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

from konstruct.db.session import TenantSession
from konstruct.kit.ids import uuid7


@dataclass(frozen=True, slots=True)
class Addressee:
    """A contact of an account, locked."""

    contact_id: UUID
    external_id: str = field(repr=False)
    account_id: UUID
    account_key: str
    kind: str
    status: str
    """Of the account."""
    agent_id: UUID


@dataclass(frozen=True, slots=True)
class Place:
    """The contact's conversation, locked."""

    conversation_id: UUID
    channel_id: str = field(repr=False)
    owner_epoch: int


async def lock_contact(session: TenantSession, account_id: UUID, contact_id: UUID) -> Addressee | None:
    """Lock the contact, as ingest does before it looks for the conversation; None if the account knows no such contact."""
    row = await session.fetchrow(
        "SELECT k.id AS contact_id, k.external_id, a.id AS account_id, a.external_id AS account_key, a.kind, a.status, a.agent_id"
        " FROM contacts k JOIN channel_accounts a ON a.tenant_id = k.tenant_id AND a.id = k.account_id"
        " WHERE k.tenant_id = $1 AND k.id = $2 AND k.account_id = $3 FOR NO KEY UPDATE OF k",
        session.scope.tenant_id,
        contact_id,
        account_id,
    )
    return Addressee(**row) if row else None


async def lock_conversation(session: TenantSession, to: Addressee) -> Place:
    """Lock the contact's conversation, the one that spoke last; make one if there is none."""
    row = await session.fetchrow(
        "SELECT id AS conversation_id, channel_id, owner_epoch FROM conversations"
        " WHERE tenant_id = $1 AND contact_id = $2 AND account_id = $3 AND kind = 'contact'"
        " ORDER BY last_message_at DESC, id DESC LIMIT 1 FOR NO KEY UPDATE",
        session.scope.tenant_id,
        to.contact_id,
        to.account_id,
    )
    if row is None:
        row = await session.fetchrow(
            "INSERT INTO conversations AS c (tenant_id, id, account_id, agent_id, external_key, kind, channel_id, audience,"
            "   audience_key, contact_id)"
            " VALUES ($1, $2, $3, $4, $5, 'contact', $6, 'person', $6, $7)"
            " ON CONFLICT (tenant_id, account_id, external_key) DO UPDATE SET contact_id = excluded.contact_id"
            " RETURNING id AS conversation_id, channel_id, owner_epoch",
            session.scope.tenant_id,
            uuid7(),
            to.account_id,
            to.agent_id,
            str(to.contact_id),
            to.external_id,
            to.contact_id,
        )
    assert row is not None
    return Place(**row)


async def conversation_of(session: TenantSession, contact_id: UUID) -> UUID | None:
    """Return the contact's conversation, the one that spoke last, or None."""
    found: UUID | None = await session.fetchval(
        "SELECT id FROM conversations WHERE tenant_id = $1 AND contact_id = $2 AND kind = 'contact'"
        " ORDER BY last_message_at DESC, id DESC LIMIT 1",
        session.scope.tenant_id,
        contact_id,
    )
    return found


async def find_contact(session: TenantSession, account_id: UUID, digits: str) -> UUID | None:
    """Return the account's contact of this phone number, or None."""
    found: UUID | None = await session.fetchval(
        "SELECT contact_id FROM contact_aliases WHERE tenant_id = $1 AND account_id = $2 AND alias = $3"
        " UNION ALL SELECT id FROM contacts WHERE tenant_id = $1 AND account_id = $2 AND external_id = $3 LIMIT 1",
        session.scope.tenant_id,
        account_id,
        digits,
    )
    return found


async def account_of(session: TenantSession, contact_id: UUID) -> UUID | None:
    """Return the account that knows a contact, or None if there is no such contact."""
    found: UUID | None = await session.fetchval(
        "SELECT account_id FROM contacts WHERE tenant_id = $1 AND id = $2", session.scope.tenant_id, contact_id
    )
    return found


async def name_writer(session: TenantSession, message_id: UUID, member_id: UUID, token: UUID) -> None:
    """Note which member of the business wrote a message. `token` is the form's: it is used once."""
    await session.execute(
        "INSERT INTO human_messages (tenant_id, message_id, conversation_id, seq, token, member_id, member_name)"
        " SELECT m.tenant_id, m.id, m.conversation_id, m.seq, $4, b.id, b.name FROM messages m"
        " JOIN members b ON b.tenant_id = m.tenant_id AND b.id = $3 WHERE m.tenant_id = $1 AND m.id = $2",
        session.scope.tenant_id,
        message_id,
        member_id,
        token,
    )


async def of_token(session: TenantSession, token: UUID) -> UUID | None:
    """Return the message that was written with this form already, or None."""
    found: UUID | None = await session.fetchval(
        "SELECT message_id FROM human_messages WHERE tenant_id = $1 AND token = $2", session.scope.tenant_id, token
    )
    return found


@dataclass(frozen=True, slots=True)
class Said:
    """A message that was written."""

    conversation_id: UUID
    text: str = field(repr=False)


async def said(session: TenantSession, message_id: UUID) -> Said:
    """Return a message of the tenant's that stands."""
    row = await session.fetchrow(
        "SELECT conversation_id, text FROM messages WHERE tenant_id = $1 AND id = $2", session.scope.tenant_id, message_id
    )
    assert row is not None
    return Said(**row)
