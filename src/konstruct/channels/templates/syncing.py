"""Asking a provider which templates there are: when an account is connected, every day, and when somebody wants to know."""

from __future__ import annotations

from collections.abc import Mapping

import structlog

from konstruct.channels import accounts_repository, deliveries_repository
from konstruct.channels.accounts_repository import Account
from konstruct.channels.credentials import AccountUnusableError, Credentials, CredentialWaitsError
from konstruct.channels.port import ChannelAdapter, Credential, Failed, Retry
from konstruct.channels.port_templates import ListedTemplate, TemplatePage, Templating
from konstruct.channels.templates import templates_repository as repository
from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.jobs.tenant_jobs import Job
from konstruct.kit.errors import NotFoundError

log = structlog.get_logger()

EVERY_S = 24 * 3600.0
FAILED_S = 3600.0
"""After a refusal that time may mend."""
PAGES_MAX = 80
"""Of a hundred each: Meta lets a business account have up to 6,000."""


class TemplateSync:
    """The work of the tenant jobs `template_sync`; their subject is an account."""

    def __init__(self, db: Database, adapters: Mapping[str, ChannelAdapter], credentials: Credentials) -> None:
        self._db = db
        self._adapters = adapters
        self._credentials = credentials

    async def __call__(self, job: Job) -> float | None:
        """Ask, and keep what there is; return in how many seconds to ask again, None for never (until it is connected anew)."""
        try:
            account = await self._db.run(job.scope, lambda s: accounts_repository.get_account(s, job.subject_id))
        except NotFoundError:
            return None
        adapter = self._adapters.get(account.kind)
        if account.business_account_id is None or not isinstance(adapter, Templating):
            return None
        try:
            credential = await self._credentials.of(job.scope, account.id)
        except AccountUnusableError:
            return None
        except CredentialWaitsError as waits:
            return waits.seconds
        began = await self._db.run(job.scope, repository.now)
        found = await self._listed(adapter, account.business_account_id, credential)
        if isinstance(found, Retry):
            log.info("templates_wait", account_id=str(account.id), reason=found.reason)
            await self._note(job.scope, account, found.reason)
            return max(found.after_s, 10.0)
        if isinstance(found, Failed):
            return await self._failed(job.scope, account, credential, found)
        kept = await self._db.run(job.scope, lambda s: repository.store(s, account, found, began))
        log.info("templates_synced", account_id=str(account.id), templates=kept)
        return EVERY_S

    async def _listed(
        self, adapter: Templating, business_account_id: str, credential: Credential
    ) -> list[ListedTemplate] | Retry | Failed:
        listed: list[ListedTemplate] = []
        after: str | None = None
        for _ in range(PAGES_MAX):
            page = await adapter.templates(business_account_id, credential, after)
            if not isinstance(page, TemplatePage):
                return page
            listed += page.templates
            if page.after is None or page.after == after:
                return listed
            after = page.after
        return Failed("too_many_templates")

    async def _failed(self, scope: TenantScope, account: Account, credential: Credential, failed: Failed) -> float | None:
        log.warning("templates_refused", account_id=str(account.id), reason=failed.reason)
        await self._note(scope, account, failed.reason)
        if not failed.account_broken:
            return FAILED_S
        follows = await self._credentials.refused(credential, failed.reason)
        if follows == "renew":
            return 1.0
        if follows == "other":
            await self._db.run(scope, lambda s: deliveries_repository.account_broken(s, account.id, failed.reason))
        return None

    async def _note(self, scope: TenantScope, account: Account, reason: str) -> None:
        await self._db.run(scope, lambda s: repository.note_failure(s, account.id, reason))
