"""SQL of people who end the messages, or take them up again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from konstruct.db.session import TenantSession
from konstruct.kit.ids import uuid7


async def said(session: TenantSession, message_id: UUID) -> str | None:
    """Return the words of a message, or None if it is gone."""
    found: str | None = await session.fetchval(
        "SELECT text FROM messages WHERE tenant_id = $1 AND id = $2 AND direction = 'in'", session.scope.tenant_id, message_id
    )
    return found


async def is_confirmed(session: TenantSession, message_id: UUID) -> bool:
    """Return whether the confirmation of a message was written: its delivery bears the message's id."""
    return bool(
        await session.fetchval(
            "SELECT 1 FROM deliveries WHERE tenant_id = $1 AND id = $2"
            " UNION ALL SELECT 1 FROM delivery_archive WHERE tenant_id = $1 AND id = $2 LIMIT 1",
            session.scope.tenant_id,
            message_id,
        )
    )


async def contacts(session: TenantSession, account_id: UUID, person_ids: Sequence[str]) -> list[UUID]:
    """Return the contacts that an account knows by one of these ids."""
    rows = await session.fetch(
        "SELECT id FROM contacts WHERE tenant_id = $1 AND account_id = $2 AND external_id = ANY ($3)"
        " UNION SELECT contact_id FROM contact_aliases WHERE tenant_id = $1 AND account_id = $2 AND alias = ANY ($3)"
        "   AND ended_at IS NULL ORDER BY 1",
        session.scope.tenant_id,
        account_id,
        list(person_ids),
    )
    return [row["id"] for row in rows]


async def meet(session: TenantSession, account_id: UUID, person_id: str, aliases: Sequence[str]) -> UUID:
    """Make a contact of somebody who has not written yet, under all their names; return its id."""
    found: UUID = await session.fetchval(
        "INSERT INTO contacts (tenant_id, id, account_id, external_id) VALUES ($1, $2, $3, $4)"
        " ON CONFLICT (tenant_id, account_id, external_id) DO UPDATE SET external_id = excluded.external_id RETURNING id",
        session.scope.tenant_id,
        uuid7(),
        account_id,
        person_id,
    )
    await session.execute(
        "INSERT INTO contact_aliases (tenant_id, account_id, alias, contact_id)"
        " SELECT $1, $2::uuid, a.alias, $3::uuid FROM unnest($4::text[]) AS a (alias) ORDER BY 3 ON CONFLICT DO NOTHING",
        session.scope.tenant_id,
        account_id,
        found,
        sorted(set(aliases) - {person_id}),
    )
    return found


async def is_withdrawn(session: TenantSession, contact_id: UUID, at: datetime) -> bool:
    """Return whether the provider told this very withdrawal before."""
    return bool(
        await session.fetchval(
            "SELECT 1 FROM withdrawals WHERE tenant_id = $1 AND contact_id = $2 AND source = 'provider' AND withdrawn_at = $3",
            session.scope.tenant_id,
            contact_id,
            at,
        )
    )
