"""SQL of whether providers have verified the businesses behind accounts: each change of it is a row, and the newest holds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from konstruct.db.session import Record, TenantSession

State = Literal["not_started", "submitted", "approved", "rejected"]
Source = Literal["provider", "member", "nobody"]
HISTORY = 50


@dataclass(frozen=True, slots=True)
class Verification:
    """How it stands, and who says so. `said` is the provider's own word."""

    state: State
    source: Source
    said: str | None
    member_name: str | None
    at: datetime


# Accounts of one company share its verification: whichever was told last.
_NEWEST = """
SELECT v.state, v.source, v.said, v.member_name, v.at FROM channel_accounts a
JOIN channel_accounts o ON o.tenant_id = $1 AND o.kind = a.kind
  AND (o.id = a.id OR (o.portfolio_id = a.portfolio_id AND o.secret_id IS NOT NULL))
CROSS JOIN LATERAL (
  SELECT n.id, n.state, n.source, n.said, n.member_name, n.at FROM business_verifications n
  WHERE n.tenant_id = $1 AND n.account_id = o.id ORDER BY n.id DESC LIMIT $3
) v
WHERE a.tenant_id = $1 AND a.id = $2 ORDER BY v.id DESC LIMIT $3
"""


async def current(session: TenantSession, account_id: UUID) -> Verification | None:
    """Return how the business behind an account stands; None if nothing was ever told: it has not begun."""
    found = await history(session, account_id, 1)
    return found[0] if found else None


async def history(session: TenantSession, account_id: UUID, limit: int = HISTORY) -> list[Verification]:
    """Return the changes, the newest first."""
    rows = await session.fetch(_NEWEST, session.scope.tenant_id, account_id, limit)
    return [_verification(row) for row in rows]


async def lock(session: TenantSession, account_id: UUID) -> bool:
    """Lock the account, so that changes come one after the other; False if the tenant has none of that id."""
    sql = "SELECT true FROM channel_accounts WHERE tenant_id = $1 AND id = $2 FOR NO KEY UPDATE"
    return bool(await session.fetchval(sql, session.scope.tenant_id, account_id))


async def add(
    session: TenantSession, account_id: UUID, state: State, source: Source, said: str | None, member_name: str | None
) -> None:
    """Add a change."""
    await session.execute(
        "INSERT INTO business_verifications (tenant_id, account_id, state, source, said, member_name)"
        " VALUES ($1, $2, $3, $4, $5, $6)",
        session.scope.tenant_id,
        account_id,
        state,
        source,
        said,
        member_name,
    )


def _verification(row: Record) -> Verification:
    return Verification(row["state"], row["source"], row["said"], row["member_name"], row["at"])
