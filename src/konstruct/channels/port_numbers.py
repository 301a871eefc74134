"""What a provider tells of a number only to who asks: how it thinks of it, and how many people it lets it write to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from konstruct.channels.port import Credential, Failed, Retry, Unknown


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberSeen:
    """A number as its provider describes it. Words are the provider's own: one that nobody knows yet is data, no error."""

    quality: str | None = None
    """GREEN, YELLOW, RED, UNKNOWN, ..."""
    status: str | None = None
    """CONNECTED, FLAGGED, RESTRICTED, RATE_LIMITED, BANNED, ..."""
    name_status: str | None = None
    verified_name: str | None = field(default=None, repr=False)
    display_number: str | None = field(default=None, repr=False)
    verification: str | None = None
    """Whether the number itself was proved by a code."""
    health: str | None = None
    """Whether messages can be sent at all, over everything that takes part: AVAILABLE, LIMITED, BLOCKED."""
    throughput: str | None = None
    daily_limit: int | None = None
    """People that may be written to first in any 24 hours, over the whole portfolio; -1: without a limit. None: not said."""


PollOutcome = NumberSeen | Retry | Unknown | Failed


@runtime_checkable
class Polling(Protocol):
    """A channel whose provider tells how it thinks of a number only to who asks."""

    async def poll(self, credential: Credential, timeout_s: float) -> PollOutcome:
        """Ask once how the number is. Never raises for a provider's answer."""
