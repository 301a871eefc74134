"""SQL of what a channel brought besides messages, and nobody has handled yet."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import orjson

from konstruct.db.session import TenantSession


@dataclass(frozen=True, slots=True)
class Waiting:
    """A stored event."""

    account_id: UUID
    account_key: str
    app_id: str | None
    kind: str
    content: dict[str, Any] = field(repr=False)
    age_s: float


async def store(session: TenantSession, event_id: UUID, account_id: UUID, event_key: str, body: bytes | None) -> bool:
    """Store the delivery `body` came in (None: only that it came); False if it is known already: then nothing more is to be
    done with it."""
    return bool(
        await session.fetchval(
            "WITH fresh AS (INSERT INTO dedupe_keys (tenant_id, key) VALUES ($1, $4) ON CONFLICT DO NOTHING RETURNING tenant_id),"
            " kept AS (INSERT INTO inbound_events (tenant_id, id, account_id, event_key, body)"
            "   SELECT tenant_id, $2, $3, $4, $5::bytea FROM fresh WHERE $5::bytea IS NOT NULL)"
            " SELECT count(*) FROM fresh",
            session.scope.tenant_id,
            event_id,
            account_id,
            event_key,
            body,
        )
    )


async def insert(session: TenantSession, event_id: UUID, account_id: UUID, kind: str, content: dict[str, Any]) -> None:
    """Let the event wait for a worker."""
    await session.execute(
        "INSERT INTO channel_events (tenant_id, id, account_id, kind, content) VALUES ($1, $2, $3, $4, $5::jsonb)",
        session.scope.tenant_id,
        event_id,
        account_id,
        kind,
        orjson.dumps(content, default=dict).decode(),
    )


async def find(session: TenantSession, event_id: UUID) -> Waiting | None:
    """Return the event, None once it was handled."""
    row = await session.fetchrow(
        "SELECT e.account_id, a.external_id AS account_key, a.app_id, e.kind, e.content,"
        " extract(epoch FROM clock_timestamp() - e.created_at)::float8 AS age_s"
        " FROM channel_events e JOIN channel_accounts a ON a.tenant_id = e.tenant_id AND a.id = e.account_id"
        " WHERE e.tenant_id = $1 AND e.id = $2",
        session.scope.tenant_id,
        event_id,
    )
    return Waiting(**{**dict(row), "content": orjson.loads(row["content"])}) if row else None


async def delete(session: TenantSession, event_id: UUID) -> None:
    """It was handled."""
    await session.execute("DELETE FROM channel_events WHERE tenant_id = $1 AND id = $2", session.scope.tenant_id, event_id)
