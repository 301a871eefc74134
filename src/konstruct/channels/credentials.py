"""The one place that opens an account's token: for a single call, just before it.

A token that is over, or is about to be, is renewed first by whoever needs it. What the provider then says of it comes back
here as well: whether the token is to be renewed or the account is broken is decided in one place.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Literal
from uuid import UUID

import structlog

from konstruct.channels import deliveries_repository, renewals_repository
from konstruct.channels.port import ChannelAdapter, Credential
from konstruct.channels.renewals import Renewals
from konstruct.channels.renewals_repository import Held
from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.kit.errors import KonstructError, NotFoundError
from konstruct.tenants.vault import Vault

log = structlog.get_logger()

EXPIRED = "token_expired"
TOKEN_OVER = frozenset({EXPIRED, "account_inactive", "invalid_auth", "not_authed", "token_revoked"})
"""Codes that say of the token itself that it is over, whatever was called with it. An adapter translates its provider's."""
URGENT_S = 60.0
"""A token that ends sooner is renewed before it is used."""
CALL_ROOM_S = 15.0
"""If that is not possible now, the old one is still used for calls while it holds so long."""
PATIENCE_S = 2.0
"""How long a renewal of somebody else's is waited for."""
_LOOK_S = 0.1
_YOUNG_S = 60.0
"""A token that was just renewed and is refused as expired is not renewed again: that would go on for ever."""


class AccountUnusableError(KonstructError):
    """Nothing can be sent with the account now: it is disconnected or broken."""


class CredentialWaitsError(KonstructError):
    """The account's token is being renewed, or cannot be renewed now. Try again in `seconds`."""

    def __init__(self, account_id: UUID, seconds: float) -> None:
        super().__init__(f"the token of account {account_id} has to be renewed first")
        self.seconds = seconds


class Credentials:
    """Opens tokens. Keeps none."""

    def __init__(self, db: Database, vault: Vault, adapters: Mapping[str, ChannelAdapter]) -> None:
        self._db = db
        self._vault = vault
        self.renewals = Renewals(db, vault, adapters)

    async def of(self, scope: TenantScope, account_id: UUID, *, suspended: bool = False) -> Credential:
        """Return what a call needs to act for the account. `suspended`: also for one that may send nothing, to ask how it is.

        Raises AccountUnusableError, CredentialWaitsError, NotFoundError.
        """
        held = await self._fresh(scope, account_id, suspended)
        assert held.secret_id is not None
        token = await self._vault.reveal(self._db, scope, held.secret_id)
        return Credential(scope, account_id, held.external_id, token, held.business_account_id)

    async def refused(self, credential: Credential, code: str) -> Literal["renew", "broken", "other"]:
        """Take note of an error code that a call with `credential` got; return what follows from it.

        "renew": the call may be made again at once, with a newly opened credential. "broken": the account is, and its owner
        is told. "other": the code says nothing about the token.
        """
        if code not in TOKEN_OVER:
            return "other"
        scope, account_id = credential.scope, credential.account_id
        held = await self._db.run(scope, lambda s: renewals_repository.find(s, account_id))
        if held is None or held.secret_id is None or held.status != "active":
            return "broken"
        secret_id = held.secret_id
        try:
            if await self._vault.reveal(self._db, scope, secret_id) != credential.token:
                return "renew"
        except NotFoundError:
            return "renew"
        if code == EXPIRED and held.renewable and (held.token_age_s or 0.0) > _YOUNG_S:
            await self._db.run(scope, lambda s: renewals_repository.expire(s, account_id, secret_id))
            return "renew"
        await self._db.run(scope, lambda s: deliveries_repository.account_broken(s, account_id, code))
        log.error("account_broken", account_id=str(account_id), reason=code)
        return "broken"

    async def close(self) -> None:
        """Wait for renewals under way."""
        await self.renewals.close()

    async def _fresh(self, scope: TenantScope, account_id: UUID, suspended: bool) -> Held:
        """Return an account that is in use, its token renewed if need be."""
        held = await self._held(scope, account_id, suspended)
        if not _ends_soon(held):
            return held
        if held.waits_s <= 0:
            await self.renewals.renew(scope, account_id, within_s=URGENT_S)
        looks = round(PATIENCE_S / _LOOK_S)
        for look in range(looks + 1):
            held = await self._held(scope, account_id, suspended)
            if not _ends_soon(held) or held.left_s is None or held.left_s > CALL_ROOM_S:
                return held
            if held.waits_s <= 0 or not held.doubt or look == looks:
                break
            await asyncio.sleep(_LOOK_S)
        raise CredentialWaitsError(account_id, max(1.0, min(held.waits_s, 60.0)))

    async def _held(self, scope: TenantScope, account_id: UUID, suspended: bool) -> Held:
        held = await self._db.run(scope, lambda s: renewals_repository.find(s, account_id))
        if held is None:
            raise NotFoundError(f"there is no channel account {account_id}")
        if held.secret_id is None or held.status != "active":
            raise AccountUnusableError(f"account {account_id} is {held.status}")
        if held.suspended and not suspended:
            raise AccountUnusableError(f"account {account_id} is suspended")
        return held


def _ends_soon(held: Held) -> bool:
    return held.renewable and held.left_s is not None and held.left_s <= URGENT_S
