"""Trying a draft out: a question through the thinking of real turns, without a conversation, a message or a delivery."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import structlog

from konstruct.agents import fallbacks, tryouts_repository
from konstruct.agents.mind import Mind
from konstruct.agents.ports import Passage
from konstruct.agents.thinking import Answer, Thinker, fallback
from konstruct.agents.tryouts_repository import Tried
from konstruct.agents.turn import Persona, Step, Turn
from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.db.session import TenantSession
from konstruct.kit.counters import Counters
from konstruct.kit.errors import KonstructError, NotFoundError
from konstruct.kit.ids import uuid7
from konstruct.kit.text import storable
from konstruct.llm import usage_repository
from konstruct.llm.port import CallRecord, LlmFailed

log = structlog.get_logger()

QUESTION_MAX = 4000
DEADLINE_S = 55.0
"""Somebody sits in front of it, and browsers give a request up after a minute."""
MARGIN_S = 0.5
AT_ONCE = 2
"""Questions that one member may have under way."""
LIFETIME = timedelta(days=1)
"""What was tried is shown, and remembered by the draft, for so long."""


class BusyError(KonstructError):
    """The member has enough questions under way."""


class TryOut:
    """Asks drafts. It keeps nothing between questions; between its transactions it holds no connection."""

    def __init__(self, db: Database, mind: Mind, counters: Counters, *, deadline_s: float = DEADLINE_S) -> None:
        self._db = db
        self._thinker = Thinker(mind.router, mind.documents, counters)
        self._deadline_s = min(deadline_s, DEADLINE_S)

    async def ask(self, scope: TenantScope, member_id: UUID, persona: Persona, question: str) -> Answer:
        """Return what the employee of `persona` answers; the question and the answer are kept for the member for a while.

        It fails as a turn does: with one plain sentence. Raises KonstructError for an empty or over-long question,
        BusyError, and NotFoundError for a member who is gone.
        """
        question = storable(question).strip()
        if not question or len(question) > QUESTION_MAX:
            raise KonstructError(f"A question has 1 to {QUESTION_MAX:,} characters.")
        tryout_id = uuid7()
        tried = await self._db.run(scope, lambda session: self._begin(session, tryout_id, member_id, question))
        answer = await self._think(scope, _turn(tryout_id, persona, tried, question, self._deadline_s))
        await self._db.run(scope, lambda s: tryouts_repository.answer(s, tryout_id, answer.text, answer.reason))
        log.info("tried_out", outcome=answer.outcome, reason=answer.reason)
        return answer

    async def _begin(self, session: TenantSession, tryout_id: UUID, member_id: UUID, question: str) -> list[Tried]:
        """Store the question; return what was tried before."""
        if not await tryouts_repository.lock_member(session, member_id):
            raise NotFoundError("there is no such member")
        within = timedelta(seconds=self._deadline_s)
        if await tryouts_repository.under_way(session, member_id, within) >= AT_ONCE:
            raise BusyError(f"Wait for an answer first: {AT_ONCE} questions are under way.")
        await tryouts_repository.forget_expired(session)
        tried = await tryouts_repository.recent(session, member_id)
        await tryouts_repository.ask(session, tryout_id, member_id, question, LIFETIME)
        return tried

    async def _think(self, scope: TenantScope, turn: Turn) -> Answer:
        try:
            async with asyncio.timeout(turn.remaining_s):
                deadline = time.monotonic() + turn.remaining_s - MARGIN_S
                return await self._thinker.think(scope, turn, _Costs(self._db, scope), deadline)
        except TimeoutError:
            return fallback(fallbacks.TOO_SLOW)
        except Exception:
            # In a conversation it would be tried again, and end in the same sentence.
            log.exception("try_out_failed")
            return fallback(fallbacks.BROKEN)


class _Costs:
    """Keeps what a try-out costs, and nothing else of it."""

    def __init__(self, db: Database, scope: TenantScope) -> None:
        self._db = db
        self._scope = scope

    async def recalled(self, query: str, passages: Sequence[Passage], began: float) -> None:
        """Nothing to keep."""

    async def answered(self, turn: Turn, step: Step, calls: Sequence[CallRecord], began: float) -> None:
        async with self._db.tenant(self._scope) as session:
            await usage_repository.record_calls(session, None, step.position, calls)

    async def refused(self, turn: Turn, step: Step, asked: Step, began: float) -> None:
        """Nothing to keep: no intent was written down."""

    async def failed(self, turn: Turn, failed: LlmFailed) -> None:
        async with self._db.tenant(self._scope) as session:
            await usage_repository.record_calls(session, None, len(turn.steps), failed.calls)


def _turn(tryout_id: UUID, persona: Persona, tried: list[Tried], question: str, deadline_s: float) -> Turn:
    """Return a turn that stands in no row: a direct message of the member's."""
    history = tryouts_repository.lines_of(tried)
    return Turn(
        id=tryout_id,
        conversation_id=tryout_id,
        account_id=tryout_id,
        channel_kind="tryout",
        channel_id="",
        several_people=False,
        owner_epoch=0,
        attempts=1,
        remaining_s=deadline_s,
        persona=persona,
        history=history,
        asked=(tryouts_repository.line(len(history) + 1, question, datetime.now(UTC)),),
        steps=(),
    )
