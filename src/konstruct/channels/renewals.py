"""Renewing tokens that run out: once per installation, whatever process needs it, and well before the end.

A refresh token works once. So "renewing" is committed before the one call that uses it, the call is made without any retry
outside of any transaction, and both new tokens are stored in one transaction with the state. Who dies in between leaves
"renewing" behind: after its time the next one tries the same refresh token, for nobody knows whether it was used. If it was,
the provider refuses it, and the account is broken until somebody connects it again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from uuid import UUID

import structlog

from konstruct.channels import accounts_repository
from konstruct.channels import renewals_repository as repository
from konstruct.channels.port import ChannelAdapter, Failed, Retry, Unknown
from konstruct.channels.port_abilities import Renewed, Renewing, RenewOutcome
from konstruct.channels.renewals_repository import Begun, ahead_of
from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.db.session import TenantSession
from konstruct.jobs.tenant_jobs import Job
from konstruct.kit.errors import KonstructError, NotFoundError
from konstruct.tenants.vault import Vault

log = structlog.get_logger()

CALL_S = 10.0
"""For the call, from the commit of "renewing" on."""
WINDOW_S = 30.0
"""From the commit of "renewing" until the next one may try."""
REFUSED_WAIT_S = 300.0
"""After a refusal that is not the grant's fault, such as a wrong client secret."""
CLOSE_S = 15.0
_STORE_PAUSE_S = 1.0


class Renewals:
    """Renews tokens. Keeps none: what is under way lives in its own task until it is stored."""

    def __init__(self, db: Database, vault: Vault, adapters: Mapping[str, ChannelAdapter]) -> None:
        self._db = db
        self._vault = vault
        self._adapters = adapters
        self._under_way: set[asyncio.Task[None]] = set()

    async def __call__(self, job: Job) -> float | None:
        """Do the tenant job `token_renewal`: renew what is due; return in how many seconds to look again, None for never."""
        due_s, left_s = await self._due_in(job.scope, job.subject_id)
        if due_s is None or due_s > 0:
            return due_s
        # Not if somebody else has renewed it since: then it holds for longer than what was just read.
        await self.renew(job.scope, job.subject_id, within_s=left_s + 1.0)
        due_s, _ = await self._due_in(job.scope, job.subject_id)
        return None if due_s is None else max(due_s, 1.0)

    async def renew(self, scope: TenantScope, account_id: UUID, *, within_s: float) -> None:
        """Renew the account's token if it ends within `within_s`, nobody else is at it, and no wait is asked for.

        Whoever is cancelled while the call is under way leaves it to its end: what the provider grants once must be stored.
        """
        task = asyncio.create_task(self._begin_and_end(scope, account_id, within_s), name="token renewal")
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        await asyncio.shield(task)

    async def close(self) -> None:
        """Wait a while for what is under way: a token that is granted and not stored is lost."""
        if self._under_way:
            _, late = await asyncio.wait(self._under_way, timeout=CLOSE_S)
            for task in late:
                task.cancel()

    async def _due_in(self, scope: TenantScope, account_id: UUID) -> tuple[float | None, float]:
        """Return in how many seconds a renewal is due, None for never; and for how long the token still holds."""
        held = await self._db.run(scope, lambda s: repository.find(s, account_id))
        if held is None or held.status != "active" or not held.renewable or held.left_s is None:
            return None, 0.0
        lifetime_s = held.left_s + (held.token_age_s or 0.0)
        return max(held.left_s - ahead_of(account_id, lifetime_s), held.waits_s, 0.0), held.left_s

    async def _begin_and_end(self, scope: TenantScope, account_id: UUID, within_s: float) -> None:
        # The call's time runs from here, not from the wait for a connection; the row's runs from a little later.
        deadline = time.monotonic() + CALL_S
        begun = await self._db.run(scope, lambda s: repository.begin(s, account_id, within_s, WINDOW_S))
        if begun is None:
            return
        with structlog.contextvars.bound_contextvars(tenant_id=str(scope.tenant_id), account_id=str(account_id)):
            if begun.doubt:
                log.warning("token_renewal_repeated", epoch=begun.epoch)
            match await self._call(scope, begun, deadline):
                case Renewed() as renewed:
                    await self._store(scope, account_id, begun, renewed, time.monotonic())
                case Failed(reason, account_broken=True):
                    broken = await self._db.run(scope, lambda s: repository.refused(s, account_id, begun))
                    log.error("token_renewal_refused", reason=reason, doubt=begun.doubt, broken=broken)
                case Failed(reason):
                    await self._db.run(scope, lambda s: repository.give_back(s, account_id, begun, REFUSED_WAIT_S))
                    log.error("token_renewal_failed", reason=reason)
                case Retry(after_s, reason):
                    await self._db.run(scope, lambda s: repository.give_back(s, account_id, begun, after_s))
                    log.info("token_renewal_waits", reason=reason, after_s=after_s)
                case Unknown(reason):
                    # The row says so already: the next one tries when the window has passed.
                    log.warning("token_renewal_unknown", reason=reason)

    async def _call(self, scope: TenantScope, begun: Begun, deadline: float) -> RenewOutcome:
        adapter = self._adapters.get(begun.kind)
        if not isinstance(adapter, Renewing):
            return Failed("cannot_renew")
        try:
            refresh_token = await self._vault.reveal(self._db, scope, begun.refresh_secret_id)
        except KonstructError as error:
            return Retry(_STORE_PAUSE_S, type(error).__name__)
        return await adapter.renew(refresh_token, deadline - time.monotonic())

    async def _store(self, scope: TenantScope, account_id: UUID, begun: Begun, renewed: Renewed, answered_at: float) -> None:
        """Store both tokens, however often it takes: nobody can be asked for them again."""
        while True:
            try:
                wait_s = await self._try_to_store(scope, account_id, begun, renewed, answered_at)
            except Exception as error:
                log.error("token_not_stored", error=type(error).__name__)
                wait_s = _STORE_PAUSE_S
            if wait_s is None:
                return
            await asyncio.sleep(min(wait_s, _STORE_PAUSE_S))

    async def _try_to_store(
        self, scope: TenantScope, account_id: UUID, begun: Begun, renewed: Renewed, answered_at: float
    ) -> float | None:
        """Return None when it is over, else the seconds until the next attempt."""
        try:
            token = await self._vault.seal_again(self._db, scope, begun.secret_id, renewed.token)
            refresh = await self._vault.seal_again(self._db, scope, begun.refresh_secret_id, renewed.refresh_token)
        except NotFoundError:
            log.warning("token_renewal_outdated")
            return None

        async def work(session: TenantSession) -> tuple[float | None, bool]:
            wait_s = await repository.may_store(session, account_id, begun)
            if wait_s != 0.0:
                return wait_s, False
            if not (await self._vault.store_again(session, token) and await self._vault.store_again(session, refresh)):
                raise _OvertakenError
            left_s = max(0.0, renewed.expires_in_s - (time.monotonic() - answered_at))
            if await repository.stored(session, account_id, left_s):
                await accounts_repository.wake_sends(session, account_id)
            return None, True

        try:
            async with self._db.tenant(scope) as session:
                wait_s, done = await work(session)
        except _OvertakenError:
            return 0.0
        if wait_s is None:
            if done:
                log.info("token_renewed", epoch=begun.epoch)
            else:
                log.info("token_renewal_outdated", epoch=begun.epoch)
        return wait_s


class _OvertakenError(Exception):
    """Rolls the transaction back: the tenant's key was rotated meanwhile, and the tokens are sealed once more."""
