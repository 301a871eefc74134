"""SQL of consents and withdrawals: rows are added, and nothing is ever changed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal
from uuid import UUID

from konstruct.conversations.consent.evidence import Evidence, Purpose
from konstruct.conversations.consent.recorder import Recorder
from konstruct.db.session import CheckViolation, Record, TenantSession
from konstruct.kit.ids import uuid7

Source = Literal["import", "hand", "api", "conversation", "provider"]
WithdrawalSource = Literal["conversation", "provider", "hand", "api", "forgotten"]

_INSERT = """
INSERT INTO consents (tenant_id, id, contact_id, list_id, source, purpose, how, wording, wording_version, proof, obtained_at,
  expires_at, recorded_by, recorded_by_name)
SELECT $1, uuidv7(), e.contact_id, $2, $3, e.purpose, e.how, e.wording, e.version, e.proof, e.obtained_at, e.expires_at, $4, $5
FROM unnest($6::uuid[], $7::text[], $8::text[], $9::text[], $10::text[], $11::text[], $12::timestamptz[], $13::timestamptz[])
  WITH ORDINALITY AS e (contact_id, purpose, how, wording, version, proof, obtained_at, expires_at, place) ORDER BY e.place
"""


async def add(
    session: TenantSession,
    list_id: UUID | None,
    source: Source,
    who: Recorder,
    given: Sequence[tuple[UUID, Evidence]],
) -> int:
    """Store what each contact has consented to; return how many rows that is."""
    each = [evidence for _, evidence in given]
    return await session.execute(
        _INSERT,
        session.scope.tenant_id,
        list_id,
        source,
        who.member_id,
        who.name,
        [contact_id for contact_id, _ in given],
        [one.purpose for one in each],
        [one.how for one in each],
        [one.wording for one in each],
        [one.version for one in each],
        [one.proof for one in each],
        [one.obtained_at for one in each],
        [one.expires_at for one in each],
    )


async def hold(session: TenantSession, contact_id: UUID) -> None:
    """Let no withdrawal of the contact begin, or wait for the one under way, before anything else is locked."""
    await session.execute(
        "SELECT 1 FROM contacts WHERE tenant_id = $1 AND id = $2 FOR SHARE", session.scope.tenant_id, contact_id
    )


def missing(error: CheckViolation) -> bool:
    """Return whether the database refused a delivery because nobody has consented to it."""
    return bool(error.constraint_name == "deliveries_consent")


async def live(session: TenantSession, contact_id: UUID, purpose: Purpose) -> UUID | None:
    """Return the consent that lets the business write first for `purpose`, or None."""
    found: UUID | None = await session.fetchval("SELECT consent_live($1, $2, $3)", session.scope.tenant_id, contact_id, purpose)
    return found


async def live_for_template(session: TenantSession, account_id: UUID, contact_id: UUID, name: str, language: str) -> UUID | None:
    """Return the consent that lets this template be sent first, or None."""
    found: UUID | None = await session.fetchval(
        "SELECT consent_live($1, $2, outreach_purpose($1, $3, $4, $5))",
        session.scope.tenant_id,
        contact_id,
        account_id,
        name,
        language,
    )
    return found


async def withdraw(
    session: TenantSession,
    contact_id: UUID,
    source: WithdrawalSource,
    purpose: Purpose,
    who: Recorder,
    *,
    said: str = "",
    at: datetime | None = None,
) -> UUID | None:
    """End the contact's consents for `purpose`, as of `at` or now, and cancel what waits and may not go out any more.

    Return the withdrawal's id, None if there is no such contact.
    """
    found: UUID | None = await session.fetchval(
        "SELECT consent_withdraw($1, $2, $3, $4, $5, NULL, $6, $7, $8)",
        session.scope.tenant_id,
        contact_id,
        source,
        purpose,
        said,
        who.member_id,
        who.name,
        at,
    )
    return found


async def given_back(session: TenantSession, contact_id: UUID, purpose: Purpose, wording: str, at: datetime) -> bool:
    """Note that the person told the provider that they want messages again; False if their last word is a later one, or there
    is none. What they told the channel itself is then over as well."""
    await session.execute(
        "SELECT 1 FROM contacts WHERE tenant_id = $1 AND id = $2 FOR NO KEY UPDATE", session.scope.tenant_id, contact_id
    )
    last = await session.fetchval(
        "SELECT max(withdrawn_at) FROM withdrawals WHERE tenant_id = $1 AND contact_id = $2 AND purpose IN ('any', $3)",
        session.scope.tenant_id,
        contact_id,
        purpose,
    )
    if last is None or last >= at or await live(session, contact_id, purpose) is not None:
        return False
    await session.execute(
        "INSERT INTO consents (tenant_id, id, contact_id, source, purpose, how, wording, proof, obtained_at, recorded_by_name)"
        " VALUES ($1, $2, $3, 'provider', $4, 'told the provider', $5, 'the provider''s notice', $6, 'the person')",
        session.scope.tenant_id,
        uuid7(),
        contact_id,
        purpose,
        wording,
        at,
    )
    await session.execute(
        "UPDATE contacts SET opted_out_at = NULL WHERE tenant_id = $1 AND id = $2 AND opted_out_at < $3",
        session.scope.tenant_id,
        contact_id,
        at,
    )
    return True


_CONSENTS = """
SELECT c.id, c.contact_id, c.list_id, l.name AS list_name, c.source, c.purpose, c.how, c.wording, c.wording_version, c.proof,
  c.obtained_at, c.expires_at, c.message_id, c.recorded_by_name, c.created_at, a.attested_at, a.member_name AS attested_by,
  a.statement
FROM consents c LEFT JOIN consent_lists l ON l.tenant_id = c.tenant_id AND l.id = c.list_id
LEFT JOIN consent_attestations a ON a.tenant_id = c.tenant_id AND a.list_id = c.list_id
"""


async def consents_of(session: TenantSession, contact_id: UUID) -> list[Record]:
    """Return the newest 200 of a contact's consents, with their lists and attestations."""
    return await session.fetch(  # constants
        f"{_CONSENTS} WHERE c.tenant_id = $1 AND c.contact_id = $2 ORDER BY c.obtained_at DESC, c.id DESC LIMIT 200",
        session.scope.tenant_id,
        contact_id,
    )


async def withdrawals_of(session: TenantSession, contact_id: UUID) -> list[Record]:
    """Return the newest 200 of a contact's withdrawals."""
    return await session.fetch(
        "SELECT id, contact_id, source, purpose, said, message_id, recorded_by_name, withdrawn_at, created_at FROM withdrawals"
        " WHERE tenant_id = $1 AND contact_id = $2 ORDER BY withdrawn_at DESC, id DESC LIMIT 200",
        session.scope.tenant_id,
        contact_id,
    )


async def page_of_list(session: TenantSession, list_id: UUID, after: UUID | None, limit: int) -> list[Record]:
    """Return the next consents of a list behind `after`, with each person's ids and what they withdrew last."""
    return await session.fetch(
        f"WITH page AS ({_CONSENTS} WHERE c.tenant_id = $1 AND c.list_id = $2 AND ($3::uuid IS NULL OR c.id > $3)"  # a constant
        "   ORDER BY c.id LIMIT $4)"
        " SELECT p.*, k.external_id, k.display_name, k.opted_out_at,"
        "   (SELECT max(w.withdrawn_at) FROM withdrawals w WHERE w.tenant_id = $1 AND w.contact_id = p.contact_id)"
        "     AS withdrawn_at,"
        "   consent_live($1, p.contact_id, CASE p.purpose WHEN 'any' THEN 'marketing' ELSE p.purpose END) IS NOT NULL AS live"
        " FROM page p JOIN contacts k ON k.tenant_id = $1 AND k.id = p.contact_id ORDER BY p.id",
        session.scope.tenant_id,
        list_id,
        after,
        limit,
    )
