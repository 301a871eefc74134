"""SQL of refusals: what was refused."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from konstruct.db.session import TenantSession


async def find(session: TenantSession, delivery_id: UUID) -> dict[str, Any] | None:
    """Return account, conversation, kind and (name, language) of the template of a delivery, or None if there is none."""
    row = await session.fetchrow(
        "SELECT account_id, conversation_id, kind, extras #>> '{template,name}' AS name,"
        " extras #>> '{template,language}' AS language FROM deliveries WHERE tenant_id = $1 AND id = $2",
        session.scope.tenant_id,
        delivery_id,
    )
    if row is None:
        return None
    template = None if row["name"] is None else (row["name"], row["language"])
    return {name: row[name] for name in ("account_id", "conversation_id", "kind")} | {"template": template}
