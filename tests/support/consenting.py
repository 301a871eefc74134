"""Consent of contacts, as a business that has attested to its list has it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

from konstruct.conversations.consent import consents_repository
from konstruct.conversations.consent.evidence import Evidence, Purpose
from konstruct.conversations.consent.recorder import Recorder
from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.db.session import TenantSession
from konstruct.kit.ids import uuid7

STATEMENT = "Everybody on this list has agreed, as it says."


async def agree(
    db: Database,
    scope: TenantScope,
    *contact_ids: UUID,
    purpose: Purpose = "any",
    attested: bool = True,
    obtained_at: datetime | None = None,
    expires_at: datetime | None = None,
) -> UUID:
    """Let the contacts, all of one account, have consented a day ago, or at `obtained_at`; return the list's id."""
    async with db.tenant(scope) as session:
        return await agree_in(
            session, *contact_ids, purpose=purpose, attested=attested, obtained_at=obtained_at, expires_at=expires_at
        )


async def agree_in(
    session: TenantSession,
    *contact_ids: UUID,
    purpose: Purpose = "any",
    attested: bool = True,
    obtained_at: datetime | None = None,
    expires_at: datetime | None = None,
) -> UUID:
    """See `agree`."""
    tenant_id, list_id = session.scope.tenant_id, uuid7()
    await session.execute(
        "INSERT INTO consent_lists (tenant_id, id, account_id, kind, name, created_by_name)"
        " SELECT $1, $2, account_id, 'import', 'people.csv', 'Pat' FROM contacts WHERE tenant_id = $1 AND id = $3",
        tenant_id,
        list_id,
        contact_ids[0],
    )
    at = obtained_at or datetime.now(UTC) - timedelta(days=1)
    evidence = Evidence(purpose, "form on the website", "Send me news by WhatsApp.", "form 17", at, "v1", expires_at)
    who = Recorder("Pat")
    await consents_repository.add(session, list_id, "import", who, [(contact_id, evidence) for contact_id in contact_ids])
    if attested:
        await session.execute(
            "INSERT INTO consent_attestations (tenant_id, list_id, statement, member_name) VALUES ($1, $2, $3, 'Pat')",
            tenant_id,
            list_id,
            STATEMENT,
        )
    return list_id
