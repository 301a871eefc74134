"""SQL of looking after accounts: what one is, and what its provider told about it."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from konstruct.db.session import TenantSession


@dataclass(frozen=True, slots=True)
class Watched:
    """An account that is looked after. `left_s`: how long its token still holds; None: until it is revoked, or nobody told."""

    kind: str
    status: str
    portfolio_id: str | None
    left_s: float | None
    renewable: bool


async def find(session: TenantSession, account_id: UUID) -> Watched | None:
    """Return what is known of an account, or None."""
    row = await session.fetchrow(
        "SELECT kind, status, portfolio_id, extract(epoch FROM token_expires_at - now())::float8 AS left_s,"
        "   refresh_secret_id IS NOT NULL AS renewable FROM channel_accounts WHERE tenant_id = $1 AND id = $2",
        session.scope.tenant_id,
        account_id,
    )
    return Watched(**dict(row)) if row else None


async def ends_in(session: TenantSession, account_id: UUID, left_s: float | None) -> None:
    """Note for how long the token still holds; None: until it is revoked."""
    await session.execute(
        "UPDATE channel_accounts SET token_expires_at = now() + $3::float8 * interval '1 second'"
        " WHERE tenant_id = $1 AND id = $2 AND secret_id IS NOT NULL",
        session.scope.tenant_id,
        account_id,
        left_s,
    )
