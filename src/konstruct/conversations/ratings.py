"""What people think of an answer: good or not, and in what it failed. The latest word of each person counts."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

import structlog

from konstruct.conversations import ratings_repository as repository
from konstruct.db.session import TenantSession
from konstruct.kit.text import storable

log = structlog.get_logger()

COMMENT_MAX = 2000

Rated = Literal["good", "bad", "refused"]
"""How the person rates the answer now. refused: it is no answer of this account, or they are not in its conversation."""


async def rate(
    session: TenantSession, account_id: UUID, delivery_id: UUID, person: str, *, good: bool, pressed_at: datetime
) -> Rated:
    """Note how a person of the channel rates the answer that a delivery showed. `pressed_at` is the provider's time: of two
    presses that arrive turned round, the later one counts."""
    answer = await repository.find_answer(session, account_id, delivery_id, person)
    if answer is None:
        return "refused"
    now = await repository.put(session, answer, good, pressed_at)
    log.info("answer_rated", message_id=str(answer.message_id), good=now)
    return "good" if now else "bad"


async def comment(session: TenantSession, account_id: UUID, delivery_id: UUID, person: str, text: str) -> bool:
    """Keep what was wrong with an answer, in the words of somebody who rates it as bad; False for anybody else.

    An empty text takes an earlier one away.
    """
    answer = await repository.find_answer(session, account_id, delivery_id, person)
    if answer is None:
        return False
    return await repository.put_comment(session, answer, storable(text).strip()[:COMMENT_MAX] or None)
