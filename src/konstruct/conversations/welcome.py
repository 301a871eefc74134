"""The one greeting of a channel, when the employee is added to it: a conversation of its own, in which nobody has written."""

from __future__ import annotations

from uuid import UUID

from konstruct.conversations import place as places
from konstruct.conversations.place import Render
from konstruct.db.session import TenantSession
from konstruct.kit.ids import uuid7

_KEY = "greeting"
_OPEN = """
INSERT INTO conversations (tenant_id, id, account_id, agent_id, external_key, kind, channel_id, audience, audience_key)
SELECT $1, $2, a.id, a.agent_id, $4, 'thread', $5, 'channel', $5 FROM channel_accounts a WHERE a.tenant_id = $1 AND a.id = $3
ON CONFLICT (tenant_id, account_id, external_key) DO NOTHING
"""
_WORDS = (
    "Hello! I am {employee}, the AI employee of {business}. Mention me when you would like an answer;"
    " in a thread in which I was mentioned, just go on writing."
)


async def greet(session: TenantSession, account_id: UUID, channel_id: str, render: Render) -> bool:
    """Greet the channel; False if it was greeted before, however long ago. No network is used: the sender lane delivers."""
    conversation_id = uuid7()
    opened = await session.execute(
        _OPEN, session.scope.tenant_id, conversation_id, account_id, f"{channel_id}:{_KEY}", channel_id
    )
    if not opened:
        return False
    place = await places.lock(session, conversation_id)
    text = _WORDS.format(employee=_line(place.employee), business=_line(place.business))
    await places.say(session, place, "notice", text, place.parts(render, text), owner_epoch=place.owner_epoch)
    return True


def _line(name: str) -> str:
    return " ".join(name.split())
