"""Turns made by hand, for the pure parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal
from uuid import UUID

from konstruct.agents.prompt import assemble
from konstruct.agents.turn import Line, Persona, Step, Turn
from konstruct.db.scope import TenantScope
from konstruct.llm.port import ChatRequest
from konstruct.memory import window

START = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
SCOPE = TenantScope(UUID(int=1))


def persona(
    text: str = "You are brief.", *, policy: str = "", version: int = 1, context: int = 16_000, reply: int = 1024
) -> Persona:
    """The employee Ada."""
    return Persona(UUID(int=2), version, "Ada", "Alpha Bikes", text, policy, None, context, reply)


def line(
    seq: int,
    text: str,
    author: Literal["contact", "ai", "human"] = "contact",
    *,
    name: str | None = None,
    user: str | None = "U1",
    files: tuple[str, ...] = (),
) -> Line:
    """One message, a minute after the one before it."""
    external = user if author == "contact" else None
    return Line(seq, author, name, external, text, tuple({"name": file} for file in files), "1.1", START + timedelta(minutes=seq))


def turn(
    history: Sequence[Line] = (),
    asked: Sequence[Line] | None = None,
    *,
    who: Persona | None = None,
    several: bool = False,
    steps: tuple[Step, ...] = (),
    channel: str = "D1",
    number: int = 3,
) -> Turn:
    """A turn with `history`, which answers `asked`."""
    last = history[-1].seq if history else 0
    return Turn(
        id=UUID(int=number),
        conversation_id=UUID(int=4),
        account_id=UUID(int=5),
        channel_kind="slack",
        channel_id=channel,
        several_people=several,
        owner_epoch=0,
        attempts=1,
        remaining_s=60.0,
        persona=who or persona(),
        history=tuple(history),
        asked=tuple([line(last + 1, "when do you open?")] if asked is None else asked),
        steps=steps,
    )


@dataclass(frozen=True)
class Found:
    """A passage of a document."""

    title: str
    text: str
    recorded_at: datetime = START


def contents(request: ChatRequest) -> list[str]:
    """The texts of a prompt."""
    return [message.content for message in request.messages]


def prompt(of: Turn, now: datetime = START, recalled: Sequence[Found] = ()) -> list[str]:
    """The texts of the prompt of a turn."""
    return contents(assemble(of, SCOPE, now, recalled))


def size(request: ChatRequest) -> int:
    """What a prompt and its answer take, in tokens."""
    return sum(window.tokens(text) for text in contents(request)) + request.max_output_tokens
