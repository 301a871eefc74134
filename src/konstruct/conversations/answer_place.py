"""Where and for whom a turn's answer will be shown, and by which claim."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from konstruct.jobs.queue import Claim


@dataclass(frozen=True, slots=True)
class AnswerPlace:
    """Made from the turn by its loop."""

    claim: Claim
    turn_id: UUID
    account_id: UUID
    channel_kind: str
    channel_id: str
    thread_id: str | None
    participants: frozenset[str] = field(repr=False)
    owner_epoch: int
    """Under whose ownership the turn began: it shows nothing under another."""
    reader_id: str | None
    """The external id of the person who asked last."""
    asked_at: datetime
    """The provider's time of the last message asked: the answer is younger."""
    resumed: bool
    """Whether an earlier claim may have shown something of it."""
    heard_id: str | None = None
    """The provider's id of the last message asked."""
    opens_thread: str | None = field(default=None, repr=False)
    """The question with which a person opened the thread, where it did and may have a title."""
