"""The turn loop: from a claimed conversation to an answer in the outbox.

Between two transactions nothing is held but memory; a crash at any point leaves rows from which the next claim goes on.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import structlog

from konstruct.agents import fallbacks, staying, tool_ledger, turns_repository
from konstruct.agents.ports import ChannelSurface, Knowledge, MediaSource, Passage, ShownAnswer
from konstruct.agents.reading_files import FileReader
from konstruct.agents.thinking import Answer, Thinker, fallback
from konstruct.agents.timeline_trace import Trace
from konstruct.agents.turn import Outcome, Step, Turn
from konstruct.agents.turns_repository import Paused, TurnChangedError
from konstruct.conversations import actions, outbox, ownership, pausing
from konstruct.conversations.actions_repository import Option
from konstruct.conversations.answer_place import AnswerPlace
from konstruct.conversations.human_words import wants_human
from konstruct.conversations.outbox import Reply
from konstruct.conversations.part import Button, Part, with_feedback
from konstruct.db.database import Database
from konstruct.db.session import TenantSession
from konstruct.jobs.queue import Claim
from konstruct.kit.counters import Counters
from konstruct.llm import usage_repository
from konstruct.llm.port import CallRecord, LlmFailed
from konstruct.llm.router import Router

log = structlog.get_logger()

OFFER_S = 24 * 3600.0
"""For how long a human is offered to somebody whose question was declined."""
_TALK = Option("human", "Talk to a human")
MARGIN_S = 0.5
"""The router gives up this much before the turn does, so that its last attempt is written down."""


class _Steps:
    """Persists what a turn does, fenced by its claim: a crash at any point leaves rows from which the next claim goes on."""

    def __init__(self, db: Database, claim: Claim, trace: Trace) -> None:
        self._db = db
        self._claim = claim
        self._trace = trace

    async def recalled(self, query: str, passages: Sequence[Passage], began: float) -> None:
        """Note it for the timeline; the next step stores it. Whoever goes on after a crash reads the documents again."""
        self._trace.recalled(self._trace.ms(began), query, passages)

    async def answered(self, turn: Turn, step: Step, calls: Sequence[CallRecord], began: float) -> None:
        async def work(session: TenantSession) -> None:
            await turns_repository.save_step(session, self._claim, turn, step, self._trace.ms(began), self._trace)
            if step.tool_calls:
                await tool_ledger.intend(session, turn.id, step.position, step.tool_calls)
            # Last: the tenant's other turns add to the same sums.
            await usage_repository.record_calls(session, turn.id, step.position, calls, began=self._trace.began)

        await self._db.run(self._claim.scope, work)
        self._trace.stored()

    async def refused(self, turn: Turn, step: Step, asked: Step, began: float) -> None:
        async def work(session: TenantSession) -> None:
            await turns_repository.save_step(session, self._claim, turn, step, self._trace.ms(began), self._trace)
            await tool_ledger.refuse(session, turn.id, asked.position, "no tool executor")

        await self._db.run(self._claim.scope, work)
        self._trace.stored()

    async def failed(self, turn: Turn, failed: LlmFailed) -> None:
        self._trace.failed(failed.last)
        async with self._db.tenant(self._claim.scope) as session:
            await usage_repository.record_calls(session, turn.id, len(turn.steps), failed.calls, began=self._trace.began)


class TurnLoop:
    """The handler of the turn lane. It keeps nothing between turns."""

    def __init__(
        self,
        db: Database,
        router: Router,
        surface: ChannelSurface,
        knowledge: Knowledge,
        media: MediaSource,
        *,
        deadline_s: float,
        attempts: int,
        counters: Counters,
    ) -> None:
        self._db = db
        self._thinker = Thinker(router, knowledge, counters, now=lambda: datetime.now(UTC))
        self._files = FileReader(db, media)
        self._surface = surface
        self._deadline_s = deadline_s
        self._attempts = attempts
        self._counters = counters

    async def __call__(self, claim: Claim) -> None:
        """Answer what is pending in the claimed conversation. Raises LeaseLostError when another worker has taken over."""
        turn = await self._db.run(claim.scope, lambda s: turns_repository.open_turn(s, claim, self._deadline_s))
        if isinstance(turn, Paused):
            await self._hold(claim, turn.turn_id)
        if not isinstance(turn, Turn):
            return
        turn = replace(turn, business_only=self._surface.business_only(turn.channel_kind))
        with structlog.contextvars.bound_contextvars(turn_id=str(turn.id)):
            async with self._surface.answering(_place(claim, turn)) as shown:
                answer, outcome = await self._take(claim, turn, shown)
                shown.unsaid = outcome in ("handed_over", "withdrawn")
            self._counters.inc("turns_total", outcome=outcome, reason=answer.reason or "none")
            log.info("turn_done", outcome=outcome, reason=answer.reason, attempts=turn.attempts, messages=len(turn.asked))

    async def _hold(self, claim: Claim, turn_id: UUID | None) -> None:
        """The employee is paused: put off what waits, and say so."""
        await self._db.run(claim.scope, lambda s: pausing.hold(s, claim, turn_id, self._surface.render))

    async def _take(self, claim: Claim, turn: Turn, shown: ShownAnswer) -> tuple[Answer, Outcome]:
        """Bring the turn to its end. When something that it has seen is deleted, it begins anew with what is left."""
        seen = turn
        while True:
            trace = Trace(seen.elapsed_s)
            try:
                answer = await self._answer(claim, seen, trace, shown)
                await shown.rest()
                return answer, await self._finish(claim, seen, answer, trace, shown)
            except TurnChangedError:
                log.info("turn_changed")
                seen = await self._db.run(claim.scope, lambda s: turns_repository.look_again(s, claim, turn))
                seen = replace(seen, business_only=turn.business_only)

    async def _answer(self, claim: Claim, turn: Turn, trace: Trace, shown: ShownAnswer) -> Answer:
        if not turn.asked:
            return Answer("", "withdrawn")
        if turn.business_only and any(wants_human(line.text) for line in turn.asked):
            return Answer("", "handed_over", staying.HUMAN)
        if claim.attempts > self._attempts:
            return fallback(fallbacks.BROKEN, bury=True)
        limit = asyncio.timeout(turn.remaining_s)
        try:
            async with limit:
                deadline = time.monotonic() + turn.remaining_s - MARGIN_S
                asked = await self._files.read(claim.scope, turn)
                return await self._thinker.think(claim.scope, asked, _Steps(self._db, claim, trace), deadline, shown)
        except TimeoutError:
            if not limit.expired():
                # The database's, not the turn's: what could not be stored in time is tried again.
                raise
            return fallback(fallbacks.TOO_SLOW)

    async def _finish(self, claim: Claim, turn: Turn, answer: Answer, trace: Trace, shown: ShownAnswer) -> Outcome:
        """Put the answer into the outbox, close the turn and release the lane: one transaction, or nothing of it."""
        where = (turn.channel_kind, turn.channel_id, turn.thread_id, turn.participants)
        answer = _on_topic(turn, answer)
        parts = self._surface.render(*where, answer.text)
        if not parts and answer.outcome not in ("withdrawn", "handed_over"):
            answer = fallback(fallbacks.EMPTY)
            parts = self._surface.render(*where, answer.text)

        async def work(session: TenantSession) -> Outcome:
            found = await turns_repository.lock_for_answer(session, claim, turn)
            if found == "paused":
                # Paused while it was thought of: what was asked waits, as if it came now.
                await pausing.hold(session, claim, turn.id, self._surface.render)
                return "handed_over"
            ours = found == "ours"
            if ours and answer.reason == staying.HUMAN:
                await ownership.ask_for_human(session, turn.conversation_id, self._surface.render)
            elif ours and answer.reason == staying.OFF_TOPIC:
                buttons = await _offer_human(session, turn)
                await outbox.put(session, _reply(turn, answer, self._surface.render(*where, answer.text, buttons)))
            elif ours and parts:
                # What people see already becomes this answer, whatever it says so far.
                seen = await shown.settle(session, parts[0])
                await outbox.put(session, _reply(turn, answer, parts), first_id=seen)
            if answer.bury:
                await turns_repository.bury(session, claim, turn, answer.reason or "")
            outcome: Outcome = answer.outcome if ours else "handed_over"
            await turns_repository.close_turn(session, claim, turn.id, outcome, answer.reason, trace)
            return outcome

        return await self._db.run(claim.scope, work)


def _on_topic(turn: Turn, answer: Answer) -> Answer:
    """Return the answer, or the one sentence of it that declines what is none of the business's concern."""
    if not turn.business_only or answer.outcome != "answered":
        return answer
    sentence = staying.declined(answer.text, turn.persona.business)
    return answer if sentence is None else Answer(sentence, "answered", staying.OFF_TOPIC)


async def _offer_human(session: TenantSession, turn: Turn) -> tuple[Button, ...]:
    offered = await actions.offer(
        session,
        account_id=turn.account_id,
        kind=actions.HAND_OVER,
        subject=str(turn.conversation_id),
        options=(_TALK,),
        who=actions.anyone_in(turn.conversation_id),
        lifetime_s=OFFER_S,
    )
    return (Button(offered.button_id(_TALK), _TALK.label, _TALK.style),)


def _reply(turn: Turn, answer: Answer, parts: list[Part]) -> Reply:
    answered = answer.outcome == "answered"
    return Reply(
        conversation_id=turn.conversation_id,
        account_id=turn.account_id,
        channel_id=turn.channel_id,
        thread_id=turn.thread_id,
        owner_epoch=turn.owner_epoch,
        kind="reply" if answered else "fallback",
        text=answer.text,
        parts=with_feedback(parts) if answered and answer.reason is None else parts,
        turn_id=turn.id,
    )


def _place(claim: Claim, turn: Turn) -> AnswerPlace:
    return AnswerPlace(
        claim=claim,
        turn_id=turn.id,
        account_id=turn.account_id,
        channel_kind=turn.channel_kind,
        channel_id=turn.channel_id,
        thread_id=turn.thread_id,
        participants=turn.participants,
        owner_epoch=turn.owner_epoch,
        reader_id=turn.asked[-1].external_author if turn.asked else None,
        asked_at=max((line.sent_at for line in turn.asked), default=turn.opened_at or datetime.now(UTC)),
        resumed=turn.attempts > 1,
        heard_id=turn.asked[-1].external_id if turn.asked else None,
        opens_thread=None if turn.several_people else turn.opens_thread,
    )
