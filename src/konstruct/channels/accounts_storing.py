"""Storing what an installation carries: account, route, token and refresh token, in one transaction."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from konstruct.channels import accounts_repository as repository
from konstruct.channels import holdings_repository, renewals_repository
from konstruct.channels.accounts_repository import Account
from konstruct.channels.port_abilities import Grant
from konstruct.channels.quality import planning
from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.db.session import TenantSession
from konstruct.jobs import tenant_jobs
from konstruct.kit.errors import ConflictError, NotFoundError
from konstruct.kit.ids import uuid7
from konstruct.tenants import notices, tenants_repository
from konstruct.tenants.secrets_repository import SealedSecret
from konstruct.tenants.vault import KeyRotatedError, Vault

_NAME_MAX = 200


class OwnOverlapError(ConflictError):
    """The business has connected the organisation of this workspace already, or workspaces of this organisation."""


@dataclass(frozen=True, slots=True)
class _Secret:
    """A sealed value, and whether it is a new one of a secret that is known."""

    sealed: SealedSecret
    again: bool

    async def store(self, vault: Vault, session: TenantSession) -> bool:
        """Return False if another writer overtook it."""
        if self.again:
            return await vault.store_again(session, self.sealed)
        await vault.store(session, self.sealed)
        return True


async def store(db: Database, vault: Vault, scope: TenantScope, kind: str, grant: Grant) -> UUID | None:
    """Connect an account, or connect a known one again; return its id, or None if others changed it meanwhile: try again.

    Raises AccountTakenError, OwnOverlapError, and NotFoundError without an employee to connect it to.
    """
    async with db.tenant(scope) as session:
        known = await repository.find_account(session, kind, grant.account_key)
    try:
        token = await _seal(db, vault, scope, f"{kind}.token", known.secret_id if known else None, grant.token)
        refresh = None
        if grant.refresh_token is not None:
            held = known.refresh_secret_id if known else None
            refresh = await _seal(db, vault, scope, f"{kind}.refresh_token", held, grant.refresh_token)
    except NotFoundError:
        return None
    account = _described(known.id if known else uuid7(), kind, grant, token, refresh)
    try:
        return await _write(db, vault, scope, known, account, grant.expires_in_s, [one for one in (token, refresh) if one])
    except (_OvertakenError, KeyRotatedError):
        return None


class _OvertakenError(Exception):
    """Rolls the transaction back: another writer came first."""


async def _write(
    db: Database,
    vault: Vault,
    scope: TenantScope,
    known: Account | None,
    account: Account,
    expires_in_s: float | None,
    secrets: list[_Secret],
) -> UUID:
    async with db.tenant(scope) as session:
        if known is not None:
            now = await repository.get_account(session, known.id, lock=True)
            if (now.secret_id, now.refresh_secret_id) != (known.secret_id, known.refresh_secret_id):
                raise _OvertakenError
        for secret in secrets:
            if not await secret.store(vault, session):
                raise _OvertakenError
        if await repository.find_overlapping(session, account):
            raise OwnOverlapError(f"{account.kind} account {account.external_id} overlaps with one that is connected already")
        if known is None:
            await _insert(session, account, expires_in_s)
            await _plan(session, account, expires_in_s)
            return account.id
        await repository.reconnect_account(session, account, expires_in_s)
        # It may have moved to another business account since.
        await holdings_repository.let_go(session)
        await _plan(session, account, expires_in_s)
        if known.refresh_secret_id is not None and account.refresh_secret_id is None:
            await vault.delete(session, known.refresh_secret_id)
        await repository.wake_sends(session, account.id)
    return account.id


async def _plan(session: TenantSession, account: Account, expires_in_s: float | None) -> None:
    if account.refresh_secret_id is not None and expires_in_s is not None:
        await renewals_repository.plan(session, account.id, expires_in_s)
    if account.business_account_id is not None:
        await tenant_jobs.ask(session, session.scope, "template_sync", account.id)
        await notices.settle(session, "token_expiring", subject=str(account.id))
        await tenant_jobs.ask(session, session.scope, "account_watch", account.id)
        await planning.plan(session, account.id)


async def _insert(session: TenantSession, account: Account, expires_in_s: float | None) -> None:
    agent_id = await tenants_repository.first_agent(session)
    if agent_id is None:
        raise NotFoundError(f"tenant {session.scope.tenant_id} has no employee to connect the account to")
    if not await repository.insert_account(session, account, agent_id, expires_in_s):
        raise _OvertakenError


async def _seal(db: Database, vault: Vault, scope: TenantScope, purpose: str, held: UUID | None, plaintext: str) -> _Secret:
    """Seal outside of any transaction. Raises NotFoundError if the secret that is held is gone."""
    if held is None:
        return _Secret(await vault.seal(scope, purpose, plaintext), again=False)
    return _Secret(await vault.seal_again(db, scope, held, plaintext), again=True)


def _described(account_id: UUID, kind: str, grant: Grant, token: _Secret, refresh: _Secret | None) -> Account:
    return Account(
        id=account_id,
        kind=kind,
        external_id=grant.account_key,
        app_id=grant.app_id,
        bot_user_id=grant.bot_user_id,
        secret_id=token.sealed.id,
        status="active",
        account_name=grant.account_name[:_NAME_MAX],
        enterprise_id=grant.enterprise_id,
        org_wide=grant.org_wide,
        scopes=None if grant.scopes is None else sorted(grant.scopes),
        refresh_secret_id=refresh.sealed.id if refresh else None,
        business_account_id=grant.business_account_id,
        portfolio_id=grant.portfolio_id,
        phone_number=grant.phone_number,
    )
