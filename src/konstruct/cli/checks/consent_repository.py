"""SQL of the doctor's attempt to write to somebody who never agreed."""

from __future__ import annotations

import json
from uuid import UUID

from konstruct.db.session import TenantSession
from konstruct.kit.ids import uuid7

FORMS = {
    "outreach": ("outreach", "template"),
    "reply by a template": ("reply", "template"),
    "free text to who never wrote": ("reply", "text"),
}
"""What is tried: kind and form of the delivery."""


async def write_first(session: TenantSession, account_id: UUID, agent_id: UUID, form: str) -> None:
    """Put such a message into the outbox of a contact who never agreed. Raises CheckViolation, if all is well."""
    tenant_id, contact_id, conversation_id, message_id = session.scope.tenant_id, uuid7(), uuid7(), uuid7()
    kind, shape = FORMS[form]
    await session.execute(
        "INSERT INTO contacts (tenant_id, id, account_id, external_id) VALUES ($1, $2, $3, $4)",
        tenant_id, contact_id, account_id, f"DOCTOR{contact_id.hex}",
    )  # fmt: skip
    await session.execute(
        "INSERT INTO conversations (tenant_id, id, account_id, agent_id, external_key, kind, channel_id, audience, audience_key,"
        " contact_id, next_seq) VALUES ($1, $2, $3, $4, $5::text, 'contact', $5, 'person', $5, $6, 2)",
        tenant_id, conversation_id, account_id, agent_id, contact_id.hex, contact_id,
    )  # fmt: skip
    await session.execute(
        "INSERT INTO messages (tenant_id, id, conversation_id, seq, direction, author, text, state, sent_at)"
        " VALUES ($1, $2, $3, 1, 'out', 'ai', 'A probe of the doctor.', 'sent', now())",
        tenant_id, message_id, conversation_id,
    )  # fmt: skip
    await session.execute(
        "INSERT INTO deliveries (tenant_id, id, conversation_id, account_id, message_id, position, part, kind, channel_id, body,"
        " owner_epoch, form, extras) VALUES ($1, $2, $3, $4, $5, 1, 0, $6, $7, 'A probe.', 0, $8, $9::jsonb)",
        tenant_id, uuid7(), conversation_id, account_id, message_id, kind, contact_id.hex, shape,
        json.dumps({"template": {"name": "doctor", "language": "en"}} if shape == "template" else {}),
    )  # fmt: skip
