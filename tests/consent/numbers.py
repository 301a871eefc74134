"""Two businesses at WhatsApp numbers, with look-alike people: the same digits write to both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from konstruct.channels import accounts
from konstruct.channels.port_abilities import Grant
from konstruct.conversations import outbox
from konstruct.conversations.outbox import Reply
from konstruct.conversations.part import Part
from konstruct.conversations.template_use import TemplateUse
from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.db.session import Record, TenantSession
from konstruct.kit.ids import uuid7
from konstruct.tenants.vault import Vault

DIGITS = "4915112345678"
PROMO, ORDER = TemplateUse("spring_sale", "en"), TemplateUse("order_sent", "en")
"""One for marketing, one for utility."""


@dataclass(frozen=True, slots=True)
class Number:
    """A business's number, as the tests use it."""

    db: Database
    scope: TenantScope
    account_id: UUID
    account_key: str
    waba: str

    async def rows(self, sql: str, *args: object) -> list[Record]:
        """Return the rows of a query; `$1` is the tenant."""
        async with self.db.tenant(self.scope) as session:
            return await session.fetch(sql, self.scope.tenant_id, *args)

    async def value(self, sql: str, *args: object) -> object:
        """Return the first value of a query; `$1` is the tenant."""
        [row, *_] = await self.rows(sql, *args)
        return row[0]

    async def contact(self, digits: str = DIGITS) -> UUID:
        """Make a person who has never written."""
        async with self.db.tenant(self.scope) as session:
            return await contact_in(session, self.account_id, digits)

    async def conversation(self, contact_id: UUID, *, wrote: bool = False) -> UUID:
        """Make the contact's conversation; `wrote`: it begins with a word of theirs."""
        async with self.db.tenant(self.scope) as session:
            return await conversation_in(session, contact_id, wrote=wrote)

    async def put(self, conversation_id: UUID, kind: str = "outreach", use: TemplateUse | None = PROMO) -> UUID:
        """Put a message into the outbox, as everybody does; return its delivery's id."""
        async with self.db.tenant(self.scope) as session:
            return await put_in(session, conversation_id, kind, use)


async def numbers(db: Database, vault: Vault, scopes: Sequence[TenantScope]) -> tuple[Number, Number]:
    """Connect a number for each of two businesses."""
    found = []
    for scope in scopes:
        mark = scope.tenant_id.int % 10**12
        key, waba = f"1{mark:012}", f"2{mark:012}"
        grant = Grant(account_key=key, token=f"EAA{mark}", business_account_id=waba)
        account_id = await accounts.connect_grant(db, vault, scope, kind="whatsapp", grant=grant)
        async with db.tenant(scope) as session:
            for use, category in ((PROMO, "MARKETING"), (ORDER, "UTILITY")):
                await session.execute(
                    "INSERT INTO templates (tenant_id, id, kind, business_account_id, name, language, state, category)"
                    " VALUES ($1, $2, 'whatsapp', $3, $4, $5, 'APPROVED', $6)",
                    scope.tenant_id, uuid7(), waba, use.name, use.language, category,
                )  # fmt: skip
        found.append(Number(db, scope, account_id, key, waba))
    return found[0], found[1]


async def contact_in(session: TenantSession, account_id: UUID, digits: str = DIGITS) -> UUID:
    """See `Number.contact`."""
    found: UUID = await session.fetchval(
        "INSERT INTO contacts (tenant_id, id, account_id, external_id) VALUES ($1, $2, $3, $4) RETURNING id",
        session.scope.tenant_id, uuid7(), account_id, digits,
    )  # fmt: skip
    return found


async def conversation_in(session: TenantSession, contact_id: UUID, *, wrote: bool = False) -> UUID:
    """See `Number.conversation`."""
    found: UUID = await session.fetchval(
        "INSERT INTO conversations (tenant_id, id, account_id, agent_id, external_key, kind, channel_id, audience, audience_key,"
        "   contact_id)"
        " SELECT k.tenant_id, $3, k.account_id, a.agent_id, k.id::text, 'contact', k.external_id, 'person', k.external_id, k.id"
        " FROM contacts k JOIN channel_accounts a ON a.tenant_id = k.tenant_id AND a.id = k.account_id"
        " WHERE k.tenant_id = $1 AND k.id = $2 RETURNING id",
        session.scope.tenant_id, contact_id, uuid7(),
    )  # fmt: skip
    if wrote:
        await hear_in(session, found, contact_id, "Hello?")
    return found


async def hear_in(session: TenantSession, conversation_id: UUID, contact_id: UUID, text: str, at: datetime | None = None) -> UUID:
    """Store a word of the person, with nobody to answer it; return the message's id."""
    message_id = uuid7()
    await session.execute(
        "WITH c AS (UPDATE conversations SET next_seq = next_seq + 1 WHERE tenant_id = $1 AND id = $2"
        "   RETURNING next_seq - 1 AS seq)"
        " INSERT INTO messages (tenant_id, id, conversation_id, seq, direction, contact_id, author, text, external_id, addressed,"
        "   state, sent_at)"
        " SELECT $1, $3, $2, c.seq, 'in', $4, 'contact', $5, $6, true, 'human', $7 FROM c",
        session.scope.tenant_id, conversation_id, message_id, contact_id, text, f"wamid.{message_id}",
        at or datetime.now(UTC) - timedelta(seconds=1),
    )  # fmt: skip
    return message_id


async def put_in(session: TenantSession, conversation_id: UUID, kind: str = "outreach", use: TemplateUse | None = PROMO) -> UUID:
    """See `Number.put`."""
    row = await session.fetchrow(
        "SELECT account_id, channel_id, owner_epoch FROM conversations WHERE tenant_id = $1 AND id = $2",
        session.scope.tenant_id,
        conversation_id,
    )
    assert row is not None
    part = Part("Spring is here.") if use is None else Part("Spring is here.", "template", template=use)
    first = uuid7()
    reply = Reply(conversation_id, row["account_id"], row["channel_id"], None, row["owner_epoch"], kind, part.text, [part])  # type: ignore[arg-type]
    await outbox.put(session, reply, first_id=first)
    return first
