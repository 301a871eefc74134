"""SQL of installs that somebody began: the states that lead back from a provider's page of consent."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from konstruct.db.session import TenantSession
from konstruct.kit.ids import uuid7


@dataclass(frozen=True, slots=True)
class Begun:
    """An install that was begun, as far as it says why its state is not taken."""

    session_id: UUID
    used: bool
    expired: bool


async def insert(session: TenantSession, kind: str, session_id: UUID, state_hash: bytes, lifetime_s: float) -> None:
    """Store a new one."""
    await session.execute(
        "INSERT INTO channel_installs (tenant_id, id, kind, session_id, state_hash, expires_at)"
        " VALUES ($1, $2, $3, $4, $5, now() + $6::float8 * interval '1 second')",
        session.scope.tenant_id,
        uuid7(),
        kind,
        session_id,
        state_hash,
        lifetime_s,
    )


async def forget(session: TenantSession, kept_s: float) -> None:
    """Delete those that ended long ago."""
    await session.execute(
        "DELETE FROM channel_installs WHERE tenant_id = $1 AND id IN (SELECT i.id FROM channel_installs i"
        " WHERE i.tenant_id = $1 AND i.expires_at < now() - $2::float8 * interval '1 second'"
        " ORDER BY i.id LIMIT 1000 FOR UPDATE SKIP LOCKED)",
        session.scope.tenant_id,
        kept_s,
    )


async def use(session: TenantSession, kind: str, session_id: UUID, state_hash: bytes) -> bool:
    """Use a state up; False unless it is this session's, in time, and was not used before. Of two at once one gets True."""
    used = await session.execute(
        "UPDATE channel_installs SET used_at = now() WHERE tenant_id = $1 AND kind = $2 AND session_id = $3 AND state_hash = $4"
        " AND used_at IS NULL AND expires_at > now()",
        session.scope.tenant_id,
        kind,
        session_id,
        state_hash,
    )
    return used == 1


async def find(session: TenantSession, kind: str, state_hash: bytes) -> Begun | None:
    """Return the tenant's install of that state, or None."""
    row = await session.fetchrow(
        "SELECT session_id, used_at IS NOT NULL AS used, expires_at <= now() AS expired FROM channel_installs"
        " WHERE tenant_id = $1 AND kind = $2 AND state_hash = $3",
        session.scope.tenant_id,
        kind,
        state_hash,
    )
    return Begun(**row) if row else None
