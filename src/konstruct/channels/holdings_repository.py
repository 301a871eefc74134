"""SQL of what stands behind a number: its business account and its portfolio belong to one tenant, with all their numbers."""

from __future__ import annotations

from uuid import UUID

from konstruct.db.session import TenantSession, UniqueViolation
from konstruct.kit.errors import ConflictError


class AccountTakenError(ConflictError):
    """Another business has the account, or has one that its claim would touch: nothing is said of which."""


async def hold_account(session: TenantSession, account_id: UUID) -> None:
    """Claim the business account and the portfolio of an account, as far as they are known.

    Raises AccountTakenError if another tenant has a number of either.
    """
    try:
        await session.execute(
            "INSERT INTO channel_holdings (tenant_id, kind, level, holding)"
            " SELECT a.tenant_id, a.kind, h.level, h.holding FROM channel_accounts a CROSS JOIN LATERAL"
            "   (VALUES ('business_account', a.business_account_id), ('portfolio', a.portfolio_id)) h (level, holding)"
            " WHERE a.tenant_id = $1 AND a.id = $2 AND h.holding IS NOT NULL"
            " ON CONFLICT (tenant_id, kind, level, holding) DO NOTHING",
            session.scope.tenant_id,
            account_id,
        )
    except UniqueViolation:
        raise AccountTakenError("its business account or portfolio is connected to another business") from None


async def set_holdings(
    session: TenantSession, account_id: UUID, business_account_id: str | None, portfolio_id: str | None
) -> bool:
    """Store what an account belongs to, as far as it is said; return whether that is news."""
    return bool(
        await session.execute(
            "UPDATE channel_accounts SET business_account_id = coalesce($3, business_account_id),"
            "   portfolio_id = coalesce($4, portfolio_id) WHERE tenant_id = $1 AND id = $2"
            " AND (business_account_id IS DISTINCT FROM coalesce($3, business_account_id)"
            "   OR portfolio_id IS DISTINCT FROM coalesce($4, portfolio_id))",
            session.scope.tenant_id,
            account_id,
            business_account_id,
            portfolio_id,
        )
    )


async def let_go(session: TenantSession) -> None:
    """Give up what no connected account of the tenant belongs to any more."""
    await session.execute(
        "DELETE FROM channel_holdings h WHERE h.tenant_id = $1 AND NOT EXISTS (SELECT 1 FROM channel_accounts a"
        "   WHERE a.tenant_id = $1 AND a.kind = h.kind AND a.secret_id IS NOT NULL"
        "   AND h.holding = CASE h.level WHEN 'portfolio' THEN a.portfolio_id ELSE a.business_account_id END)",
        session.scope.tenant_id,
    )
