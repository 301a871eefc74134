"""Connecting a channel account to its tenant."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import structlog

from konstruct.channels import accounts_repository as repository
from konstruct.channels.accounts_repository import Account
from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.kit.errors import KonstructError, NotFoundError
from konstruct.kit.ids import uuid7
from konstruct.tenants import tenants_repository
from konstruct.tenants.vault import Vault

log = structlog.get_logger()


async def connect(
    db: Database,
    vault: Vault,
    scope: TenantScope,
    *,
    kind: str,
    external_id: str,
    app_id: str | None,
    bot_user_id: str | None,
    token: str,
) -> UUID:
    """Connect an account, or connect a known one of the same tenant again with its new token; return its id.

    What waits for a known one to be connected goes out at once.

    Raises ConflictError if another tenant has it, NotFoundError without an employee to connect it to, KonstructError
    for an empty id or token.
    """
    if not external_id.strip() or not token.strip():
        raise KonstructError("an account needs its id and its token")
    async with db.tenant(scope) as session:
        known = await repository.find_account(session, kind, external_id)
    if known is not None:
        await vault.replace(db, scope, known.secret_id, token)
        async with db.tenant(scope) as session:
            await repository.reconnect_account(session, replace(known, app_id=app_id, bot_user_id=bot_user_id))
            await repository.wake_sends(session, known.id)
        account_id = known.id
    else:
        sealed = await vault.seal(scope, f"{kind}.token", token)
        account = Account(uuid7(), kind, external_id, app_id, bot_user_id, sealed.id, "active")
        async with db.tenant(scope) as session:
            agent_id = await tenants_repository.first_agent(session)
            if agent_id is None:
                raise NotFoundError(f"tenant {scope.tenant_id} has no employee to connect the account to")
            await vault.store(session, sealed)
            await repository.insert_account(session, account, agent_id)
        account_id = account.id
    log.info("account_connected", tenant_id=str(scope.tenant_id), account_id=str(account_id), kind=kind)
    return account_id
