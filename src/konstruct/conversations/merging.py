"""Two contacts of an account are one person: one of them gets all that the other has, and the other goes."""

from __future__ import annotations

from uuid import UUID

import structlog

from konstruct.conversations import merging_repository as repository
from konstruct.db.session import TenantSession
from konstruct.jobs import queue
from konstruct.kit.errors import KonstructError

log = structlog.get_logger()


class BusyError(KonstructError):
    """Somebody is being answered in one of the two conversations: it cannot move before that is over."""


async def merge(session: TenantSession, keep_id: UUID, gone_id: UUID) -> None:
    """Let the contact `keep_id` have what `gone_id` has; the account's contacts are held.

    Their conversations become one: what was said in the other one stands behind what was said in this, and what waits to be
    answered or sent there is answered or sent here. If a human answers in either, a human answers in both. Raises BusyError.
    """
    conversations = await repository.lock_conversations(session, keep_id, gone_id)
    if await repository.busy(session, list(conversations.values())):
        raise BusyError("somebody is being answered there")
    ours, theirs = conversations.get(keep_id), conversations.get(gone_id)
    if theirs is not None and ours is None:
        await repository.give(session, theirs, keep_id)
    elif theirs is not None and ours is not None:
        await _move(session, ours, theirs)
    await repository.merge_contacts(session, keep_id, gone_id)
    log.info("contacts_merged", contact_id=str(keep_id), gone_id=str(gone_id))


async def _move(session: TenantSession, ours: UUID, theirs: UUID) -> None:
    await repository.move(session, ours, theirs)
    waits = await repository.settle_owner(session, ours)
    await repository.move_notices(session, ours, theirs)
    await repository.drop(session, theirs)
    if waits.turn:
        await queue.bump(session, ours, "turn")
    if waits.send:
        await queue.bump(session, ours, "send")
