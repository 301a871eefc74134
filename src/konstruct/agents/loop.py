"""The turn loop: from a claimed conversation to an answer in the outbox.

Between two transactions nothing is held but memory; a crash at any point leaves rows from which the next claim goes on.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import structlog

from konstruct.agents import fallbacks, tool_ledger, turns_repository
from konstruct.agents.ports import ChannelSurface, Knowledge, Passage
from konstruct.agents.prompt import assemble
from konstruct.agents.timeline_trace import Trace
from konstruct.agents.turn import Outcome, Step, Turn
from konstruct.conversations import outbox
from konstruct.conversations.outbox import Reply
from konstruct.db.database import Database
from konstruct.db.session import TenantSession
from konstruct.jobs.queue import Claim
from konstruct.kit.counters import Counters
from konstruct.kit.text import storable
from konstruct.llm import usage_repository
from konstruct.llm.port import Completion, LlmFailed
from konstruct.llm.router import Router

log = structlog.get_logger()

RECALLED_PASSAGES = 5
QUERY_CHARS = 2000
MARGIN_S = 0.5
"""The router gives up this much before the turn does, so that its last attempt is written down."""
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


class TurnLoop:
    """The handler of the turn lane. It keeps nothing between turns."""

    def __init__(
        self,
        db: Database,
        router: Router,
        surface: ChannelSurface,
        knowledge: Knowledge,
        *,
        deadline_s: float,
        attempts: int,
        counters: Counters,
    ) -> None:
        self._db = db
        self._router = router
        self._surface = surface
        self._knowledge = knowledge
        self._deadline_s = deadline_s
        self._attempts = attempts
        self._counters = counters

    async def __call__(self, claim: Claim) -> None:
        """Answer what is pending in the claimed conversation. Raises LeaseLostError when another worker has taken over."""
        turn = await self._db.run(claim.scope, lambda s: turns_repository.open_turn(s, claim, self._deadline_s))
        if turn is None:
            return
        with structlog.contextvars.bound_contextvars(turn_id=str(turn.id)):
            trace = Trace(turn.elapsed_s)
            answer = await self._answer(claim, turn, trace)
            outcome = await self._finish(claim, turn, answer, trace)
            self._counters.inc("turns_total", outcome=outcome, reason=answer.reason or "none")
            log.info("turn_done", outcome=outcome, reason=answer.reason, attempts=turn.attempts, messages=len(turn.asked))

    async def _answer(self, claim: Claim, turn: Turn, trace: Trace) -> Answer:
        if claim.attempts > self._attempts:
            return _fallback(fallbacks.BROKEN, bury=True)
        limit = asyncio.timeout(turn.remaining_s)
        try:
            async with limit, self._surface.working(claim.scope, turn.account_id, turn.channel_id, turn.thread_id):
                return await self._think(claim, turn, time.monotonic() + turn.remaining_s - MARGIN_S, trace)
        except TimeoutError:
            if not limit.expired():
                # The database's, not the turn's: what could not be stored in time is tried again.
                raise
            return _fallback(fallbacks.TOO_SLOW)

    async def _think(self, claim: Claim, turn: Turn, deadline: float, trace: Trace) -> Answer:
        """Ask the model, refuse the tools it asks for, ask again; from wherever the persisted steps end."""
        recalled: Sequence[Passage] | None = None
        while True:
            last = turn.steps[-1] if turn.steps else None
            if last is None or last.kind == "tools":
                if sum(step.kind == "tools" for step in turn.steps) > MAX_MODEL_STEPS:
                    return _fallback(fallbacks.TOO_MANY_STEPS)
                # Not before it is needed: an answer that a crashed holder persisted goes out even past the deadline.
                recalled = await self._recall(claim, turn, trace) if recalled is None else recalled
                asked_at = time.monotonic()
                request = assemble(turn, claim.scope, datetime.now(UTC), recalled)
                try:
                    completion = await self._router.complete(request, deadline=deadline)
                except LlmFailed as failed:
                    return await self._model_failed(claim, turn, failed, trace)
                self._counters.observe("model_latency_s", time.monotonic() - asked_at)
                turn = await self._keep_answer(claim, turn, completion, trace.ms(asked_at), trace)
            elif last.tool_calls:
                turn = await self._refuse_tools(claim, turn, last, trace)
            elif last.text.strip():
                return Answer(last.text, "answered")
            else:
                return _fallback(fallbacks.EMPTY)

    async def _recall(self, claim: Claim, turn: Turn, trace: Trace) -> Sequence[Passage]:
        query = " ".join(line.text for line in turn.asked)[:QUERY_CHARS]
        if not query.strip():
            return ()
        started_ms = trace.ms()
        passages = await self._knowledge.passages(claim.scope, query, RECALLED_PASSAGES)
        trace.recalled(started_ms, query, passages)
        return passages

    async def _model_failed(self, claim: Claim, turn: Turn, failed: LlmFailed, trace: Trace) -> Answer:
        trace.failed(failed.last)
        async with self._db.tenant(claim.scope) as session:
            await usage_repository.record_calls(session, turn.id, len(turn.steps), failed.calls, began=trace.began)
        log.warning("model_failed", kind=failed.last.kind, status=failed.last.status, calls=len(failed.calls))
        return _fallback(fallbacks.reason_of(failed.last.kind))

    async def _keep_answer(self, claim: Claim, turn: Turn, completion: Completion, started_ms: int, trace: Trace) -> Turn:
        """Persist the model's answer before anything is made of it: with its cost, and the intent of each tool call."""
        step = Step(len(turn.steps), "model", storable(completion.text), completion.tool_calls)

        async def work(session: TenantSession) -> None:
            await turns_repository.save_step(session, claim, turn.id, step, started_ms, trace)
            if step.tool_calls:
                await tool_ledger.intend(session, turn.id, step.position, step.tool_calls)
            # Last: the tenant's other turns add to the same sums.
            await usage_repository.record_calls(session, turn.id, step.position, completion.calls, began=trace.began)

        await self._db.run(claim.scope, work)
        trace.stored()
        return replace(turn, steps=(*turn.steps, step))

    async def _refuse_tools(self, claim: Claim, turn: Turn, asked: Step, trace: Trace) -> Turn:
        started_ms = trace.ms()
        step = Step(len(turn.steps), "tools", "", results=(tool_ledger.REFUSED,) * len(asked.tool_calls))

        async def work(session: TenantSession) -> None:
            await turns_repository.save_step(session, claim, turn.id, step, started_ms, trace)
            await tool_ledger.refuse(session, turn.id, asked.position, "no tool executor")

        await self._db.run(claim.scope, work)
        return replace(turn, steps=(*turn.steps, step))

    async def _finish(self, claim: Claim, turn: Turn, answer: Answer, trace: Trace) -> Outcome:
        """Put the answer into the outbox, close the turn and release the lane: one transaction, or nothing of it."""
        where = (turn.channel_kind, turn.channel_id, turn.thread_id, turn.participants)
        parts = self._surface.render(*where, answer.text)
        if not parts:
            answer = _fallback(fallbacks.EMPTY)
            parts = self._surface.render(*where, answer.text)

        async def work(session: TenantSession) -> Outcome:
            ours = await turns_repository.lock_for_answer(session, claim, turn)
            if ours:
                await outbox.put(session, _reply(turn, answer, parts))
            if answer.bury:
                await turns_repository.bury(session, claim, turn, answer.reason or "")
            outcome: Outcome = answer.outcome if ours else "handed_over"
            await turns_repository.close_turn(session, claim, turn.id, outcome, answer.reason, trace)
            return outcome

        return await self._db.run(claim.scope, work)


def _fallback(reason: str, *, bury: bool = False) -> Answer:
    return Answer(fallbacks.sentence(reason), "fallback", reason, bury)


def _reply(turn: Turn, answer: Answer, parts: list[str]) -> Reply:
    return Reply(
        conversation_id=turn.conversation_id,
        account_id=turn.account_id,
        channel_id=turn.channel_id,
        thread_id=turn.thread_id,
        owner_epoch=turn.owner_epoch,
        kind="reply" if answer.outcome == "answered" else "fallback",
        text=answer.text,
        parts=parts,
        turn_id=turn.id,
    )
