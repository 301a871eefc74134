"""What a check of writing first sees, and what it says."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from konstruct.db.session import TenantSession


@dataclass(frozen=True, slots=True)
class Outreach:
    """A message with which the business writes first, about to be made or about to be sent."""

    account_id: UUID
    contact_id: UUID
    template: tuple[str, str]
    """Name and language."""
    stage: Literal["asked", "sending"]
    """asked: somebody wants to send it, and is told why not. sending: it goes out next, and what is counted is counted now."""
    delivery_id: UUID | None = None
    """None while it is asked."""


@dataclass(frozen=True, slots=True)
class Refused:
    """It may not be sent: `reason` is a word for the rows and logs (web/portal says it in a sentence)."""

    reason: str


@dataclass(frozen=True, slots=True)
class Waits:
    """It may be sent in `seconds`, not before."""

    seconds: float
    reason: str
    then: Callable[[TenantSession], Awaitable[float]] | None = None
    """What is noted about the wait once the beginning of the send is undone; returns the seconds that hold instead."""


Verdict = Refused | Waits | None
"""None: nothing against it."""
Check = Callable[[TenantSession, Outreach], Awaitable[Verdict]]
"""Looks at one thing, in the transaction in which the message is made or its send begins. What it writes stays only if that
transaction commits."""
