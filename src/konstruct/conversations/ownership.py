"""Who answers a conversation: the AI employee, or a human of the business."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Literal
from uuid import UUID

from konstruct.conversations import place as places
from konstruct.conversations import requeue
from konstruct.conversations.colleague import Colleague
from konstruct.conversations.place import Place, Render
from konstruct.db.session import TenantSession
from konstruct.kit.errors import ConflictError, NotFoundError
from konstruct.tenants import notices
from konstruct.tenants.notices_troubles import human_wanted

Owner = Literal["ai", "human"]
Change = Callable[[TenantSession, UUID, int, Colleague, Render], Awaitable[int]]
"""`take_over` or `hand_back`."""
WANTED = "A human colleague has been asked to answer here."
"""What the end user is told who asked for one."""


class OwnerChangedError(ConflictError):
    """Somebody else has taken over or handed back since the page was made. Nothing was changed."""

    def __init__(self, owner: Owner) -> None:
        now = "a person of your business answers" if owner == "human" else "the employee answers"
        super().__init__(f"who answers here has changed since you opened this page: now {now}. Nothing was changed.")


async def change_owner(session: TenantSession, conversation_id: UUID, owner: Owner) -> int:
    """Hand the conversation over; return its new owner epoch, or the present one if `owner` has it already.

    A new epoch cancels every delivery of the old one that has not gone out. What people wrote and nobody has answered
    stays with whoever takes over: a human sees it in the inbox. Nobody is told: see `take_over`. Raises NotFoundError.
    """
    row = await session.fetchrow(
        "SELECT owner, owner_epoch FROM conversations WHERE tenant_id = $1 AND id = $2 FOR NO KEY UPDATE",
        session.scope.tenant_id,
        conversation_id,
    )
    if row is None:
        raise NotFoundError(f"there is no conversation {conversation_id}")
    if row["owner"] == owner:
        return int(row["owner_epoch"])
    epoch = await session.fetchval(
        "UPDATE conversations SET owner = $3, owner_epoch = owner_epoch + 1 WHERE tenant_id = $1 AND id = $2"
        " RETURNING owner_epoch",
        session.scope.tenant_id,
        conversation_id,
        owner,
    )
    if owner == "human":
        await session.execute(
            "UPDATE messages SET state = 'human' WHERE tenant_id = $1 AND conversation_id = $2 AND state = 'pending'",
            session.scope.tenant_id,
            conversation_id,
        )
    return int(epoch)


async def take_over(session: TenantSession, conversation_id: UUID, epoch: int, who: Colleague, render: Render) -> int:
    """Let `who` answer from now on, and tell the end user, once; return the new owner epoch.

    `epoch` is the one that `who` saw. Raises NotFoundError, and OwnerChangedError if it is no longer the present one.
    """
    place = await _lock(session, conversation_id, epoch, "ai")
    new = await change_owner(session, conversation_id, "human")
    told = f"{_line(who.name)} from {_line(place.business)} has joined the conversation."
    await _tell(session, place, new, who, render, told, "A colleague has joined the conversation.")
    return new


async def hand_back(session: TenantSession, conversation_id: UUID, epoch: int, who: Colleague, render: Render) -> int:
    """Let the employee answer again, tell the end user, once, and ask it what no human has answered; return the new epoch.

    `epoch` is the one that `who` saw. Raises NotFoundError, and OwnerChangedError if it is no longer the present one.
    """
    place = await _lock(session, conversation_id, epoch, "human")
    new = await change_owner(session, conversation_id, "ai")
    await notices.settle(session, "human_wanted", subject=str(conversation_id))
    told = f"{_line(place.employee)} is back and will answer from here."
    await _tell(session, place, new, who, render, told, "I am back and will answer from here.")
    await requeue.ask_again(session, conversation_id, new)
    return new


async def ask_for_human(session: TenantSession, conversation_id: UUID, render: Render) -> bool:
    """Let somebody of the business answer from now on, because a person of the conversation asked for that: tell both, once;
    False if a human answers already. Raises NotFoundError."""
    place = await places.lock(session, conversation_id)
    if place.owner == "human":
        return False
    new = await change_owner(session, conversation_id, "human")
    await _tell(session, place, new, None, render, WANTED, WANTED)
    await notices.raise_notice(session, human_wanted(conversation_id))
    return True


async def _lock(session: TenantSession, conversation_id: UUID, epoch: int, owner: Owner) -> Place:
    place = await places.lock(session, conversation_id)
    if place.owner_epoch != epoch or place.owner != owner:
        raise OwnerChangedError(place.owner)
    return place


async def _tell(
    session: TenantSession, place: Place, epoch: int, who: Colleague | None, render: Render, text: str, plain: str
) -> None:
    """Tell the end user who answers from now on. `who` did it; None: somebody of the conversation asked for it."""
    parts = place.parts(render, text)
    if not parts:
        # A name of which the channel shows nothing.
        text, parts = plain, place.parts(render, plain)
    message_id = await places.say(session, place, "notice", text, parts, owner_epoch=epoch)
    tenant_id = session.scope.tenant_id
    # After the send lane was bumped, as everywhere. What people have said, and that they have come, goes out whoever owns the
    # conversation next; only the employee's answers are taken back.
    await session.execute(
        "UPDATE deliveries SET owner_epoch = $3 WHERE tenant_id = $1 AND conversation_id = $2"
        " AND state IN ('pending', 'sending', 'unknown') AND kind IN ('human', 'notice', 'outreach') AND owner_epoch = $3 - 1",
        tenant_id,
        place.conversation_id,
        epoch,
    )
    await session.execute(
        "INSERT INTO conversation_events (tenant_id, conversation_id, owner_epoch, kind, member_id, member_name, message_id)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7)",
        tenant_id,
        place.conversation_id,
        epoch,
        "asked_for_human" if who is None else "taken_over" if place.owner == "ai" else "handed_back",
        who and who.id,
        who and who.name,
        message_id,
    )


def _line(name: str) -> str:
    return " ".join(name.split())
