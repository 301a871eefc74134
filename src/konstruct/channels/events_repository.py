"""SQL of what a channel brought besides messages, and nobody has handled yet."""

from __future__ import annotations

from collections.abc import Sequence
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
    called: dict[str, str] = field(default_factory=dict, repr=False)
    """What a person of the event is called now, by a name that the event has for them."""


@dataclass(frozen=True, slots=True)
class Coming:
    """An event that came, and what of its delivery is kept: None: only that it came."""

    id: UUID
    account_id: UUID
    event_key: str
    body: bytes | None = field(repr=False)
    kind: str
    content: dict[str, Any] = field(repr=False)


async def store(session: TenantSession, coming: Sequence[Coming]) -> set[UUID]:
    """Store the events with their deliveries, and let them wait for a worker; return the ids of those that are new. Of the
    others nothing more is to be done. No two have one key."""
    rows = await session.fetch(
        "WITH came AS (SELECT * FROM unnest($2::uuid[], $3::uuid[], $4::text[], $5::bytea[], $6::text[], $7::text[])"
        "   AS c (id, account_id, key, body, kind, content)),"
        # One order of locking for all processes.
        " fresh AS (INSERT INTO dedupe_keys (tenant_id, key) SELECT $1, key FROM came ORDER BY key"
        "   ON CONFLICT DO NOTHING RETURNING key),"
        " new AS (SELECT c.* FROM came c JOIN fresh f USING (key)),"
        " kept AS (INSERT INTO inbound_events (tenant_id, id, account_id, event_key, body)"
        "   SELECT $1, id, account_id, key, body FROM new WHERE body IS NOT NULL),"
        " waiting AS (INSERT INTO channel_events (tenant_id, id, account_id, kind, content)"
        "   SELECT $1, id, account_id, kind, content::jsonb FROM new)"
        " SELECT id FROM new",
        session.scope.tenant_id,
        [each.id for each in coming],
        [each.account_id for each in coming],
        [each.event_key for each in coming],
        [each.body for each in coming],
        [each.kind for each in coming],
        [orjson.dumps(each.content, default=dict).decode() for each in coming],
    )
    return {row["id"] for row in rows}


async def find(session: TenantSession, event_id: UUID) -> Waiting | None:
    """Return the event, None once it was handled."""
    row = await session.fetchrow(
        "SELECT e.account_id, a.external_id AS account_key, a.app_id, e.kind, e.content,"
        " extract(epoch FROM clock_timestamp() - e.created_at)::float8 AS age_s,"
        " (SELECT jsonb_object_agg(i.alias, k.external_id) FROM contact_aliases i"
        "   JOIN contacts k ON k.tenant_id = i.tenant_id AND k.id = i.contact_id WHERE i.tenant_id = $1"
        "   AND i.account_id = e.account_id AND i.alias IN (e.content ->> 'person_id', e.content ->> 'channel_id')) AS called"
        " FROM channel_events e JOIN channel_accounts a ON a.tenant_id = e.tenant_id AND a.id = e.account_id"
        " WHERE e.tenant_id = $1 AND e.id = $2",
        session.scope.tenant_id,
        event_id,
    )
    if row is None:
        return None
    called = orjson.loads(row["called"]) if row["called"] else {}
    return Waiting(**{**dict(row), "content": orjson.loads(row["content"]), "called": called})


async def delete(session: TenantSession, event_id: UUID) -> None:
    """It was handled."""
    await session.execute("DELETE FROM channel_events WHERE tenant_id = $1 AND id = $2", session.scope.tenant_id, event_id)
