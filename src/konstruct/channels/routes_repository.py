"""Which tenant a provider's account belongs to, and what came for accounts that belong to nobody."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from konstruct.db.database import Database
from konstruct.db.scope import TenantScope


@dataclass(frozen=True, slots=True)
class Route:
    """Where deliveries for an account go."""

    scope: TenantScope
    account_id: UUID
    app_id: str | None
    bot_user_id: str | None
    """Who we are there: what comes from it, we said ourselves."""
    active: bool
    """Whether the tenant is; a suspended one gets nothing."""

    def refusal(self, app_id: str | None) -> str | None:
        """Return why a delivery of `app_id` may not take this route, or None.

        One that names no app is of the app whose secret signed it: there is one secret.
        """
        if not self.active:
            return "suspended"
        if self.app_id is not None and app_id is not None and app_id != self.app_id:
            return "wrong_app"
        return None


async def find_routes(db: Database, kind: str, account_keys: Iterable[str]) -> dict[str, Route]:
    """Return the routes of the accounts that are connected, by account key, in one round trip."""
    rows = await db.fleet_fetch(
        "route deliveries",
        "SELECT r.account_key, r.tenant_id, r.account_id, r.app_id, r.bot_user_id, d.status FROM channel_routes r"
        " JOIN tenant_directory d ON d.tenant_id = r.tenant_id WHERE r.kind = $1 AND r.account_key = ANY($2)",
        kind,
        list(account_keys),
    )
    return {
        row["account_key"]: Route(
            TenantScope(row["tenant_id"]), row["account_id"], row["app_id"], row["bot_user_id"], row["status"] == "active"
        )
        for row in rows
    }


@dataclass(frozen=True, slots=True)
class Holder:
    """The tenant that a business account belongs to."""

    scope: TenantScope
    active: bool


async def find_holders(db: Database, kind: str, business_accounts: Iterable[str]) -> dict[str, Holder]:
    """Return whose the business accounts are, by their ids, in one round trip."""
    rows = await db.fleet_fetch(
        "route deliveries",
        "SELECT h.holding, h.tenant_id, d.status FROM channel_holdings h JOIN tenant_directory d ON d.tenant_id = h.tenant_id"
        " WHERE h.kind = $1 AND h.level = 'business_account' AND h.holding = ANY($2)",
        kind,
        list(business_accounts),
    )
    return {row["holding"]: Holder(TenantScope(row["tenant_id"]), row["status"] == "active") for row in rows}


async def bury_unrouted(db: Database, kind: str, unrouted: Sequence[tuple[str, str | None, str]]) -> None:
    """Count deliveries without a tenant: (account key, app id, reason). They are kept as counts, without content."""
    await db.fleet_fetch(
        "dead letters without a tenant",
        "INSERT INTO unrouted_events AS u (kind, account_key, app_id, reason, deliveries)"
        " SELECT $1, n.account_key, n.app_id, n.reason, count(*)"
        " FROM unnest($2::text[], $3::text[], $4::text[]) AS n (account_key, app_id, reason)"
        " GROUP BY n.account_key, n.app_id, n.reason ORDER BY 2, 3, 4"
        " ON CONFLICT (kind, account_key, app_id, reason) DO UPDATE"
        " SET deliveries = u.deliveries + excluded.deliveries, last_seen_at = now()",
        kind,
        [key[:200] for key, _, _ in unrouted],
        [app_id and app_id[:200] for _, app_id, _ in unrouted],
        [reason for _, _, reason in unrouted],
    )
