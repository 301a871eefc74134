"""The channel as a turn sees it: rendering, and the sign that the employee is at work."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from uuid import UUID

import structlog

from konstruct.channels import accounts_repository
from konstruct.channels.credentials import Credentials
from konstruct.channels.port import ChannelAdapter, Target
from konstruct.conversations.part import Button, Part, in_words, with_buttons
from konstruct.db.database import Database
from konstruct.db.scope import TenantScope

log = structlog.get_logger()

SHOW_AFTER_S = 0.4
"""A quick answer needs no sign, and a sign that arrives after the answer would stay."""
RENEW_S = 90.0
"""Slack clears a status after 2 minutes."""


class Surface:
    """Implements the turn loop's `ChannelSurface` over the adapters."""

    def __init__(self, db: Database, adapters: Mapping[str, ChannelAdapter], credentials: Credentials) -> None:
        self._db = db
        self._adapters = adapters
        self._credentials = credentials

    def render(
        self,
        kind: str,
        channel_id: str,
        thread_id: str | None,
        participants: frozenset[str],
        text: str,
        buttons: Sequence[Button] = (),
    ) -> list[Part]:
        """Return the parts in which `text` will be shown; empty for a text without anything to show.

        `buttons` stand below it; where the channel has none, or not so many, they stand in it as a numbered list.
        """
        adapter, target = self._adapters[kind], Target(channel_id, thread_id, participants)
        if len(buttons) > adapter.caps.buttons_max:
            return adapter.render(in_words(text, buttons), target)
        return with_buttons(adapter.render(text, target), buttons)

    @asynccontextmanager
    async def working(self, scope: TenantScope, account_id: UUID, channel_id: str, thread_id: str | None) -> AsyncIterator[None]:
        """Show that the employee is at work for as long as the block lasts. Never raises, never delays.

        Nothing is cleared at the end: the answer, or the fallback, clears the sign when it is shown.
        """
        task = asyncio.create_task(self._show(scope, account_id, Target(channel_id, thread_id)))
        try:
            yield
        finally:
            task.cancel()

    async def _show(self, scope: TenantScope, account_id: UUID, target: Target) -> None:
        await asyncio.sleep(SHOW_AFTER_S)
        try:
            account = await self._db.run(scope, lambda s: accounts_repository.get_account(s, account_id))
            while True:
                # Opened each time: a long turn may outlive a token.
                credential = await self._credentials.of(scope, account_id)
                code = await self._adapters[account.kind].working(target, credential, True)
                if code is not None and await self._credentials.refused(credential, code) == "broken":
                    return
                await asyncio.sleep(RENEW_S)
        except Exception as error:
            log.debug("working_not_shown", error=type(error).__name__)
