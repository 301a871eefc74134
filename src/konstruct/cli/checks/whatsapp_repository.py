"""SQL of the doctor's look at WhatsApp: the numbers of one tenant that are in use."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from konstruct.db.session import TenantSession


@dataclass(frozen=True, slots=True)
class Number:
    """A number in use. left_days: how long its token still holds, None for ever; verification: None if nobody told."""

    account_id: UUID
    external_id: str
    business_account_id: str | None
    secret_id: UUID | None
    left_days: float | None
    verification: str | None


async def numbers(session: TenantSession) -> list[Number]:
    """Return the tenant's active WhatsApp accounts."""
    rows = await session.fetch(
        "SELECT a.id, a.external_id, a.business_account_id, a.secret_id,"
        "   extract(epoch FROM a.token_expires_at - now())::float8 / 86400 AS left_days,"
        "   (SELECT v.state FROM business_verifications v WHERE v.tenant_id = $1 AND v.account_id = a.id"
        "    ORDER BY v.id DESC LIMIT 1) AS verification"
        " FROM channel_accounts a WHERE a.tenant_id = $1 AND a.kind = 'whatsapp' AND a.status = 'active' ORDER BY a.id",
        session.scope.tenant_id,
    )
    return [
        Number(row["id"], row["external_id"], row["business_account_id"], row["secret_id"], row["left_days"], row["verification"])
        for row in rows
    ]
