"""What a human of the business says in a conversation: through the same outbox as the employee."""

from __future__ import annotations

from uuid import UUID

from konstruct.conversations import place as places
from konstruct.conversations.colleague import Colleague
from konstruct.conversations.ownership import OwnerChangedError
from konstruct.conversations.place import Render
from konstruct.db.session import TenantSession
from konstruct.kit.errors import ConflictError, KonstructError
from konstruct.kit.text import storable
from konstruct.tenants import notices

REPLY_MAX = 8000
"""Characters of a reply: what somebody types. An employee's answer may be longer."""


class WindowClosedError(ConflictError):
    """The person has not written for so long that the channel lets only a template through. Nothing was sent."""

    def __init__(self) -> None:
        super().__init__("they have not written for more than a day: only a template gets through to them. Nothing was sent.")


class ReplyError(KonstructError):
    """The text cannot be sent; the error's own text says why, for the form."""


async def reply(
    session: TenantSession, conversation_id: UUID, epoch: int, token: UUID, text: str, who: Colleague, render: Render
) -> UUID:
    """Send `text` in the thread of the last message asked; return the id of its message.

    `token` is the form's: the same form again sends nothing, and returns the same id. `epoch` is the one that `who` saw.
    Raises NotFoundError, ReplyError, WindowClosedError, and OwnerChangedError unless a human owns the conversation under that
    epoch.
    """
    text = storable(text).replace("\r\n", "\n").strip()
    place = await places.lock(session, conversation_id)
    if (known := await _of_token(session, conversation_id, token)) is not None:
        return known
    if place.owner != "human" or place.owner_epoch != epoch:
        raise OwnerChangedError(place.owner)
    if place.window_closed:
        raise WindowClosedError
    if len(text) > REPLY_MAX:
        raise ReplyError(f"the reply has {len(text):,} characters, and may have {REPLY_MAX:,}: please shorten it")
    parts = place.parts(render, text)
    if not parts:
        raise ReplyError("please write something: there would be nothing to see of this reply")
    message_id = await places.say(session, place, "human", text, parts, owner_epoch=epoch)
    await notices.settle(session, "human_wanted", subject=str(conversation_id))
    await session.execute(
        "INSERT INTO human_messages (tenant_id, message_id, conversation_id, seq, token, member_id, member_name)"
        " SELECT tenant_id, id, conversation_id, seq, $3, $4, $5 FROM messages WHERE tenant_id = $1 AND id = $2",
        session.scope.tenant_id,
        message_id,
        token,
        who.id,
        who.name,
    )
    return message_id


async def _of_token(session: TenantSession, conversation_id: UUID, token: UUID) -> UUID | None:
    row = await session.fetchrow(
        "SELECT message_id, conversation_id FROM human_messages WHERE tenant_id = $1 AND token = $2",
        session.scope.tenant_id,
        token,
    )
    if row is None:
        return None
    if row["conversation_id"] != conversation_id:
        raise ConflictError("this form belongs to another conversation: please open this one again")
    found: UUID = row["message_id"]
    return found
