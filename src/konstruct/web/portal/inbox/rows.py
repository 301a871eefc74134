"""A thread's rows: each message in the words and tones that the page shows."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from konstruct.conversations.thread_repository import Message, TurnLine
from konstruct.web.portal.wording import money

FOLD_AT = 1500
"""Characters of a message that are shown before it is folded."""

_DELIVERY = {
    "sent": ("", "ok"),
    "pending": ("Sending…", "mute"),
    "held": ("Waits until they write again", "warn"),
    "unknown": ("Checking whether it arrived…", "warn"),
    "failed": ("Not delivered", "bad"),
    "partly": ("Only partly delivered", "bad"),
    "cancelled": ("Held back: a person had taken over", "mute"),
}
_WAITING = {"pending": "Waiting for an answer", "in_turn": "Being answered", "held": "Not addressed to the employee"}
_WHY = {
    "model_down": "the AI service could not be reached",
    "too_slow": "it took too long",
    "empty_answer": "the AI had no answer",
    "too_long": "the message was too long",
    "over_budget": "the month's budget is used up",
    "too_many_steps": "the AI went round in circles",
    "broken": "something went wrong",
}


@dataclass(frozen=True, slots=True)
class TurnRow:
    """A turn on one line, with the way to its timeline."""

    id: UUID
    text: str
    tone: str


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the thread."""

    seq: int
    side: str
    """in, out or event."""
    who: str
    employee: bool
    at: datetime
    text: str
    rest: str
    """What is folded away of a long text."""
    length: int
    files: tuple[str, ...]
    status: str
    tone: str
    turn: TurnRow | None
    rating: str
    """How people rate it; empty where nobody did."""
    rating_tone: str
    comments: tuple[str, ...]
    deleted: bool
    edited: bool
    version: str
    """Changes with whatever the row shows: a live page replaces only rows that differ."""


def row_of(message: Message, employee: str) -> Row:
    """Return the row of a message."""
    status, tone = _DELIVERY[message.delivery] if message.delivery else (_WAITING.get(message.state, ""), "mute")
    side = "event" if message.event else "in" if message.author == "contact" else "out"
    return Row(
        seq=message.seq,
        side=side,
        who=message.who or (employee if message.author == "ai" else "A colleague"),
        employee=message.author == "ai" and message.event is None,
        at=message.at,
        text=message.text[:FOLD_AT],
        rest=message.text[FOLD_AT:],
        length=len(message.text),
        files=message.files,
        status=status,
        tone=tone,
        turn=_turn_row(message.turn) if message.turn else None,
        rating=_rating(message.good, message.bad),
        rating_tone="warn" if message.bad else "ok",
        comments=message.comments,
        deleted=message.state == "withdrawn",
        edited=message.edited_at is not None and message.state != "withdrawn",
        version=hashlib.sha256(f"{message!r}{message.text}{message.comments}".encode("utf-8", "replace")).hexdigest()[:12],
    )


def _turn_row(turn: TurnLine) -> TurnRow:
    if turn.running:
        return TurnRow(turn.id, "Working on it…", "info")
    parts = [] if turn.ms is None else [f"{turn.ms / 1000:.1f} s"]
    parts.append(_count(turn.steps, "step"))
    if turn.tools:
        parts.append(_count(turn.tools, "tool call"))
    if turn.calls > 1:
        parts.append(_count(turn.calls, "model call"))
    if turn.calls:
        parts.append("price unknown" if turn.cost_micro is None else money(turn.cost_micro))
    if turn.outcome == "handed_over":
        return TurnRow(turn.id, " · ".join(["Stopped: a person took over", *parts]), "mute")
    if turn.outcome == "withdrawn":
        return TurnRow(turn.id, " · ".join(["No answer: what was asked was deleted", *parts]), "mute")
    if turn.outcome == "fallback":
        return TurnRow(turn.id, " · ".join([f"No answer: {_WHY.get(turn.reason or '', 'something went wrong')}", *parts]), "warn")
    return TurnRow(turn.id, " · ".join(["Answered", *parts]), "mute")


def _rating(good: int, bad: int) -> str:
    """Return in words how many people rate an answer as what."""
    words = [f"helpful to {good}"] if good else []
    return (
        " · ".join(["Rated", *words, *([f"not helpful to {bad}"] if bad else [])]).replace(" · ", " ", 1) if good or bad else ""
    )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
