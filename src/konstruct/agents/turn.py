"""What a turn is made of: the values that the repository loads and the loop works on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from konstruct.conversations.files import FileText, id_of, name_of
from konstruct.llm.port import ToolCall
from konstruct.tenants.employees_hours import WorkingHours

Outcome = Literal["answered", "fallback", "handed_over", "withdrawn"]
"""withdrawn: everything that was asked was deleted before it was answered; nothing is said."""


@dataclass(frozen=True, slots=True)
class Persona:
    """The employee as one version describes it."""

    agent_id: UUID
    version: int
    name: str
    business: str
    persona: str = field(repr=False)
    policy: str = field(repr=False)
    model: str | None
    context_limit_tokens: int
    reply_limit_tokens: int
    tone: str = "neutral"
    tone_note: str = field(default="", repr=False)
    languages: tuple[str, ...] = ()
    hours: WorkingHours | None = None
    outside_hours: str = field(default="", repr=False)
    must_not: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Line:
    """One message of the conversation, as the prompt shows it."""

    seq: int
    author: Literal["contact", "ai", "human"]
    name: str | None = field(repr=False)
    external_author: str | None
    text: str = field(repr=False)
    attachments: tuple[Mapping[str, Any], ...] = field(repr=False)
    """The files that came with it, as ingest stored them."""
    thread_id: str | None
    sent_at: datetime
    context: tuple[str, ...] = ()
    """What the person was looking at: "channel C1", the provider's ids only."""
    id: UUID | None = None
    """None for one that stands in no row."""
    read: tuple[FileText, ...] = ()
    """What its files say, as far as they were read."""
    external_id: str | None = None
    """The provider's id of it."""

    @property
    def files(self) -> list[tuple[str, FileText | None]]:
        """Each file that came with it by name, with what it says; None for one that was not opened."""
        read = {each.file_id: each for each in self.read}
        return [(name_of(file), read.get(id_of(file) or "")) for file in self.attachments]


@dataclass(frozen=True, slots=True)
class Step:
    """What a turn has done already: a model's answer, or what came of its tool calls."""

    position: int
    kind: Literal["model", "tools"]
    text: str = field(repr=False)
    tool_calls: tuple[ToolCall, ...] = ()
    results: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Turn:
    """A turn under way."""

    id: UUID
    conversation_id: UUID
    account_id: UUID
    channel_kind: str
    channel_id: str
    several_people: bool
    owner_epoch: int
    attempts: int
    remaining_s: float
    """Seconds to its deadline when it was opened, by the database's clock; may be negative."""
    persona: Persona
    history: tuple[Line, ...]
    """What was said before, oldest first."""
    asked: tuple[Line, ...]
    """The messages this turn answers, in the provider's time."""
    steps: tuple[Step, ...]
    elapsed_s: float = 0.0
    """Seconds since it was started, when this claim opened it, by the database's clock."""
    opened_at: datetime | None = None
    """When this claim opened it, by the database's clock; None for a turn that stands in no row."""

    business_only: bool = False
    """Whether it is answered where the employee talks about the business alone."""
    revision: int = 0
    """Grows when a message that the turn has seen is deleted: what was thought before is void."""

    @property
    def thread_id(self) -> str | None:
        """Where the answer goes: the thread of the last message asked."""
        return self.asked[-1].thread_id if self.asked else None

    @property
    def participants(self) -> frozenset[str]:
        """External ids of the people in it."""
        return frozenset(line.external_author for line in (*self.history, *self.asked) if line.external_author)

    @property
    def opens_thread(self) -> str | None:
        """The question with which the answer's thread began, if nothing was said in it before this turn; None otherwise."""
        if self.thread_id is None or any(line.thread_id == self.thread_id for line in self.history):
            return None
        return next(line.text for line in self.asked if line.thread_id == self.thread_id)
