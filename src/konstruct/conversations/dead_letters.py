"""What a person decides about a dead letter: try once more, or let it be. Each is done once, however often it is asked.

Retried turn: its messages are pending again, and the next turn answers them. The fallback that was shown stays, as a part
of the history. Retried delivery: a copy of it goes out at the end of the conversation's outbox.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from konstruct.conversations import dead_letters_repository as repository
from konstruct.conversations.dead_letters_repository import DeadLetter, Kind, Resolution
from konstruct.db.session import TenantSession
from konstruct.jobs import queue
from konstruct.kit.errors import ConflictError, NotFoundError
from konstruct.tenants import notices


@dataclass(frozen=True, slots=True)
class Decision:
    """What became of a dead letter, and whether this call decided it: nobody decides twice."""

    resolution: Resolution
    fresh: bool


_NOTICES: dict[Kind, notices.Kind] = {"turn": "turn_failed", "delivery": "delivery_failed"}


class MayShowTwiceError(ConflictError):
    """Nobody knows whether the answer was shown: a retry may show it a second time, and has to be asked for as such."""


async def find(session: TenantSession, letter_id: UUID) -> DeadLetter:
    """Return one dead letter. Raises NotFoundError."""
    letter = await repository.find(session, letter_id)
    if letter is None:
        raise NotFoundError(f"there is no dead letter {letter_id}")
    return letter


async def retry(session: TenantSession, letter_id: UUID, *, accept_twice: bool = False) -> Decision:
    """Try once more, unless somebody has decided about the letter before; return the decision that holds.

    Raises NotFoundError; MayShowTwiceError unless `accept_twice`; ConflictError if there is nothing to try any more,
    because a person answers the conversation now.
    """
    letter = await find(session, letter_id)
    # The conversation is locked first, as everywhere; whoever resolves the letter second finds it resolved.
    owner, owner_epoch = await repository.lock_owner(session, letter.conversation_id)
    if letter.may_be_shown and not accept_twice and letter.resolution is None:
        raise MayShowTwiceError("nobody knows whether this answer was shown: to try again may show it a second time")
    if not await _resolve(session, letter_id, "retried"):
        return await _decided_before(session, letter_id)
    if letter.kind == "turn":
        await _retry_turn(session, letter, owner)
    else:
        await _retry_delivery(session, letter, owner_epoch)
    return Decision("retried", fresh=True)


async def discard(session: TenantSession, letter_id: UUID) -> Decision:
    """Let it be, unless somebody has decided about the letter before; return the decision that holds.

    Raises NotFoundError.
    """
    if await _resolve(session, letter_id, "discarded"):
        return Decision("discarded", fresh=True)
    return await _decided_before(session, letter_id)


async def _resolve(session: TenantSession, letter_id: UUID, resolution: Resolution) -> bool:
    """Resolve a letter; the notice about its kind goes with the last of them."""
    resolved = await repository.resolve(session, letter_id, resolution)
    if resolved:
        left = await repository.open_kinds(session)
        gone: list[notices.Kind] = [notice for kind, notice in _NOTICES.items() if kind not in left]
        await notices.settle(session, *gone)
    return resolved


async def _decided_before(session: TenantSession, letter_id: UUID) -> Decision:
    letter = await find(session, letter_id)
    assert letter.resolution is not None
    return Decision(letter.resolution, fresh=False)


async def _retry_turn(session: TenantSession, letter: DeadLetter, owner: str) -> None:
    assert letter.turn_id is not None
    if owner != "ai":
        raise ConflictError("a person answers this conversation now: the employee keeps silent there")
    if not await repository.ask_again(session, letter.turn_id):
        raise ConflictError("none of its messages waits for an answer any more")
    await queue.bump(session, letter.conversation_id, "turn")


async def _retry_delivery(session: TenantSession, letter: DeadLetter, owner_epoch: int) -> None:
    assert letter.delivery_id is not None
    if not await repository.send_again(session, letter.delivery_id, owner_epoch):
        raise ConflictError("somebody else has taken this conversation over since: the answer is not theirs")
    await queue.bump(session, letter.conversation_id, "send")
