"""The one place that opens an account's token: for a single call, just before it."""

from __future__ import annotations

from uuid import UUID

from konstruct.channels import accounts_repository
from konstruct.channels.port import Credential
from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.kit.errors import KonstructError
from konstruct.tenants.vault import Vault


class AccountUnusableError(KonstructError):
    """Nothing can be sent with the account now: it is disconnected or broken."""


class Credentials:
    """Opens tokens. Keeps none."""

    def __init__(self, db: Database, vault: Vault) -> None:
        self._db = db
        self._vault = vault

    async def of(self, scope: TenantScope, account_id: UUID) -> Credential:
        """Return what a call needs to act for the account. Raises AccountUnusableError, NotFoundError."""
        account = await self._db.run(scope, lambda s: accounts_repository.get_account(s, account_id))
        if account.secret_id is None or account.status != "active":
            raise AccountUnusableError(f"account {account_id} is {account.status}")
        return await self.open(scope, account_id, account.external_id, account.secret_id)

    async def open(self, scope: TenantScope, account_id: UUID, account_key: str, secret_id: UUID) -> Credential:
        """Return the same of an account that the caller has just read."""
        token = await self._vault.reveal(self._db, scope, secret_id)
        return Credential(scope, account_id, account_key, token)
