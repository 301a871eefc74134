"""SQL of a number that takes the place of another: whose contacts move there, and who has been told."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from konstruct.db.session import Record, TenantSession
from konstruct.kit.ids import uuid7

MOVED = "number_replaced"
"""Why what waited to be sent from the old number is cancelled: nobody has written to the new one yet."""


@dataclass(frozen=True, slots=True)
class Replacement:
    """A number that takes the place of another, and how far that is."""

    id: UUID
    old_account_id: UUID
    new_account_id: UUID
    new_place: str
    begun_at: datetime
    begun_by: str
    template: dict[str, Any] | None
    """What the contacts are told with; None: nobody is told."""
    moved: int
    kept: int
    """Contacts that stay: they have written to the new number already, or it cannot reach them."""
    moved_at: datetime | None
    told: int
    untold: int
    """Those whose turn has not come."""
    unwanted: int
    """Those who may not be written to first."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A number of the business that could take the place of another."""

    account_id: UUID
    place: str
    same_portfolio: bool


_FOUND = """
SELECT r.id, r.old_account_id, r.new_account_id, r.begun_at, r.begun_by, r.template, r.moved_at,
  coalesce('+' || a.phone_number, nullif(a.account_name, ''), a.external_id) AS new_place,
  c.moved, c.kept, c.told, c.untold, c.unwanted
FROM number_replacements r JOIN channel_accounts a ON a.tenant_id = r.tenant_id AND a.id = r.new_account_id
CROSS JOIN LATERAL (SELECT count(*) FILTER (WHERE p.moved) AS moved, count(*) FILTER (WHERE NOT p.moved) AS kept,
  count(*) FILTER (WHERE p.told = 'told') AS told, count(*) FILTER (WHERE p.moved AND p.told IS NULL) AS untold,
  count(*) FILTER (WHERE p.moved AND p.told <> 'told') AS unwanted FROM replaced_contacts p
  WHERE p.tenant_id = $1 AND p.replacement_id = r.id) c
"""


async def find(session: TenantSession, replacement_id: UUID) -> Replacement | None:
    """Return the replacement, or None."""
    sql = f"{_FOUND} WHERE r.tenant_id = $1 AND r.id = $2"
    return _replacement(await session.fetchrow(sql, session.scope.tenant_id, replacement_id))


async def of_account(session: TenantSession, account_id: UUID) -> Replacement | None:
    """Return by what the account is replaced, or None."""
    sql = f"{_FOUND} WHERE r.tenant_id = $1 AND r.old_account_id = $2"
    return _replacement(await session.fetchrow(sql, session.scope.tenant_id, account_id))


async def candidates(session: TenantSession, account_id: UUID) -> list[Candidate]:
    """Return the other connected numbers of the business on the same channel: those of the same company first."""
    rows = await session.fetch(
        "SELECT o.id AS account_id, coalesce('+' || o.phone_number, nullif(o.account_name, ''), o.external_id) AS place,"
        "   coalesce(o.portfolio_id = a.portfolio_id OR o.business_account_id = a.business_account_id, false) AS same_portfolio"
        " FROM channel_accounts a JOIN channel_accounts o ON o.tenant_id = $1 AND o.kind = a.kind AND o.id <> a.id"
        " LEFT JOIN account_standings s ON s.tenant_id = $1 AND s.account_id = o.id"
        " WHERE a.tenant_id = $1 AND a.id = $2 AND a.business_account_id IS NOT NULL AND o.business_account_id IS NOT NULL"
        "   AND o.status = 'active' AND coalesce(s.level, 'open') <> 'suspended'"
        "   AND NOT EXISTS (SELECT 1 FROM number_replacements r WHERE r.tenant_id = $1 AND r.old_account_id = o.id)"
        " ORDER BY 3 DESC, o.connected_at DESC, o.id LIMIT 50",
        session.scope.tenant_id,
        account_id,
    )
    return [Candidate(**dict(row)) for row in rows]


async def begin(
    session: TenantSession, old_account_id: UUID, new_account_id: UUID, by: str, template: dict[str, Any] | None
) -> UUID | None:
    """Note that a number takes the place of another; return the replacement's id, None if one does already."""
    found: UUID | None = await session.fetchval(
        "INSERT INTO number_replacements (tenant_id, id, old_account_id, new_account_id, begun_by, template)"
        " VALUES ($1, $2, $3, $4, $5, $6::jsonb) ON CONFLICT (tenant_id, old_account_id) DO NOTHING RETURNING id",
        session.scope.tenant_id,
        uuid7(),
        old_account_id,
        new_account_id,
        by,
        None if template is None else json.dumps(template),
    )
    return found


async def same_company(session: TenantSession, replacement: Replacement) -> bool:
    """Return whether both numbers belong to one company, so that its ids of people say the same to both."""
    return any(
        each.same_portfolio
        for each in await candidates(session, replacement.old_account_id)
        if each.account_id == replacement.new_account_id
    )


async def hold_contacts(session: TenantSession, replacement: Replacement) -> None:
    """Keep others from finding or making contacts of either number until this transaction ends."""
    for account_id in sorted((replacement.old_account_id, replacement.new_account_id)):
        await session.execute("SELECT contacts_hold($1)", account_id)


_NEXT = """
SELECT k.id, k.external_id, EXISTS (SELECT 1 FROM contacts n WHERE n.tenant_id = $1 AND n.account_id = $3 AND (
    n.external_id = k.external_id OR n.external_id IN (SELECT i.alias FROM contact_aliases i
      WHERE i.tenant_id = $1 AND i.account_id = $2 AND i.contact_id = k.id))) AS known,
  (SELECT n.id FROM contacts n WHERE n.tenant_id = $1 AND n.account_id = $3 AND n.external_id = k.external_id) AS twin,
  (SELECT i.alias FROM contact_aliases i WHERE i.tenant_id = $1 AND i.account_id = $2 AND i.contact_id = k.id
     AND i.ended_at IS NULL AND i.alias ~ '^[0-9]{5,20}$' ORDER BY i.created_at DESC LIMIT 1) AS digits
FROM contacts k WHERE k.tenant_id = $1 AND k.account_id = $2 AND k.id > $4
  AND NOT EXISTS (SELECT 1 FROM replaced_contacts p WHERE p.tenant_id = $1 AND p.replacement_id = $6 AND p.contact_id = k.id)
ORDER BY k.id LIMIT $5 FOR NO KEY UPDATE OF k
"""


async def next_contacts(session: TenantSession, replacement: Replacement, after: UUID, limit: int) -> list[Record]:
    """Lock and return the next contacts of the old number: id, external_id, known (at the new number), twin (there), digits."""
    return await session.fetch(
        _NEXT, session.scope.tenant_id, replacement.old_account_id, replacement.new_account_id, after, limit, replacement.id
    )


async def lock_conversations(session: TenantSession, contact_ids: Sequence[UUID]) -> set[UUID]:
    """Lock the conversations of contacts; return the contacts to whom something is being sent, or may have been: it comes to its
    end first."""
    await session.execute(
        "SELECT 1 FROM conversations WHERE tenant_id = $1 AND contact_id = ANY ($2) ORDER BY id FOR UPDATE",
        session.scope.tenant_id,
        list(contact_ids),
    )
    rows = await session.fetch(
        "SELECT DISTINCT c.contact_id FROM conversations c JOIN deliveries d ON d.tenant_id = c.tenant_id"
        "   AND d.conversation_id = c.id AND d.state IN ('sending', 'unknown')"
        " WHERE c.tenant_id = $1 AND c.contact_id = ANY ($2)",
        session.scope.tenant_id,
        list(contact_ids),
    )
    return {row["contact_id"] for row in rows}


async def call_by_number(session: TenantSession, contact_id: UUID, digits: str) -> None:
    """Let a contact be called by its phone number: its other ids say nothing to another company's numbers."""
    await session.execute("SELECT contact_call($1, $2, $3, true)", session.scope.tenant_id, contact_id, digits)


async def consents_follow(session: TenantSession, contact_id: UUID, twin_id: UUID) -> None:
    """What a person has agreed to, or ended, holds for the same person at the new number."""
    await session.execute("SELECT consents_follow($1, $2, $3)", session.scope.tenant_id, contact_id, twin_id)


async def cancel_waiting(session: TenantSession, contact_ids: Sequence[UUID]) -> int:
    """Cancel what waits to be sent to the contacts: it was written for the old number's window and limits."""
    return await session.execute(
        "UPDATE deliveries d SET state = 'cancelled', reason = $3 FROM conversations c"
        " WHERE c.tenant_id = $1 AND c.contact_id = ANY ($2) AND d.tenant_id = $1 AND d.conversation_id = c.id"
        "   AND d.state = 'pending'",
        session.scope.tenant_id,
        list(contact_ids),
        MOVED,
    )


async def move(session: TenantSession, replacement: Replacement, contact_ids: Sequence[UUID]) -> None:
    """Let contacts, their names and their conversations be the new number's, to which nobody has written: no window is open."""
    ids, tenant_id = list(contact_ids), session.scope.tenant_id
    await session.execute(
        "UPDATE contacts SET account_id = $3, window_expires_at = NULL WHERE tenant_id = $1 AND id = ANY ($2)",
        tenant_id,
        ids,
        replacement.new_account_id,
    )
    await session.execute(
        "UPDATE contact_aliases i SET account_id = $3 WHERE i.tenant_id = $1 AND i.contact_id = ANY ($2)"
        " AND NOT EXISTS (SELECT 1 FROM contact_aliases o WHERE o.tenant_id = $1 AND o.account_id = $3 AND o.alias = i.alias)",
        tenant_id,
        ids,
        replacement.new_account_id,
    )
    await session.execute(
        "UPDATE conversations SET account_id = $3 WHERE tenant_id = $1 AND contact_id = ANY ($2)",
        tenant_id,
        ids,
        replacement.new_account_id,
    )


async def looked_at(
    session: TenantSession, replacement_id: UUID, moved: Sequence[UUID], kept: Sequence[tuple[UUID, str]]
) -> None:
    """Note which contacts moved, and which stay and why."""
    await session.execute(
        "INSERT INTO replaced_contacts (tenant_id, replacement_id, contact_id, moved, told)"
        " SELECT $1, $2, n.id, n.why IS NULL, n.why FROM unnest($3::uuid[], $4::text[]) AS n (id, why) ORDER BY n.id"
        " ON CONFLICT DO NOTHING",
        session.scope.tenant_id,
        replacement_id,
        [*moved, *(contact_id for contact_id, _ in kept)],
        [*(None for _ in moved), *(why for _, why in kept)],
    )


async def is_moved(session: TenantSession, replacement_id: UUID) -> None:
    """Every contact was looked at."""
    await session.execute(
        "UPDATE number_replacements SET moved_at = coalesce(moved_at, now()) WHERE tenant_id = $1 AND id = $2",
        session.scope.tenant_id,
        replacement_id,
    )


async def untold(session: TenantSession, replacement_id: UUID, limit: int) -> list[UUID]:
    """Return the next contacts that are to be told."""
    rows = await session.fetch(
        "SELECT contact_id FROM replaced_contacts WHERE tenant_id = $1 AND replacement_id = $2 AND told IS NULL AND moved"
        " ORDER BY contact_id LIMIT $3",
        session.scope.tenant_id,
        replacement_id,
        limit,
    )
    return [row["contact_id"] for row in rows]


async def tell(session: TenantSession, replacement_id: UUID, contact_id: UUID, told: str) -> bool:
    """Note that a contact was told, or why not; False if somebody else did meanwhile."""
    return bool(
        await session.execute(
            "UPDATE replaced_contacts SET told = $4, told_at = now()"
            " WHERE tenant_id = $1 AND replacement_id = $2 AND contact_id = $3 AND told IS NULL",
            session.scope.tenant_id,
            replacement_id,
            contact_id,
            told,
        )
    )


def _replacement(row: Record | None) -> Replacement | None:
    if row is None:
        return None
    return Replacement(**{**dict(row), "template": None if row["template"] is None else json.loads(row["template"])})
