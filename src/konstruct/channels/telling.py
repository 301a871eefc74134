"""Showing something outside the outbox, through whatever the account's channel can do. What it cannot do is left out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

import structlog

from konstruct.channels import accounts_repository
from konstruct.channels.credentials import Credentials
from konstruct.channels.port import ChannelAdapter, Credential
from konstruct.channels.port_abilities import Dialog, Dialogs, Home, Homes, PrivateNote, Redraws, RepliesPrivately, Told
from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.kit.errors import KonstructError

log = structlog.get_logger()


class NotShownYetError(KonstructError):
    """The provider asks to wait, or could not be reached: the event is to be handled once more."""


@dataclass(frozen=True, slots=True)
class _Line:
    adapter: ChannelAdapter
    credential: Credential


class Telling:
    """Implements what handlers of channel events show. Keeps nothing between calls."""

    def __init__(self, db: Database, adapters: Mapping[str, ChannelAdapter], credentials: Credentials) -> None:
        self._db = db
        self._adapters = adapters
        self._credentials = credentials

    async def privately(self, scope: TenantScope, account_id: UUID, note: PrivateNote) -> None:
        """Tell one person something. Raises NotShownYetError."""
        line = await self._line(scope, account_id)
        if line is not None and isinstance(line.adapter, RepliesPrivately):
            _note("told_privately", await line.adapter.reply_privately(note, line.credential))

    async def dialog(self, scope: TenantScope, account_id: UUID, dialog: Dialog, trigger: str) -> bool:
        """Open a dialog; False if it is not open: its ticket holds for seconds, so it is not tried again."""
        line = await self._line(scope, account_id)
        if line is None or not isinstance(line.adapter, Dialogs):
            return False
        return await line.adapter.open_dialog(dialog, trigger, line.credential) == "shown"

    async def home(self, scope: TenantScope, account_id: UUID, home: Home, person_id: str) -> None:
        """Show a person the employee's page. Raises NotShownYetError."""
        line = await self._line(scope, account_id)
        if line is not None and isinstance(line.adapter, Homes):
            _note("home_shown", await line.adapter.show_home(home, person_id, line.credential))

    async def redraw(self, scope: TenantScope, account_id: UUID, channel_id: str, external_id: str, text: str) -> None:
        """Let a message of ours say something else. Raises NotShownYetError."""
        line = await self._line(scope, account_id)
        if line is not None and isinstance(line.adapter, Redraws):
            _note("redrawn", await line.adapter.redraw(channel_id, external_id, text, line.credential))

    async def tell(self, scope: TenantScope, account_id: UUID, channel_id: str, person_id: str, text: str) -> None:
        """Tell one person something in a channel, if that can be done now: never raises NotShownYetError."""
        try:
            await self.privately(scope, account_id, PrivateNote(person_id, text, channel_id=channel_id))
        except NotShownYetError:
            log.info("not_told", account_id=str(account_id))

    async def _line(self, scope: TenantScope, account_id: UUID) -> _Line | None:
        account = await self._db.run(scope, lambda s: accounts_repository.get_account(s, account_id))
        if account.secret_id is None:
            return None
        credential = await self._credentials.open(scope, account_id, account.external_id, account.secret_id)
        return _Line(self._adapters[account.kind], credential)


def _note(what: str, told: Told) -> None:
    if told == "later":
        raise NotShownYetError(f"{what}: the provider asks to wait")
    if told == "refused":
        log.info("channel_refused", what=what)
