"""SQL of `api_keys`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from konstruct.db.session import Record, TenantSession
from konstruct.tenants.roles import Permission, Role


@dataclass(frozen=True, slots=True)
class ListedKey:
    """A key as its list shows it; the secret is nowhere."""

    id: UUID
    name: str
    prefix: str
    scopes: tuple[str, ...]
    created_by_name: str
    creator_role: Role | None
    """The role of its creator now; None if that member is gone, and then the key opens nothing."""
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None
    expired: bool

    @property
    def works(self) -> bool:
        """Whether a request with it would be let in."""
        return self.revoked_at is None and not self.expired and self.creator_role is not None


_FIND = """
SELECT k.id, k.name AS key_name, k.prefix, k.scopes, k.created_at, k.expires_at,
  coalesce(k.last_used_at < now() - $3::interval, true) AS stale,
  m.id AS member_id, m.name AS member_name, m.email, m.role, t.name AS business
FROM api_keys k
JOIN tenant_directory d ON d.tenant_id = k.tenant_id AND d.status = 'active'
JOIN members m ON m.tenant_id = k.tenant_id AND m.id = k.created_by
JOIN tenants t ON t.tenant_id = k.tenant_id
WHERE k.tenant_id = $1 AND k.secret_hash = $2 AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > now())
"""


async def find_live(session: TenantSession, secret_hash: bytes, noted_every: timedelta) -> Record | None:
    """Return the key of this secret with its creator and business, if it opens anything. `stale`: its use is to be noted."""
    return await session.fetchrow(_FIND, session.scope.tenant_id, secret_hash, noted_every)


async def note_use(session: TenantSession, key_id: UUID) -> None:
    """Note that the key was used now."""
    sql = "UPDATE api_keys SET last_used_at = now() WHERE tenant_id = $1 AND id = $2"
    await session.execute(sql, session.scope.tenant_id, key_id)


async def insert(
    session: TenantSession,
    key_id: UUID,
    name: str,
    prefix: str,
    secret_hash: bytes,
    scopes: Sequence[Permission],
    creator: tuple[UUID, str],
    lifetime: timedelta | None,
    most: int,
) -> bool:
    """Store a key; False if the business has `most` keys already that are not revoked."""
    stored = await session.execute(
        "INSERT INTO api_keys (tenant_id, id, name, prefix, secret_hash, scopes, created_by, created_by_name, expires_at)"
        " SELECT $1, $2, $3, $4, $5, $6, $7, $8, now() + $9::interval"
        " WHERE (SELECT count(*) FROM api_keys WHERE tenant_id = $1 AND revoked_at IS NULL) < $10",
        session.scope.tenant_id,
        key_id,
        name,
        prefix,
        secret_hash,
        [scope.value for scope in scopes],
        *creator,
        lifetime,
        most,
    )
    return stored > 0


async def revoke(session: TenantSession, key_id: UUID) -> bool:
    """Revoke a key for good; twice is once. False if the business has no such key."""
    sql = "UPDATE api_keys SET revoked_at = coalesce(revoked_at, now()) WHERE tenant_id = $1 AND id = $2"
    return await session.execute(sql, session.scope.tenant_id, key_id) > 0


async def list_all(session: TenantSession, limit: int) -> list[ListedKey]:
    """Return the keys, those that are not revoked first, the newest first within."""
    rows = await session.fetch(
        "SELECT k.id, k.name, k.prefix, k.scopes, k.created_by_name, m.role AS creator_role, k.created_at, k.expires_at,"
        " k.last_used_at, k.revoked_at, coalesce(k.expires_at <= now(), false) AS expired"
        " FROM api_keys k LEFT JOIN members m ON m.tenant_id = k.tenant_id AND m.id = k.created_by"
        " WHERE k.tenant_id = $1 ORDER BY k.revoked_at IS NOT NULL, k.created_at DESC, k.id DESC LIMIT $2",
        session.scope.tenant_id,
        limit,
    )
    return [ListedKey(**dict(row) | {"scopes": tuple(row["scopes"])}) for row in rows]
