"""Looking after accounts, once a day each: who owns them, when their token ends, whether the business is verified.

It is a tenant's job (`account_watch`), asked for when an account is connected. A look that fails is made again within the hour;
nothing is concluded from silence.
"""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from konstruct.channels import deliveries_repository, holdings, verifications
from konstruct.channels import watching_repository as repository
from konstruct.channels.credentials import EXPIRED, AccountUnusableError, Credentials, CredentialWaitsError
from konstruct.channels.port import ChannelAdapter, Credential
from konstruct.channels.port_signup import NotTold, Watched
from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.db.session import TenantSession
from konstruct.jobs.tenant_jobs import Job
from konstruct.kit.errors import NotFoundError
from konstruct.tenants.notices import raise_notice, settle
from konstruct.tenants.notices_troubles import token_expiring

DAY_S = 86400.0
AGAIN_S = 3600.0
SPREAD_S = 3600
"""Accounts that were connected in one hour do not all come in one."""
EARLY_S = 14 * DAY_S
"""So long before a token ends its owner is told."""


class AccountWatch:
    """Does the tenant job `account_watch`; return values are seconds until the next look, None for never."""

    def __init__(self, db: Database, credentials: Credentials, adapters: Mapping[str, ChannelAdapter]) -> None:
        self._db = db
        self._credentials = credentials
        self._adapters = adapters

    async def __call__(self, job: Job) -> float | None:
        """Look at the account of the job."""
        return await self.look(job.scope, job.subject_id)

    async def look(self, scope: TenantScope, account_id: UUID) -> float | None:
        """Look at one account now."""
        try:
            credential = await self._credentials.of(scope, account_id)
        except CredentialWaitsError:
            return AGAIN_S
        except (AccountUnusableError, NotFoundError):
            # Whoever connects it again asks for the next look.
            return None
        held = await self._db.run(scope, lambda s: repository.find(s, account_id))
        adapter: object = self._adapters.get(held.kind) if held is not None else None
        if held is None or not isinstance(adapter, Watched):
            return None
        # All three, whatever one of them says: each is a thing of its own.
        looks = [
            await self._token(adapter, credential, held),
            await self._owner(adapter, credential, held),
            await self._verification(adapter, credential),
        ]
        return DAY_S + account_id.int % SPREAD_S if all(looks) else AGAIN_S

    async def _token(self, adapter: Watched, credential: Credential, held: repository.Watched) -> bool:
        """Return whether it is known how long the token holds."""
        left_s = await adapter.lifetime(credential.token)
        if isinstance(left_s, NotTold):
            if left_s.token_over:
                await self._credentials.refused(credential, left_s.code)
                return True
            known, left_s = left_s.for_good, held.left_s
        else:
            known = True
            end_s = left_s
            await self._db.run(credential.scope, lambda s: repository.ends_in(s, credential.account_id, end_s))
        if not held.renewable:
            await self._tell_of_its_end(credential, held.kind, left_s)
        return known

    async def _tell_of_its_end(self, credential: Credential, kind: str, left_s: float | None) -> None:
        account_id = credential.account_id

        async def work(session: TenantSession) -> None:
            if left_s is None or left_s > EARLY_S:
                await settle(session, "token_expiring", subject=str(account_id))
            elif left_s > 0:
                await raise_notice(session, token_expiring(account_id, kind, int(left_s // DAY_S)))
            else:
                await settle(session, "token_expiring", subject=str(account_id))
                await deliveries_repository.account_broken(session, account_id, EXPIRED)

        await self._db.run(credential.scope, work)

    async def _owner(self, adapter: Watched, credential: Credential, held: repository.Watched) -> bool:
        """Learn the company of an account that was connected without it. Return whether that is settled."""
        if held.portfolio_id is not None:
            return True
        found = await adapter.portfolio_of(credential)
        if isinstance(found, NotTold):
            if found.token_over:
                await self._credentials.refused(credential, found.code)
            return found.for_good
        if found is None:
            return True
        await holdings.learn(self._db, credential.scope, credential.account_id, portfolio_id=found)
        return True

    async def _verification(self, adapter: Watched, credential: Credential) -> bool:
        """Return whether it is known how the verification stands, or that nobody tells."""
        held = await self._db.run(credential.scope, lambda s: repository.find(s, credential.account_id))
        if held is None or held.status != "active" or held.portfolio_id is None:
            await self._db.run(credential.scope, lambda s: verifications.not_told(s, credential.account_id))
            return True
        found = await adapter.verification(held.portfolio_id, credential.token)
        if isinstance(found, NotTold):
            if found.for_good:
                await self._db.run(credential.scope, lambda s: verifications.not_told(s, credential.account_id))
            return found.for_good
        await self._db.run(credential.scope, lambda s: verifications.told(s, credential.account_id, found))
        return True
