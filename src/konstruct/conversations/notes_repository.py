"""SQL of notes: what people of the business tell each other about a conversation. The end user never sees them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from konstruct.conversations.colleague import Colleague
from konstruct.db.session import TenantSession
from konstruct.kit.errors import KonstructError, NotFoundError
from konstruct.kit.text import storable

NOTE_MAX = 4000
SHOWN = 100


class NoteError(KonstructError):
    """The note cannot be kept; the error's own text says why, for the form."""


@dataclass(frozen=True, slots=True)
class Note:
    """One note."""

    id: UUID
    member_name: str
    text: str
    created_at: datetime


async def add(session: TenantSession, conversation_id: UUID, note_id: UUID, text: str, who: Colleague) -> None:
    """Keep a note. `note_id` is the form's: the same form again adds nothing. Raises NoteError, NotFoundError."""
    text = storable(text).replace("\r\n", "\n").strip()
    if not text:
        raise NoteError("please write something")
    if len(text) > NOTE_MAX:
        raise NoteError(f"the note has {len(text):,} characters, and may have {NOTE_MAX:,}: please shorten it")
    known = await session.fetchval(
        "SELECT true FROM conversations WHERE tenant_id = $1 AND id = $2", session.scope.tenant_id, conversation_id
    )
    if not known:
        raise NotFoundError(f"there is no conversation {conversation_id}")
    await session.execute(
        "INSERT INTO conversation_notes (tenant_id, id, conversation_id, member_id, member_name, text)"
        " VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (tenant_id, id) DO NOTHING",
        session.scope.tenant_id,
        note_id,
        conversation_id,
        who.id,
        who.name,
        text,
    )


async def remove(session: TenantSession, conversation_id: UUID, note_id: UUID) -> None:
    """Delete a note; one that is gone already is no error, as a second click would be. Raises NotFoundError."""
    known = await session.fetchval(
        "WITH gone AS (DELETE FROM conversation_notes WHERE tenant_id = $1 AND id = $3 AND conversation_id = $2)"
        " SELECT true FROM conversations WHERE tenant_id = $1 AND id = $2",
        session.scope.tenant_id,
        conversation_id,
        note_id,
    )
    if not known:
        raise NotFoundError(f"there is no conversation {conversation_id}")


async def notes_of(session: TenantSession, conversation_id: UUID) -> list[Note]:
    """Return the conversation's notes, the newest first, SHOWN at most."""
    rows = await session.fetch(
        "SELECT id, member_name, text, created_at FROM conversation_notes WHERE tenant_id = $1 AND conversation_id = $2"
        " ORDER BY created_at DESC, id DESC LIMIT $3",
        session.scope.tenant_id,
        conversation_id,
        SHOWN,
    )
    return [Note(**row) for row in rows]
