"""SQL of the ids of contacts. What ingest does with them stands in the migration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from konstruct.db.session import TenantSession


@dataclass(frozen=True, slots=True)
class Named:
    """A contact that is meant by some ids."""

    id: UUID
    external_id: str
    moved_on: bool
    """Whether the new id is one of before: it is called by a newer one already."""


async def hold(session: TenantSession, account_id: UUID) -> None:
    """Keep others from finding, making or merging contacts of the account until the transaction ends."""
    await session.execute("SELECT contacts_hold($1)", account_id)


async def named(session: TenantSession, account_id: UUID, old_ids: Sequence[str], new_ids: Sequence[str]) -> list[Named]:
    """Return whom the ids mean, the one that is known longest first.

    Who is called by one of them, or was called by the new one, comes before who has an old one as one name of several: a
    phone number may be somebody else's by now.
    """
    rows = await session.fetch(
        "WITH past AS (SELECT contact_id FROM contact_aliases WHERE tenant_id = $1 AND account_id = $2 AND alias = $5"
        "   AND ended_at IS NOT NULL),"
        " meant AS (SELECT id FROM contacts WHERE tenant_id = $1 AND account_id = $2"
        "     AND external_id = ANY($3::text[] || $4::text[])"
        "   UNION SELECT contact_id FROM past),"
        " also AS (SELECT contact_id FROM contact_aliases WHERE tenant_id = $1 AND account_id = $2 AND alias = ANY($3)"
        "   AND NOT EXISTS (SELECT 1 FROM meant) ORDER BY array_position($3::text[], alias) LIMIT 1)"
        " SELECT c.id, c.external_id, c.id IN (SELECT contact_id FROM past) AS moved_on FROM contacts c"
        " WHERE c.tenant_id = $1 AND c.id IN (SELECT id FROM meant UNION SELECT contact_id FROM also)"
        " ORDER BY c.created_at, c.id",
        session.scope.tenant_id,
        account_id,
        list(old_ids),
        list(new_ids),
        new_ids[0],
    )
    return [Named(**row) for row in rows]


async def call(session: TenantSession, contact_id: UUID, external_id: str, *, ended: bool) -> None:
    """Call a contact so from now on; what it was called stays a name of it, of before if `ended`."""
    await session.execute("SELECT contact_call($1, $2, $3, $4)", session.scope.tenant_id, contact_id, external_id, ended)


async def use_only(session: TenantSession, account_id: UUID, contact_id: UUID, aliases: Sequence[str]) -> None:
    """Let these be the contact's only names of today, besides what it is called."""
    await session.execute(
        "UPDATE contact_aliases SET ended_at = now()"
        " WHERE tenant_id = $1 AND contact_id = $2 AND ended_at IS NULL AND NOT alias = ANY($3)",
        session.scope.tenant_id,
        contact_id,
        list(aliases),
    )
    await session.execute(
        "SELECT contact_alias($1, $2, $3, a) FROM unnest($4::text[]) AS a",
        session.scope.tenant_id,
        account_id,
        contact_id,
        list(aliases),
    )


async def end(session: TenantSession, account_id: UUID, contact_id: UUID, aliases: Sequence[str]) -> None:
    """Let these be names of before, as far as nobody else has them: what comes late under them is still the contact's."""
    await session.execute(
        "INSERT INTO contact_aliases AS a (tenant_id, account_id, alias, contact_id, ended_at)"
        " SELECT $1, $2, o, $3, now() FROM unnest($4::text[]) AS o"
        " ON CONFLICT (tenant_id, account_id, alias) DO UPDATE SET ended_at = coalesce(a.ended_at, excluded.ended_at)"
        " WHERE a.contact_id = excluded.contact_id",
        session.scope.tenant_id,
        account_id,
        contact_id,
        list(dict.fromkeys(aliases)),
    )


async def heard(session: TenantSession, account_id: UUID, person: str, at: float, window_s: float | None) -> bool:
    """See `addresses.heard`. `person`: any of the contact's ids of today."""
    rows = await session.fetch(
        "SELECT w.id, contact_heard($1, w.id, least(to_timestamp($4), now()) + $5::float8 * interval '1 second') FROM ("
        "  SELECT id FROM contacts WHERE tenant_id = $1 AND account_id = $2 AND external_id = $3"
        "  UNION SELECT contact_id FROM contact_aliases"
        "    WHERE tenant_id = $1 AND account_id = $2 AND alias = $3 AND ended_at IS NULL) w",
        session.scope.tenant_id,
        account_id,
        person,
        at,
        window_s,
    )
    return bool(rows)
