"""Showing something outside the outbox, through whatever the account's channel can do. What it cannot do is left out."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

import structlog

from konstruct.channels import accounts_repository
from konstruct.channels.credentials import AccountUnusableError, Credentials, CredentialWaitsError
from konstruct.channels.limits import SendLimits
from konstruct.channels.port import ChannelAdapter, Credential
from konstruct.channels.port_abilities import Dialog, Dialogs, Home, Homes, PrivateNote, Redraws, RepliesPrivately, Told
from konstruct.channels.rates import DIALOG, PAGE, PRIVATE, REDRAW
from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.kit.errors import KonstructError

log = structlog.get_logger()


SHORT_WAIT_S = 2.0
"""A wait up to this is slept through; after a longer one the event is handled once more."""


class NotShownYetError(KonstructError):
    """The provider asks to wait, or could not be reached: the event is to be handled once more."""


@dataclass(frozen=True, slots=True)
class _Line:
    adapter: ChannelAdapter
    credential: Credential


class Telling:
    """Implements what handlers of channel events show. Keeps nothing between calls."""

    def __init__(
        self, db: Database, adapters: Mapping[str, ChannelAdapter], credentials: Credentials, limits: SendLimits
    ) -> None:
        self._db = db
        self._adapters = adapters
        self._credentials = credentials
        self._limits = limits

    async def privately(self, scope: TenantScope, account_id: UUID, note: PrivateNote) -> None:
        """Tell one person something. Raises NotShownYetError."""
        line = await self._line(scope, account_id)
        if line is None or not isinstance(line.adapter, RepliesPrivately):
            return
        if note.reply_url is None:
            await self._respect_limits(scope, account_id, PRIVATE)
        await self._note(line.credential, PRIVATE, await line.adapter.reply_privately(note, line.credential))

    async def dialog(self, scope: TenantScope, account_id: UUID, dialog: Dialog, trigger: str) -> bool:
        """Open a dialog; False if it is not open: its ticket holds for seconds, so it is not tried again."""
        line = await self._line(scope, account_id)
        if line is None or not isinstance(line.adapter, Dialogs) or await self._limits.take(scope, account_id, DIALOG) > 0:
            return False
        told = await line.adapter.open_dialog(dialog, trigger, line.credential)
        await self._pause(scope, account_id, DIALOG, told)
        return told.state == "shown"

    async def home(self, scope: TenantScope, account_id: UUID, home: Home, person_id: str) -> None:
        """Show a person the employee's page. Raises NotShownYetError."""
        line = await self._line(scope, account_id)
        if line is not None and isinstance(line.adapter, Homes):
            await self._respect_limits(scope, account_id, PAGE)
            await self._note(line.credential, PAGE, await line.adapter.show_home(home, person_id, line.credential))

    async def redraw(self, scope: TenantScope, account_id: UUID, channel_id: str, external_id: str, text: str) -> None:
        """Let a message of ours say something else. Raises NotShownYetError."""
        line = await self._line(scope, account_id)
        if line is not None and isinstance(line.adapter, Redraws):
            await self._respect_limits(scope, account_id, REDRAW)
            told = await line.adapter.redraw(channel_id, external_id, text, line.credential)
            await self._note(line.credential, REDRAW, told)

    async def tell(self, scope: TenantScope, account_id: UUID, channel_id: str, person_id: str, text: str) -> None:
        """Tell one person something in a channel, if that can be done now: never raises NotShownYetError."""
        try:
            await self.privately(scope, account_id, PrivateNote(person_id, text, channel_id=channel_id))
        except NotShownYetError:
            log.info("not_told", account_id=str(account_id))

    async def _line(self, scope: TenantScope, account_id: UUID) -> _Line | None:
        account = await self._db.run(scope, lambda s: accounts_repository.get_account(s, account_id))
        try:
            credential = await self._credentials.of(scope, account_id)
        except AccountUnusableError:
            return None
        except CredentialWaitsError:
            raise NotShownYetError("the token is being renewed") from None
        return _Line(self._adapters[account.kind], credential)

    async def _respect_limits(self, scope: TenantScope, account_id: UUID, method: str) -> None:
        while (wait_s := await self._limits.take(scope, account_id, method)) > 0:
            if wait_s > SHORT_WAIT_S:
                raise NotShownYetError(f"{method}: its rate is used up")
            await asyncio.sleep(wait_s)

    async def _note(self, credential: Credential, method: str, told: Told) -> None:
        await self._pause(credential.scope, credential.account_id, method, told)
        if told.state == "later":
            raise NotShownYetError(f"{method}: {told.code}")
        if told.state == "refused":
            log.info("channel_refused", what=method, code=told.code)
            if await self._credentials.refused(credential, told.code) == "renew":
                raise NotShownYetError(f"{method}: the token has to be renewed")

    async def _pause(self, scope: TenantScope, account_id: UUID, method: str, told: Told) -> None:
        if told.after_s > 0:
            await self._limits.pause(scope, account_id, told.after_s, method=method)
