"""What the turn loop needs of the outside; the process that runs it hands it in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from konstruct.conversations.files import FileAbsent, FileContent
from konstruct.conversations.part import Part
from konstruct.db.scope import TenantScope


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

    async def fetch(
        self, scope: TenantScope, account_id: UUID, file: Mapping[str, Any], *, limit_bytes: int, timeout_s: float
    ) -> FileContent | FileAbsent:
        """Return a file that a message brought, or why it cannot be had. Never raises for a provider's answer."""


class ChannelSurface(Protocol):
    """The channel, as far as a turn may see it: how a text will look, and a sign that somebody is at work."""

    def render(self, kind: str, channel_id: str, thread_id: str | None, participants: frozenset[str], text: str) -> list[Part]:
        """Return the parts in which `text` will be shown; empty for a text without anything to show."""

    def working(
        self, scope: TenantScope, account_id: UUID, channel_id: str, thread_id: str | None
    ) -> AbstractAsyncContextManager[None]:
        """Show that the employee is at work for as long as the block lasts. Never raises."""
