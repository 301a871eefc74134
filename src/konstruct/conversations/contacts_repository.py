"""SQL of the people who write: what they are called, and what they are looking at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson

from konstruct.conversations.search_terms import terms_of
from konstruct.db.session import TenantSession

FRESH = "1 day"
"""A name is asked for again after so long, and not before."""
_REINDEXED = 200
"""Messages of a person, the newest, that are found by a new name."""


@dataclass(frozen=True, slots=True)
class Contact:
    """A person who wrote, or whom the business may write to."""

    id: UUID
    account_id: UUID
    external_id: str
    display_name: str | None
    asked: bool
    """Whether the name was asked for not long ago."""


async def look(session: TenantSession, account_id: UUID, external_id: str, context: Sequence[Mapping[str, Any]]) -> bool:
    """Note what a person who has written is looking at; False for anybody else, of whom nothing is kept."""
    return bool(
        await session.execute(
            "UPDATE contacts SET context = $4::jsonb, context_at = now()"
            " WHERE tenant_id = $1 AND account_id = $2 AND external_id = $3",
            session.scope.tenant_id,
            account_id,
            external_id,
            orjson.dumps(list(context), default=dict).decode() if context else None,
        )
    )


async def find(session: TenantSession, contact_id: UUID) -> Contact | None:
    """Return the person, or None."""
    row = await session.fetchrow(
        "SELECT id, account_id, external_id, display_name,"
        f" coalesce(named_at > now() - interval '{FRESH}', false) AS asked"  # a constant
        " FROM contacts WHERE tenant_id = $1 AND id = $2",
        session.scope.tenant_id,
        contact_id,
    )
    return Contact(**row) if row else None


async def name(session: TenantSession, contact_id: UUID, display_name: str | None) -> bool:
    """Note that the name was asked for, and what it is (None: nobody said); return whether it is another one now."""
    changed = await session.fetchval(
        "UPDATE contacts SET named_at = now(), display_name = coalesce($3, display_name)"
        " WHERE tenant_id = $1 AND id = $2 RETURNING old.display_name IS DISTINCT FROM new.display_name",
        session.scope.tenant_id,
        contact_id,
        display_name,
    )
    return bool(changed)


async def index_name(session: TenantSession, contact_id: UUID, display_name: str) -> None:
    """Let the person's messages that are indexed already be found by the name as well. Deleted ones are not found."""
    await session.execute("SELECT 1 FROM search_progress WHERE tenant_id = $1 FOR UPDATE", session.scope.tenant_id)
    await session.execute(
        "INSERT INTO message_terms (tenant_id, term, message_id)"
        " SELECT $1, t.term, m.id FROM (SELECT m.id FROM messages m WHERE m.tenant_id = $1 AND m.contact_id = $2"
        "   AND m.state <> 'withdrawn' AND EXISTS (SELECT 1 FROM message_terms p WHERE p.tenant_id = $1 AND p.message_id = m.id)"
        "   ORDER BY m.id DESC LIMIT $4) m CROSS JOIN unnest($3::text[]) AS t (term) ORDER BY 2, 3 ON CONFLICT DO NOTHING",
        session.scope.tenant_id,
        contact_id,
        [term for term in terms_of("", display_name) if term],
        _REINDEXED,
    )


async def ask_names(session: TenantSession, contact_ids: Sequence[UUID]) -> None:
    """Let a worker ask what these people are called, where that was not asked for of late."""
    await session.execute(
        "SELECT contact_ask($1, k.id) FROM contacts k WHERE k.tenant_id = $1 AND k.id = ANY($2)"
        f" AND (k.named_at IS NULL OR k.named_at < now() - interval '{FRESH}') ORDER BY k.id",  # a constant
        session.scope.tenant_id,
        list(contact_ids),
    )
