"""The timeline of a turn: what happened when, what it took and what it cost, from the rows that the turn left."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import Any, Literal, get_args
from uuid import UUID

import orjson

from konstruct.agents import timeline_repository as repository
from konstruct.agents.timeline_reasons import Why, remark, why_fallback, why_not_sent
from konstruct.db.session import Record, TenantSession
from konstruct.kit.errors import NotFoundError

Kind = Literal["waiting", "file", "recall", "model", "tool", "delivery"]
_ORDER: tuple[Kind, ...] = get_args(Kind)
Tone = Literal["ok", "warn", "bad", "mute"]


@dataclass(frozen=True, slots=True)
class Span:
    """One attempt within an event, in milliseconds after the first message came."""

    started_ms: int
    duration_ms: int
    tone: Tone


@dataclass(frozen=True, slots=True)
class Tokens:
    """What the provider counted; None where it did not say."""

    input: int | None
    cached: int | None
    output: int | None


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened. `key` names it within its turn."""

    key: str
    kind: Kind
    label: str
    started_ms: int
    duration_ms: int
    tone: Tone = "ok"
    note: str = ""
    tokens: Tokens | None = None
    cost_micro: int | None = None
    """Millionths of a US dollar, of those attempts whose cost is known."""
    unknown_cost_calls: int = 0
    first_token_ms: int | None = None
    attempts: int = 1
    spans: tuple[Span, ...] = ()
    detail: Any = field(default=None, repr=False)
    """The rows it was made from, as they are stored."""


@dataclass(frozen=True, slots=True)
class Timeline:
    """A turn from the first message it answers to the last sign of its answer."""

    turn_id: UUID
    conversation_id: UUID
    channel_kind: str
    employee: str
    persona_version: int
    state: str
    outcome: str | None
    why: Why | None
    """Set for a fallback."""
    remark: str | None
    """What there is to say of any other end."""
    attempts: int
    asked: Sequence[tuple[str | None, str]] = field(repr=False)
    """(name, text) of each message it answers."""
    answer: str | None = field(repr=False)
    started_at: datetime
    total_ms: int
    events: Sequence[Event]
    letters: Sequence[dict[str, Any]]
    """Its dead letters."""
    raw: dict[str, Any] = field(repr=False)

    @property
    def cost_micro(self) -> int | None:
        """What the turn cost; None if none of its calls has a known cost."""
        known = [event.cost_micro for event in self.events if event.cost_micro is not None]
        return sum(known) if known or not self.unknown_cost_calls else None

    @property
    def unknown_cost_calls(self) -> int:
        """Calls of which nobody knows the cost."""
        return sum(event.unknown_cost_calls for event in self.events)

    @property
    def tokens(self) -> int:
        """Tokens read and written, as far as the provider said."""
        return sum((event.tokens.input or 0) + (event.tokens.output or 0) for event in self.events if event.tokens)

    def event(self, key: str) -> Event:
        """Return the event of that key. Raises NotFoundError."""
        for event in self.events:
            if event.key == key:
                return event
        raise NotFoundError(f"turn {self.turn_id} has no event of that name")


async def read(session: TenantSession, turn_id: UUID) -> Timeline:
    """Return the timeline of a turn in four queries. Raises NotFoundError, also for another tenant's turn."""
    turn = await repository.find_turn(session, turn_id)
    if turn is None:
        raise NotFoundError("this business has no such turn")
    steps = await repository.steps(session, turn_id)
    calls = await repository.calls(session, turn_id)
    deliveries = await repository.deliveries(session, turn_id)
    return build(turn, steps, calls, deliveries)


def build(turn: Record, steps: Sequence[Record], calls: Sequence[Record], deliveries: Sequence[Record]) -> Timeline:
    """Return the timeline of a turn from its rows."""
    clock = _Clock(turn)
    asked = _loads(turn["asked"]) or []
    events = [
        *_waiting(turn, clock, asked),
        *_files(turn, clock, asked),
        *_recalls(turn, clock),
        *_models(steps, calls, clock),
        *_tools(steps, clock),
        *_deliveries(deliveries, clock),
    ]
    events.sort(key=lambda event: (event.started_ms, _ORDER.index(event.kind)))
    failure = _loads(turn["failure"]) or {}
    fallback = turn["outcome"] == "fallback"
    ended = clock.at(turn["finished_at"] or turn["read_at"])
    return Timeline(
        turn_id=turn["id"],
        conversation_id=turn["conversation_id"],
        channel_kind=turn["channel_kind"],
        employee=turn["employee"],
        persona_version=turn["persona_version"],
        state=turn["state"],
        outcome=turn["outcome"],
        why=why_fallback(turn["reason"], failure.get("kind")) if fallback else None,
        remark=None if fallback else remark(turn["reason"]),
        attempts=turn["attempts"],
        asked=[(message["name"], "(deleted)" if message["deleted_at"] else message["text"]) for message in asked],
        answer=turn["answer"],
        started_at=clock.origin,
        total_ms=max([ended, *(event.started_ms + event.duration_ms for event in events)]),
        events=events,
        letters=_loads(turn["letters"]) or [],
        raw=_loads(turn["raw"]),
    )


class _Clock:
    """Turns the moments of rows into milliseconds after the first message came."""

    def __init__(self, turn: Record) -> None:
        self.origin: datetime = min(turn["asked_at"] or turn["started_at"], turn["started_at"])
        self.turn_ms = self.at(turn["started_at"])
        self.now: datetime = turn["read_at"]

    def at(self, moment: datetime) -> int:
        return max(0, round((moment - self.origin).total_seconds() * 1000))

    def within(self, turn_ms: int) -> int:
        return self.turn_ms + turn_ms


def _waiting(turn: Record, clock: _Clock, asked: list[Any]) -> Iterable[Event]:
    if asked:
        note = "one message" if len(asked) == 1 else f"{len(asked)} messages, answered together"
        yield Event("waiting", "waiting", "Waiting for its turn", 0, clock.turn_ms, "mute", note, detail={"messages": asked})


def _files(turn: Record, clock: _Clock, asked: list[Any]) -> Iterable[Event]:
    names = {file.get("id"): file.get("name") for message in asked for file in message["attachments"]}
    for number, file in enumerate(_loads(turn["files"]) or ()):
        read = file["reason"] is None
        note = f"{file['chars']:,} characters" + (f", and {file['left_out']:,} left out" if file["left_out"] else "")
        yield Event(
            f"file-{number}", "file", f"Reading {names.get(file['file_id']) or 'a file'}", clock.within(file["read_ms"]), 0,
            "ok" if read else "warn", note if read else file["reason"], detail=file,
        )  # fmt: skip


def _recalls(turn: Record, clock: _Clock) -> Iterable[Event]:
    for number, recall in enumerate(_loads(turn["recalls"])):
        titles = list(dict.fromkeys(passage["title"] for passage in recall["passages"]))
        note = f"{len(recall['passages'])} passages from {_names(titles)}" if titles else "nothing in the documents matches"
        took = recall["ended_ms"] - recall["started_ms"]
        yield Event(
            f"recall-{number}", "recall", "Looking in the documents", clock.within(recall["started_ms"]), took,
            "ok" if titles else "mute", note, detail=recall,
        )  # fmt: skip


def _models(steps: Sequence[Record], calls: Sequence[Record], clock: _Clock) -> Iterable[Event]:
    kept = {step["position"]: step for step in steps}
    for position, group in groupby(calls, key=lambda call: call["step"]):
        attempts = list(group)
        spans = tuple(_call_span(call, clock) for call in attempts)
        started = min(span.started_ms for span in spans)
        last = attempts[-1]
        step = kept.get(position)
        costs = [call["cost_micro"] for call in attempts if call["cost_micro"] is not None]
        yield Event(
            key=f"model-{position}",
            kind="model",
            label=f"Asking {last['model']}",
            started_ms=started,
            duration_ms=max(span.started_ms + span.duration_ms for span in spans) - started,
            tone="bad" if last["outcome"] != "ok" else "warn" if len(attempts) > 1 else "ok",
            note=_model_note(attempts),
            tokens=Tokens(*(_known_sum(call[f"{name}_tokens"] for call in attempts) for name in ("input", "cached", "output"))),
            cost_micro=sum(costs) if costs else None,
            unknown_cost_calls=len(attempts) - len(costs),
            first_token_ms=last["first_token_ms"],
            attempts=len(attempts),
            spans=spans,
            detail={"calls": [_loads(call["raw"]) for call in attempts], "step": _loads(step["raw"]) if step else None},
        )


def _call_span(call: Record, clock: _Clock) -> Span:
    # A row from before the column was there: it was written when its call had ended.
    started = call["started_ms"]
    at = clock.within(started) if started is not None else max(0, clock.at(call["created_at"]) - call["latency_ms"])
    return Span(at, call["latency_ms"], "ok" if call["outcome"] == "ok" else "bad")


def _model_note(attempts: Sequence[Record]) -> str:
    failed = [call["outcome"].replace("_", " ") for call in attempts if call["outcome"] != "ok"]
    if not failed:
        return ""
    if attempts[-1]["outcome"] == "ok":
        return f"answered at attempt {len(attempts)}; before that: {_names(list(dict.fromkeys(failed)))}"
    return f"no answer: {_names(list(dict.fromkeys(failed)))}"


def _tools(steps: Sequence[Record], clock: _Clock) -> Iterable[Event]:
    following = {step["position"]: step for step in steps if step["kind"] == "tools"}
    for step in steps:
        done = following.get(step["position"] + 1)
        for call in _loads(step["calls"]) or ():
            started = (
                clock.within(done["started_ms"]) if done and done["started_ms"] is not None else clock.at(step["created_at"])
            )
            ended = clock.within(done["ended_ms"]) if done and done["ended_ms"] is not None else started
            tone: Tone = {"done": "ok", "failed": "bad", "unknown": "bad", "refused": "warn"}.get(call["state"], "mute")  # type: ignore[assignment]
            note = call["state"] + (f": {call['reason']}" if call["reason"] else "")
            key = f"tool-{step['position']}-{call['call_index']}"
            yield Event(key, "tool", call["name"] or "unnamed tool", started, max(0, ended - started), tone, note, detail=call)


_STATES: dict[str, tuple[Tone, str]] = {
    "pending": ("mute", "waits to be sent"),
    "sending": ("mute", "is being sent"),
    "unknown": ("warn", "may have been shown; being looked up"),
    "sent": ("ok", "shown"),
    "failed": ("bad", "not shown"),
    "cancelled": ("warn", "not sent"),
}


def _deliveries(rows: Sequence[Record], clock: _Clock) -> Iterable[Event]:
    for delivery_id, group in groupby(rows, key=lambda row: row["id"]):
        tries = list(group)
        row = tries[0]
        spans = tuple(_try_span(each, clock) for each in tries if each["try"] is not None)
        started = clock.at(row["created_at"])
        ended = [span.started_ms + span.duration_ms for span in spans] or [started]
        if row["state"] in ("pending", "sending", "unknown"):
            ended.append(clock.at(clock.now))
        tone, note = _STATES[row["state"]]
        note += f": {why_not_sent(row['reason'])}" if row["reason"] and row["state"] != "sent" else ""
        yield Event(
            key=f"delivery-{delivery_id}",
            kind="delivery",
            label="Sending the answer" if row["part"] == 0 else f"Sending part {row['part'] + 1}",
            started_ms=started,
            duration_ms=max(0, max(ended) - started),
            tone="warn" if tone == "ok" and row["attempt"] > 1 else tone,
            note=note,
            attempts=row["attempt"],
            spans=spans,
            detail={"delivery": _loads(row["raw"]), "attempts": [_try(each) for each in tries if each["try"] is not None]},
        )


def _try_span(row: Record, clock: _Clock) -> Span:
    started = clock.at(row["try_started_at"])
    ended = clock.at(row["try_ended_at"] or clock.now)
    tone: Tone = "ok" if row["try_outcome"] == "sent" else "mute" if row["try_outcome"] is None else "bad"
    return Span(started, max(0, ended - started), tone)


def _try(row: Record) -> dict[str, Any]:
    return {name: row[f"try_{name}"] for name in ("started_at", "ended_at", "outcome", "reason")} | {"attempt": row["try"]}


def _known_sum(values: Iterable[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _names(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _loads(value: str | None) -> Any:
    return None if value is None else orjson.loads(value)
