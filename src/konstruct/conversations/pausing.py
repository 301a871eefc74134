"""A paused employee: it answers nobody of an account until it is resumed.

What is asked meanwhile waits, for a colleague who takes the conversation over or for the end of the pause. The people of
each conversation are told once a pause.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import structlog

from konstruct.conversations import pausing_repository as repository
from konstruct.conversations import place as places
from konstruct.conversations import unfinished_repository
from konstruct.conversations.place import Place, Render
from konstruct.db.session import TenantSession
from konstruct.jobs import queue
from konstruct.jobs.queue import Claim

log = structlog.get_logger()

WAIT_S = 3600.0
"""How long what waits is left alone, unless the pause ends: then it is due at once."""


async def pause(session: TenantSession, account_id: UUID, by: str) -> bool:
    """Let the employee answer nothing of the account; False if it is paused already. `by`: a colleague's name."""
    paused = await repository.pause(session, account_id, " ".join(by.split())[:100] or None)
    if paused:
        log.info("employee_paused", account_id=str(account_id))
    return paused


async def resume(session: TenantSession, account_id: UUID) -> bool:
    """Let the employee answer again, what waits first; False if it was not paused."""
    resumed = await repository.resume(session, account_id)
    if resumed:
        log.info("employee_resumed", account_id=str(account_id), waiting=await repository.wake(session, account_id))
    return resumed


async def hold(session: TenantSession, claim: Claim, turn_id: UUID | None, render: Render) -> None:
    """Put off the claimed conversation of a paused account, and tell its people, once. `turn_id` is the turn that was under
    way there: what it was to answer waits again."""
    # The conversation is locked before the queue's row, as everywhere: the other order would deadlock.
    place = await places.lock(session, claim.conversation_id)
    await queue.fence(session, claim)
    if turn_id is not None:
        await repository.put_back(session, turn_id)
        await unfinished_repository.let_stand(session, turn_id)
    paused_at = await repository.paused_at(session, place.account_id)
    waiting = await repository.waits(session, claim.conversation_id)
    if paused_at is not None and waiting:
        await _tell_once(session, place, paused_at, render)
    if not waiting:
        await queue.release(session, claim)
    else:
        await queue.release(session, claim, wait_s=0.0 if paused_at is None else WAIT_S)


async def _tell_once(session: TenantSession, place: Place, paused_at: datetime, render: Render) -> None:
    if not await repository.note_told(session, place.conversation_id, paused_at):
        return
    for text in (f"{' '.join(place.employee.split())} is paused at the moment. {KEPT}", f"I am paused at the moment. {KEPT}"):
        if parts := place.parts(render, text):
            await places.say(session, place, "notice", text, parts, owner_epoch=place.owner_epoch)
            return


KEPT = "Your message is kept, and a person of the business can see it."
