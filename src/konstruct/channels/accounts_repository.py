"""SQL of channel accounts and their routes."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from konstruct.db.session import TenantSession, UniqueViolation
from konstruct.kit.errors import ConflictError, NotFoundError
from konstruct.tenants import notices


@dataclass(frozen=True, slots=True)
class Account:
    """A tenant's account at a channel's provider."""

    id: UUID
    kind: str
    external_id: str
    app_id: str | None
    bot_user_id: str | None
    secret_id: UUID
    status: str


_COLUMNS = "id, kind, external_id, app_id, bot_user_id, secret_id, status"


async def get_account(session: TenantSession, account_id: UUID) -> Account:
    """Return the account. Raises NotFoundError."""
    row = await session.fetchrow(
        f"SELECT {_COLUMNS} FROM channel_accounts WHERE tenant_id = $1 AND id = $2", session.scope.tenant_id, account_id
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


async def insert_account(session: TenantSession, account: Account, agent_id: UUID) -> None:
    """Store a new account with its route. Raises ConflictError if another tenant has it."""
    await session.execute(
        "INSERT INTO channel_accounts (tenant_id, id, agent_id, kind, external_id, app_id, bot_user_id, secret_id)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        session.scope.tenant_id,
        account.id,
        agent_id,
        account.kind,
        account.external_id,
        account.app_id,
        account.bot_user_id,
        account.secret_id,
    )
    try:
        await session.execute(
            "INSERT INTO channel_routes (tenant_id, account_id, kind, account_key, app_id) VALUES ($1, $2, $3, $4, $5)",
            session.scope.tenant_id,
            account.id,
            account.kind,
            account.external_id,
            account.app_id,
        )
    except UniqueViolation:
        raise ConflictError(f"{account.kind} account {account.external_id} is connected to another business") from None


async def reconnect_account(session: TenantSession, account: Account) -> None:
    """Make a known account active again, as `account` describes it now."""
    await notices.settle(session, "channel_broken", subject=str(account.id))
    await session.execute(
        "UPDATE channel_accounts SET app_id = $3, bot_user_id = $4, status = 'active', status_reason = NULL,"
        " status_changed_at = now() WHERE tenant_id = $1 AND id = $2",
        session.scope.tenant_id,
        account.id,
        account.app_id,
        account.bot_user_id,
    )
    await session.execute(
        "UPDATE channel_routes SET app_id = $3 WHERE tenant_id = $1 AND account_id = $2",
        session.scope.tenant_id,
        account.id,
        account.app_id,
    )


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
