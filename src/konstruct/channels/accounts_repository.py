"""SQL of channel accounts, their routes, and the history of their status."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from konstruct.channels import holdings_repository
from konstruct.channels.deliveries_repository import DISCONNECTED
from konstruct.channels.holdings_repository import AccountTakenError
from konstruct.db.session import ExclusionViolation, TenantSession, UniqueViolation
from konstruct.kit.errors import NotFoundError
from konstruct.tenants import notices


@dataclass(frozen=True, slots=True)
class Account:
    """A tenant's account at a channel's provider."""

    id: UUID
    kind: str
    external_id: str
    app_id: str | None
    bot_user_id: str | None
    secret_id: UUID | None
    """None if and only if it was disconnected: its token is gone."""
    status: str
    account_name: str = ""
    """What the provider calls it; empty where nobody told."""
    enterprise_id: str | None = None
    org_wide: bool = False
    scopes: list[str] | None = None
    """What was granted; None where nobody told."""
    refresh_secret_id: UUID | None = None
    business_account_id: str | None = None
    """What has the number, and the company that has that (see `Grant`); None where nobody told."""
    portfolio_id: str | None = None
    phone_number: str | None = None


__all__ = ["Account", "AccountTakenError"]

_COLUMNS = (
    "id, kind, external_id, app_id, bot_user_id, secret_id, status, account_name, enterprise_id, org_wide, scopes,"
    " refresh_secret_id, business_account_id, portfolio_id, phone_number"
)


async def get_account(session: TenantSession, account_id: UUID, *, lock: bool = False) -> Account:
    """Return the account; with `lock`, held against other changes until the transaction ends. Raises NotFoundError."""
    row = await session.fetchrow(
        f"SELECT {_COLUMNS} FROM channel_accounts WHERE tenant_id = $1 AND id = $2{_LOCK if lock else ''}",
        session.scope.tenant_id,
        account_id,
    )
    if row is None:
        raise NotFoundError(f"there is no channel account {account_id}")
    return Account(**dict(row))


async def find_account(session: TenantSession, kind: str, external_id: str) -> Account | None:
    """Return the tenant's account of that external id, or None."""
    row = await session.fetchrow(
        f"SELECT {_COLUMNS} FROM channel_accounts WHERE tenant_id = $1 AND kind = $2 AND external_id = $3",
        session.scope.tenant_id,
        kind,
        external_id,
    )
    return Account(**dict(row)) if row else None


async def connected_accounts(session: TenantSession) -> list[UUID]:
    """Return the ids of the tenant's accounts that have a token."""
    sql = "SELECT id FROM channel_accounts WHERE tenant_id = $1 AND secret_id IS NOT NULL ORDER BY id LIMIT 1000"
    return [row["id"] for row in await session.fetch(sql, session.scope.tenant_id)]


@dataclass(frozen=True, slots=True)
class OfBusiness:
    """A connected account of a business account."""

    id: UUID
    business_account_id: str
    phone_number: str | None


async def of_businesses(session: TenantSession, kind: str, business_accounts: Sequence[str]) -> list[OfBusiness]:
    """Return the tenant's connected accounts of these business accounts, those that work first."""
    rows = await session.fetch(
        "SELECT id, business_account_id, phone_number FROM channel_accounts"
        " WHERE tenant_id = $1 AND kind = $2 AND business_account_id = ANY($3) AND secret_id IS NOT NULL"
        " ORDER BY status <> 'active', id LIMIT 1000",
        session.scope.tenant_id,
        kind,
        list(business_accounts),
    )
    return [OfBusiness(**row) for row in rows]


async def has_kind(session: TenantSession, kind: str) -> bool:
    """Return whether the tenant has, or had, an account of this kind."""
    sql = "SELECT EXISTS (SELECT 1 FROM channel_accounts WHERE tenant_id = $1 AND kind = $2)"
    return bool(await session.fetchval(sql, session.scope.tenant_id, kind))


async def shares_business(session: TenantSession, account_id: UUID) -> bool:
    """Return whether another connected account of the tenant belongs to the same business account."""
    return bool(
        await session.fetchval(
            "SELECT EXISTS (SELECT 1 FROM channel_accounts a JOIN channel_accounts o ON o.tenant_id = $1 AND o.kind = a.kind"
            "   AND o.business_account_id = a.business_account_id AND o.id <> a.id AND o.secret_id IS NOT NULL"
            "   WHERE a.tenant_id = $1 AND a.id = $2)",
            session.scope.tenant_id,
            account_id,
        )
    )


async def find_overlapping(session: TenantSession, account: Account) -> bool:
    """Return whether another connected account of this tenant covers what `account` claims, or a part of it."""
    return bool(
        await session.fetchval(
            "SELECT EXISTS (SELECT 1 FROM channel_routes WHERE tenant_id = $1 AND kind = $2 AND enterprise_id = $3"
            " AND account_key <> $4 AND (org_wide OR $5))",
            session.scope.tenant_id,
            account.kind,
            account.enterprise_id,
            account.external_id,
            account.org_wide,
        )
    )


async def insert_account(session: TenantSession, account: Account, agent_id: UUID, expires_in_s: float | None = None) -> bool:
    """Store a new account with its route; False if the tenant has it already. `expires_in_s`: how long its token holds.

    Raises AccountTakenError if another tenant has it.
    """
    stored = await session.execute(
        "WITH stored AS (INSERT INTO channel_accounts"
        "   (tenant_id, id, agent_id, kind, external_id, app_id, bot_user_id, secret_id, account_name, enterprise_id, org_wide,"
        "    scopes, refresh_secret_id, token_expires_at, business_account_id, portfolio_id, phone_number)"
        "   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, now() + $14::float8 * interval '1 second',"
        "     $15, $16, $17)"
        "   ON CONFLICT (tenant_id, kind, external_id) DO NOTHING RETURNING tenant_id, id, status)"
        " INSERT INTO channel_health (tenant_id, account_id, status, reason)"
        " SELECT tenant_id, id, status, 'connected' FROM stored",
        session.scope.tenant_id,
        account.id,
        agent_id,
        account.kind,
        account.external_id,
        account.app_id,
        account.bot_user_id,
        account.secret_id,
        account.account_name,
        account.enterprise_id,
        account.org_wide,
        account.scopes,
        account.refresh_secret_id,
        expires_in_s,
        account.business_account_id,
        account.portfolio_id,
        account.phone_number,
    )
    if stored:
        await _open_route(session, account)
        await holdings_repository.hold_account(session, account.id)
    return bool(stored)


async def reconnect_account(session: TenantSession, account: Account, expires_in_s: float | None = None) -> None:
    """Make a known account active again, as `account` describes it now; a name or an organisation that it leaves out stays.

    Raises AccountTakenError if another tenant has it by now.
    """
    await notices.settle(session, "channel_broken", subject=str(account.id))
    await session.execute(
        "WITH known AS (UPDATE channel_accounts SET app_id = $3, bot_user_id = $4, secret_id = $5, status = 'active',"
        "   status_reason = NULL, status_changed_at = now(), account_name = coalesce(nullif($6, ''), account_name),"
        "   enterprise_id = coalesce($7, enterprise_id), org_wide = $8, scopes = $9, refresh_secret_id = $10,"
        "   token_expires_at = now() + $11::float8 * interval '1 second',"
        "   renewal_epoch = renewal_epoch + 1, renewal_wait_until = NULL, renewal_doubt = false,"
        "   business_account_id = coalesce($12, business_account_id), portfolio_id = coalesce($13, portfolio_id),"
        "   phone_number = coalesce($14, phone_number)"
        "   WHERE tenant_id = $1 AND id = $2 RETURNING tenant_id, id, status)"
        " INSERT INTO channel_health (tenant_id, account_id, status, reason)"
        " SELECT tenant_id, id, status, 'reconnected' FROM known",
        session.scope.tenant_id,
        account.id,
        account.app_id,
        account.bot_user_id,
        account.secret_id,
        account.account_name,
        account.enterprise_id,
        account.org_wide,
        account.scopes,
        account.refresh_secret_id,
        expires_in_s,
        account.business_account_id,
        account.portfolio_id,
        account.phone_number,
    )
    await _open_route(session, account)
    await holdings_repository.hold_account(session, account.id)


async def disconnect_account(session: TenantSession, account_id: UUID) -> int:
    """Take the account's route away and cancel what waits to be sent; return how many deliveries that were.

    What is being sent at this moment comes to its end by itself. Its secret is the caller's to delete, afterwards.
    """
    await notices.settle(session, "channel_broken", subject=str(account_id))
    await session.execute(
        "WITH gone AS (UPDATE channel_accounts SET status = 'disconnected', status_reason = NULL, secret_id = NULL,"
        "   refresh_secret_id = NULL, token_expires_at = NULL, status_changed_at = now(),"
        "   renewal_epoch = renewal_epoch + 1, renewal_wait_until = NULL, renewal_doubt = false"
        "   WHERE tenant_id = $1 AND id = $2 RETURNING tenant_id, id, status)"
        " INSERT INTO channel_health (tenant_id, account_id, status, reason)"
        " SELECT tenant_id, id, status, 'by_a_member' FROM gone",
        session.scope.tenant_id,
        account_id,
    )
    await session.execute(
        "DELETE FROM channel_routes WHERE tenant_id = $1 AND account_id = $2", session.scope.tenant_id, account_id
    )
    return await session.execute(
        "UPDATE deliveries SET state = 'cancelled', reason = $3 WHERE tenant_id = $1 AND account_id = $2 AND state = 'pending'",
        session.scope.tenant_id,
        account_id,
        DISCONNECTED,
    )


async def answers_strangers(session: TenantSession, account_id: UUID) -> bool:
    """Return whether people of other companies are answered in shared channels."""
    return bool(
        await session.fetchval(
            "SELECT answers_strangers FROM channel_accounts WHERE tenant_id = $1 AND id = $2", session.scope.tenant_id, account_id
        )
    )


async def set_answers_strangers(session: TenantSession, account_id: UUID, answer: bool) -> None:
    """Let strangers be answered, or not. Raises NotFoundError."""
    changed = await session.execute(
        "UPDATE channel_accounts SET answers_strangers = $3 WHERE tenant_id = $1 AND id = $2",
        session.scope.tenant_id,
        account_id,
        answer,
    )
    if not changed:
        raise NotFoundError(f"there is no channel account {account_id}")


_LOCK = " FOR NO KEY UPDATE"


async def _open_route(session: TenantSession, account: Account) -> None:
    try:
        await session.execute(
            "INSERT INTO channel_routes (tenant_id, account_id, kind, account_key, app_id, bot_user_id, enterprise_id, org_wide)"
            " SELECT tenant_id, id, kind, external_id, app_id, nullif(bot_user_id, ''), enterprise_id, org_wide"
            " FROM channel_accounts WHERE tenant_id = $1 AND id = $2"
            " ON CONFLICT (tenant_id, account_id) DO UPDATE SET app_id = excluded.app_id, bot_user_id = excluded.bot_user_id,"
            " enterprise_id = excluded.enterprise_id, org_wide = excluded.org_wide",
            session.scope.tenant_id,
            account.id,
        )
    except (UniqueViolation, ExclusionViolation):
        raise AccountTakenError(f"{account.kind} account {account.external_id} is connected to another business") from None


async def wake_sends(session: TenantSession, account_id: UUID) -> None:
    """Let the answers that wait to go out through the account be due now.

    A sender that has just found the account inactive, and is about to wait, finds that something came since.
    """
    await session.execute(
        "UPDATE ready_queue q SET seq = q.seq + 1, due_at = least(q.due_at, now()) FROM conversations c"
        " WHERE q.tenant_id = $1 AND q.lane = 'send' AND q.state <> 'idle'"
        " AND c.tenant_id = q.tenant_id AND c.id = q.conversation_id AND c.account_id = $2",
        session.scope.tenant_id,
        account_id,
    )
