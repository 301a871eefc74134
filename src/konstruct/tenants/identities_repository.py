"""SQL of the links between a channel's people and the members of the business."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from konstruct.db.session import TenantSession
from konstruct.tenants.members_repository import Member


@dataclass(frozen=True, slots=True)
class Identity:
    """A member's identity in a channel."""

    channel: str
    account: str
    external_id: str
    linked_at: datetime


async def member_of(session: TenantSession, account_id: UUID, external_id: str) -> Member | None:
    """Return the member that a person of the account is linked with, or None."""
    row = await session.fetchrow(
        "SELECT m.id, m.name, m.email, m.role FROM member_identities i"
        " JOIN members m ON m.tenant_id = i.tenant_id AND m.id = i.member_id"
        " WHERE i.tenant_id = $1 AND i.account_id = $2 AND i.external_id = $3",
        session.scope.tenant_id,
        account_id,
        external_id,
    )
    return Member(**row) if row else None


async def identities_of(session: TenantSession, member_id: UUID) -> list[Identity]:
    """Return the member's identities, the oldest first."""
    rows = await session.fetch(
        "SELECT a.kind AS channel, a.external_id AS account, i.external_id, i.linked_at FROM member_identities i"
        " JOIN channel_accounts a ON a.tenant_id = i.tenant_id AND a.id = i.account_id"
        " WHERE i.tenant_id = $1 AND i.member_id = $2 ORDER BY i.linked_at, a.id",
        session.scope.tenant_id,
        member_id,
    )
    return [Identity(**row) for row in rows]


async def put_code(session: TenantSession, member_id: UUID, code_hash: bytes, lifetime_s: float) -> None:
    """Store the hash of the member's code, in place of an earlier one."""
    await session.execute(
        "INSERT INTO member_link_codes (tenant_id, member_id, code_hash, expires_at) VALUES ($1, $2, $3, now() + $4)"
        " ON CONFLICT (tenant_id, member_id) DO UPDATE SET code_hash = excluded.code_hash, expires_at = excluded.expires_at",
        session.scope.tenant_id,
        member_id,
        code_hash,
        timedelta(seconds=lifetime_s),
    )


async def take_code(session: TenantSession, code_hash: bytes) -> UUID | None:
    """Use a code up; return the member it was made for, or None if it does not hold."""
    found: UUID | None = await session.fetchval(
        "DELETE FROM member_link_codes WHERE tenant_id = $1 AND code_hash = $2 AND expires_at > now() RETURNING member_id",
        session.scope.tenant_id,
        code_hash,
    )
    return found


async def link(session: TenantSession, account_id: UUID, external_id: str, member_id: UUID) -> None:
    """Link the two; what either was linked with before, in this account, is no longer."""
    await session.execute(
        "DELETE FROM member_identities WHERE tenant_id = $1 AND account_id = $2 AND (external_id = $3 OR member_id = $4)",
        session.scope.tenant_id,
        account_id,
        external_id,
        member_id,
    )
    await session.execute(
        "INSERT INTO member_identities (tenant_id, account_id, external_id, member_id) VALUES ($1, $2, $3, $4)",
        session.scope.tenant_id,
        account_id,
        external_id,
        member_id,
    )


async def unlink(session: TenantSession, member_id: UUID) -> None:
    """Delete the member's links, and the code that would make one."""
    for table in ("member_identities", "member_link_codes"):
        await session.execute(
            f"DELETE FROM {table} WHERE tenant_id = $1 AND member_id = $2",  # two constants
            session.scope.tenant_id,
            member_id,
        )
