"""Files that people send along: fetched from the channel with the account's token, outside any transaction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import structlog

from konstruct.channels import accounts_repository
from konstruct.channels.credentials import AccountUnusableError, Credentials
from konstruct.channels.port import ChannelAdapter
from konstruct.channels.port_abilities import FetchesMedia
from konstruct.conversations.files import FileAbsent, FileContent
from konstruct.db.database import Database
from konstruct.db.scope import TenantScope

log = structlog.get_logger()

NOT_NOW = FileAbsent("could not be fetched just now", later=True)


class Media:
    """Implements the turn loop's `MediaSource` over the adapters. Keeps nothing."""

    def __init__(self, db: Database, adapters: Mapping[str, ChannelAdapter], credentials: Credentials) -> None:
        self._db = db
        self._adapters = adapters
        self._credentials = credentials

    async def fetch(
        self, scope: TenantScope, account_id: UUID, file: Mapping[str, Any], *, limit_bytes: int, timeout_s: float
    ) -> FileContent | FileAbsent:
        """Return the file that a message brought, or why it cannot be had. Never raises for a provider's answer."""
        account = await self._db.run(scope, lambda s: accounts_repository.get_account(s, account_id))
        adapter = self._adapters.get(account.kind)
        if not isinstance(adapter, FetchesMedia):
            return FileAbsent("cannot be opened in this channel")
        try:
            credential = await self._credentials.of(scope, account_id)
        except AccountUnusableError:
            return NOT_NOW
        found = await adapter.fetch_media(file, credential, limit_bytes=limit_bytes, timeout_s=timeout_s)
        if isinstance(found, FileAbsent):
            log.info("media_not_fetched", tenant_id=str(scope.tenant_id), account_id=str(account_id), later=found.later)
        return found
