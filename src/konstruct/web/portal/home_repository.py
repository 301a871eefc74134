"""What the home page shows, in one reading."""

from __future__ import annotations

from dataclasses import dataclass, field

from konstruct.db.session import TenantSession


@dataclass(frozen=True, slots=True)
class Channel:
    """A connected account."""

    kind: str
    external_id: str
    status: str


@dataclass(frozen=True, slots=True)
class Home:
    """The business, its employee, and its last day."""

    business: str
    employee: str
    persona_version: int
    documents: int
    answered: int
    fallbacks: int
    waiting: int
    dead_letters: int
    channels: list[Channel] = field(default_factory=list)


async def read_home(session: TenantSession) -> Home | None:
    """Return the page's content, or None if the tenant has no employee."""
    tenant_id = session.scope.tenant_id
    row = await session.fetchrow(
        "SELECT t.name AS business, a.name AS employee, a.persona_version,"
        " (SELECT count(*) FROM documents d WHERE d.tenant_id = $1) AS documents,"
        " y.answered, y.fallbacks,"
        " (SELECT count(*) FROM ready_queue q WHERE q.tenant_id = $1 AND q.lane = 'turn' AND q.state <> 'idle') AS waiting,"
        " (SELECT count(*) FROM dead_letters l WHERE l.tenant_id = $1 AND l.resolved_at IS NULL) AS dead_letters"
        " FROM tenants t JOIN agents a ON a.tenant_id = t.tenant_id CROSS JOIN ("
        "   SELECT count(*) FILTER (WHERE outcome = 'answered') AS answered,"
        "     count(*) FILTER (WHERE outcome = 'fallback') AS fallbacks"
        "   FROM turns WHERE tenant_id = $1 AND finished_at > now() - interval '1 day') y"
        " WHERE t.tenant_id = $1 ORDER BY a.created_at LIMIT 1",
        tenant_id,
    )
    if row is None:
        return None
    channels = await session.fetch(
        "SELECT kind, external_id, status FROM channel_accounts WHERE tenant_id = $1 ORDER BY kind, external_id", tenant_id
    )
    return Home(**dict(row), channels=[Channel(**dict(channel)) for channel in channels])
