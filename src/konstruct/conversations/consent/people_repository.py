"""SQL of the people of a list: who is known already, and by which of their names."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from konstruct.db.session import Record, TenantSession

_STATE = """
CASE WHEN k.opted_out_at IS NOT NULL THEN 'opted_out'
  WHEN consent_live($1, k.id, 'marketing') IS NOT NULL THEN 'live'
  WHEN consent_live($1, k.id, 'utility') IS NOT NULL THEN 'utility'
  WHEN EXISTS (SELECT 1 FROM withdrawals w WHERE w.tenant_id = $1 AND w.contact_id = k.id) THEN 'withdrawn'
  ELSE 'waiting' END AS state
"""


async def known(session: TenantSession, account_id: UUID, person_ids: Sequence[str]) -> dict[str, UUID]:
    """Return the contacts that an account knows by these ids, or by one of their other names."""
    rows = await session.fetch(
        "SELECT external_id AS person_id, id FROM contacts WHERE tenant_id = $1 AND account_id = $2 AND external_id = ANY ($3)"
        " UNION ALL SELECT alias, contact_id FROM contact_aliases WHERE tenant_id = $1 AND account_id = $2 AND alias = ANY ($3)"
        "   AND ended_at IS NULL",
        session.scope.tenant_id,
        account_id,
        list(person_ids),
    )
    return {row["person_id"]: row["id"] for row in rows}


async def left(session: TenantSession, account_id: UUID, person_ids: Sequence[str]) -> set[str]:
    """Return those of these people who have said themselves that they want no messages, under whatever name they did."""
    rows = await session.fetch(
        "SELECT p.id FROM unnest($3::text[]) AS p (id)"
        " WHERE EXISTS (SELECT 1 FROM contacts k WHERE k.tenant_id = $1 AND k.account_id = $2 AND k.external_id = p.id"
        "     AND k.opted_out_at IS NOT NULL)"
        "   OR EXISTS (SELECT 1 FROM contact_aliases i JOIN contacts k ON k.tenant_id = i.tenant_id AND k.id = i.contact_id"
        "     WHERE i.tenant_id = $1 AND i.account_id = $2 AND i.alias = p.id AND i.ended_at IS NULL"
        "       AND k.opted_out_at IS NOT NULL)"
        "   OR EXISTS (SELECT 1 FROM withdrawal_ids h JOIN withdrawals w ON w.tenant_id = h.tenant_id AND w.id = h.withdrawal_id"
        "     WHERE h.tenant_id = $1 AND h.account_id = $2 AND h.id_hash = contact_hash($1, $2, p.id)"
        "       AND w.contact_id IS NULL AND w.purpose = 'any' AND w.source IN ('conversation', 'forgotten'))",
        session.scope.tenant_id,
        account_id,
        list(person_ids),
    )
    return {row["id"] for row in rows}


async def meet(session: TenantSession, account_id: UUID, people: Sequence[tuple[str, str | None]]) -> dict[str, UUID]:
    """Return the contacts of these people (id, name), by id; those whom nobody knew are made. A name that is known stays."""
    found = await known(session, account_id, [person_id for person_id, _ in people])
    new = sorted({person_id: name for person_id, name in people if person_id not in found}.items())
    if new:
        await session.execute(
            "INSERT INTO contacts (tenant_id, id, account_id, external_id, display_name)"
            " SELECT $1, uuidv7(), $2, p.id, p.name FROM unnest($3::text[], $4::text[]) AS p (id, name) ON CONFLICT DO NOTHING",
            session.scope.tenant_id,
            account_id,
            [person_id for person_id, _ in new],
            [name for _, name in new],
        )
        found |= await known(session, account_id, [person_id for person_id, _ in new])
    return found


async def contact(session: TenantSession, contact_id: UUID) -> Record | None:
    """Return a contact with what may be sent to them, or None."""
    return await session.fetchrow(
        f"SELECT k.id, k.account_id, k.external_id, k.display_name, k.opted_out_at, {_STATE},"  # a constant
        " (SELECT c.id FROM conversations c WHERE c.tenant_id = $1 AND c.contact_id = k.id"
        "   ORDER BY c.last_message_at DESC LIMIT 1) AS conversation_id"
        " FROM contacts k WHERE k.tenant_id = $1 AND k.id = $2",
        session.scope.tenant_id,
        contact_id,
    )


async def find(session: TenantSession, account_id: UUID, text: str, limit: int) -> list[Record]:
    """Return people with a consent or a withdrawal whose id begins with `text`, or is it; the text is looked for as it is."""
    return await session.fetch(
        f"SELECT k.id, k.account_id, k.external_id, k.display_name, k.opted_out_at, {_STATE}, NULL::uuid AS conversation_id"
        " FROM contacts k WHERE k.tenant_id = $1 AND k.account_id = $2 AND (k.external_id = $3 OR EXISTS ("
        "   SELECT 1 FROM contact_aliases i WHERE i.tenant_id = $1 AND i.account_id = $2 AND i.alias = $3"
        "     AND i.ended_at IS NULL AND i.contact_id = k.id))"
        " ORDER BY k.id DESC LIMIT $4",
        session.scope.tenant_id,
        account_id,
        text,
        limit,
    )


async def newest(session: TenantSession, before: UUID | None, limit: int) -> list[Record]:
    """Return the people with a consent, those of whom one was recorded last first, from the consent behind `before`."""
    return await session.fetch(
        "WITH page AS (SELECT c.id AS consent_id, c.contact_id, c.purpose, c.obtained_at FROM consents c"
        "   WHERE c.tenant_id = $1 AND ($2::uuid IS NULL OR c.id < $2) ORDER BY c.id DESC LIMIT $3)"
        " SELECT p.consent_id, p.purpose, p.obtained_at, k.id, k.account_id, k.external_id, k.display_name, k.opted_out_at,"
        f" {_STATE} FROM page p JOIN contacts k ON k.tenant_id = $1 AND k.id = p.contact_id ORDER BY p.consent_id DESC",
        session.scope.tenant_id,
        before,
        limit,
    )
