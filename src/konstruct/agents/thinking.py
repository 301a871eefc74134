"""Thinking: from a turn to its answer, over as many model calls as it takes. What is kept on the way is the caller's."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Protocol

import structlog

from konstruct.agents import fallbacks, tool_ledger
from konstruct.agents.ports import Knowledge, Passage, ShownAnswer
from konstruct.agents.prompt import assemble
from konstruct.agents.turn import Outcome, Step, Turn
from konstruct.db.scope import TenantScope
from konstruct.kit.counters import Counters
from konstruct.kit.text import storable
from konstruct.llm.port import CallRecord, Completion, LlmFailed
from konstruct.llm.router import Router

log = structlog.get_logger()

RECALLED_PASSAGES = 5
QUERY_CHARS = 2000
MAX_MODEL_STEPS = 8
"""A model that asks for tools more often than this goes round in circles."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a turn came to."""

    text: str
    outcome: Outcome
    reason: str | None = None
    bury: bool = False
    """Whether the turn becomes a dead letter as well."""


class Notes(Protocol):
    """Where a turn is written down while it is under way, before anything is made of what is written.

    `began` is the moment of the monotonic clock at which what is noted began.
    """

    async def recalled(self, query: str, passages: Sequence[Passage], began: float) -> None:
        """Take note of what the documents said."""

    async def answered(self, turn: Turn, step: Step, calls: Sequence[CallRecord], began: float) -> None:
        """Keep the model's answer, its cost, and the intent of each tool call in it."""

    async def refused(self, turn: Turn, step: Step, asked: Step, began: float) -> None:
        """Keep that the tool calls of `asked` were refused."""

    async def failed(self, turn: Turn, failed: LlmFailed) -> None:
        """Keep the attempts of a model call that came to nothing."""


class Thinker:
    """Asks the model over what the business's documents say. It keeps nothing between turns."""

    def __init__(
        self,
        router: Router,
        knowledge: Knowledge,
        counters: Counters,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._router = router
        self._knowledge = knowledge
        self._counters = counters
        self._now = now

    async def think(
        self, scope: TenantScope, turn: Turn, notes: Notes, deadline: float, shown: ShownAnswer | None = None
    ) -> Answer:
        """Ask the model, refuse the tools it asks for, ask again; from wherever the persisted steps end.

        `deadline` is a moment of the monotonic clock, for the model's calls. `shown` gets the text as it comes.
        """
        recalled: Sequence[Passage] | None = None
        on_text = None if shown is None else shown.piece
        while True:
            last = turn.steps[-1] if turn.steps else None
            if last is None or last.kind == "tools":
                if sum(step.kind == "tools" for step in turn.steps) > MAX_MODEL_STEPS:
                    return fallback(fallbacks.TOO_MANY_STEPS)
                # Not before it is needed: an answer that a crashed holder persisted goes out even past the deadline.
                recalled = await self._recall(scope, turn, notes) if recalled is None else recalled
                if shown is not None:
                    await shown.again()
                asked_at = time.monotonic()
                # A worker's own clock may be wrong, and the employee says what time it is.
                request = assemble(turn, scope, turn.opened_at or self._now(), recalled)
                try:
                    completion = await self._router.complete(request, deadline=deadline, on_text=on_text)
                except LlmFailed as failed:
                    await notes.failed(turn, failed)
                    log.warning("model_failed", kind=failed.last.kind, status=failed.last.status, calls=len(failed.calls))
                    return fallback(fallbacks.reason_of(failed.last.kind))
                self._counters.observe("model_latency_s", time.monotonic() - asked_at)
                turn = await _keep_answer(turn, notes, completion, asked_at)
            elif last.tool_calls:
                turn = await _refuse_tools(turn, notes, last)
            elif last.text.strip():
                return Answer(last.text, "answered")
            else:
                return fallback(fallbacks.EMPTY)

    async def _recall(self, scope: TenantScope, turn: Turn, notes: Notes) -> Sequence[Passage]:
        query = " ".join(line.text for line in turn.asked)[:QUERY_CHARS]
        if not query.strip():
            return ()
        began = time.monotonic()
        passages = await self._knowledge.passages(scope, query, RECALLED_PASSAGES)
        await notes.recalled(query, passages, began)
        return passages


def fallback(reason: str, *, bury: bool = False) -> Answer:
    """Return the one plain sentence for a reason, as an answer."""
    return Answer(fallbacks.sentence(reason), "fallback", reason, bury)


async def _keep_answer(turn: Turn, notes: Notes, completion: Completion, began: float) -> Turn:
    step = Step(len(turn.steps), "model", storable(completion.text), completion.tool_calls)
    await notes.answered(turn, step, completion.calls, began)
    return replace(turn, steps=(*turn.steps, step))


async def _refuse_tools(turn: Turn, notes: Notes, asked: Step) -> Turn:
    began = time.monotonic()
    step = Step(len(turn.steps), "tools", "", results=(tool_ledger.REFUSED,) * len(asked.tool_calls))
    await notes.refused(turn, step, asked, began)
    return replace(turn, steps=(*turn.steps, step))
