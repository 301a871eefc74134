"""SQL of what the files of messages say."""

from __future__ import annotations

from uuid import UUID

from konstruct.conversations.files import FileText
from konstruct.db.session import TenantSession


async def store(session: TenantSession, message_id: UUID, read: FileText) -> bool:
    """Keep what a file says, once; False if its message was deleted meanwhile: then nothing of it is kept."""
    return bool(
        await session.execute(
            # The lock lets a deletion that is under way come to its end, and the next one find this row.
            "WITH message AS (SELECT m.tenant_id, m.id FROM messages m"
            "   WHERE m.tenant_id = $1 AND m.id = $2 AND m.deleted_at IS NULL FOR SHARE)"
            " INSERT INTO message_files (tenant_id, message_id, file_id, text, left_out, reason)"
            " SELECT tenant_id, id, $3, $4, $5, $6 FROM message ON CONFLICT DO NOTHING",
            session.scope.tenant_id,
            message_id,
            read.file_id,
            read.text,
            read.left_out,
            read.reason,
        )
    )
