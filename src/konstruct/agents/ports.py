"""What the turn loop needs of the outside; the process that runs it hands it in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from konstruct.conversations.answer_place import AnswerPlace
from konstruct.conversations.files import FileAbsent, FileContent
from konstruct.conversations.part import Button, Part
from konstruct.db.scope import TenantScope
from konstruct.db.session import TenantSession


class Passage(Protocol):
    """A piece of one of the business's documents."""

    @property
    def title(self) -> str:
        """The document's title."""

    @property
    def text(self) -> str:
        """What it says."""

    @property
    def recorded_at(self) -> datetime:
        """When it was stored: what is old may be stale."""


class Knowledge(Protocol):
    """The business's own documents, read through its scope only."""

    async def passages(self, scope: TenantScope, query: str, limit: int) -> Sequence[Passage]:
        """Return up to `limit` passages that share words with `query`, best first."""


class MediaSource(Protocol):
    """The channel's files, as far as a turn may have them."""

    async def obtain(
        self, scope: TenantScope, account_id: UUID, file: Mapping[str, Any], *, limit_bytes: int, timeout_s: float
    ) -> FileContent | FileAbsent:
        """Return a file that a message brought, or why it cannot be had. Never raises for a provider's answer."""


class ShownAnswer(Protocol):
    """A turn's answer, as far as people see it before it is whole."""

    unsaid: bool
    """To be set if the turn ends without an answer."""

    async def piece(self, text: str) -> None:
        """Take what the model has just said. Returns at once."""

    async def again(self) -> None:
        """The model is about to begin another text, which replaces what it said."""

    async def rest(self) -> None:
        """The answer is whole: nothing more of it is shown before its delivery is."""

    async def settle(self, session: TenantSession, first: Part) -> UUID | None:
        """In the turn's last transaction: return the id for the delivery of the first part, None where any will do."""


class ChannelSurface(Protocol):
    """The channel, as far as a turn may see it: how a text will look, and what people see while a turn is under way."""

    def render(
        self,
        kind: str,
        channel_id: str,
        thread_id: str | None,
        participants: frozenset[str],
        text: str,
        buttons: Sequence[Button] = (),
    ) -> list[Part]:
        """Return the parts in which `text` will be shown, `buttons` below; empty for a text without anything to show."""

    def business_only(self, kind: str) -> bool:
        """Return whether the channel's provider wants the employee to talk about the business alone."""

    def answering(self, place: AnswerPlace) -> AbstractAsyncContextManager[ShownAnswer]:
        """Show that somebody is at work, and the answer while it grows, for as long as the block lasts."""
