"""SQL of the table `secrets`. It moves sealed bytes only: no key and no plaintext ever comes here.

A version of a tenant's key is destroyed once no row uses it, so no row may appear under an old version later, not even
from a transaction that began before the rotation. Hence the fence: a writer holds a shared lock until its commit and
writes only while no row of the tenant has a newer key version; a rotation takes the lock alone for a moment, and leaves
a row with the new version.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from konstruct.db.session import TenantSession

FENCE_ID = UUID("00000000-0000-7000-8000-000000000001")
"""The id of the row that each tenant's rotations leave: no secret of anybody's."""
FENCE_PURPOSE = "vault.fence"
_LOCK_SPACE = 0x5EC7
_COLUMNS = "tenant_id, id, purpose, version, key_version, wrapped_key, sealed"
_NOT_OUTDATED = "NOT EXISTS (SELECT 1 FROM secrets AS newer WHERE newer.tenant_id = $1 AND newer.key_version > $2)"


@dataclass(frozen=True, slots=True)
class SealedSecret:
    """A row of `secrets`: safe to hold and to print, useless without the tenant's key."""

    tenant_id: UUID
    id: UUID
    purpose: str
    version: int
    key_version: int
    wrapped_key: bytes = field(repr=False)
    sealed: bytes = field(repr=False)


async def find(session: TenantSession, secret_id: UUID) -> SealedSecret | None:
    """Return one secret, or None when this tenant has none of that id."""
    row = await session.fetchrow(
        f"SELECT {_COLUMNS} FROM secrets WHERE tenant_id = $1 AND id = $2",
        session.scope.tenant_id,
        secret_id,
    )
    return SealedSecret(**row) if row else None


async def insert(session: TenantSession, secret: SealedSecret) -> bool:
    """Store a new secret; False, and nothing stored, when its key version has been replaced meanwhile."""
    await lock_against_rotation(session)
    stored = await session.execute(
        "INSERT INTO secrets (tenant_id, key_version, id, purpose, version, wrapped_key, sealed)"
        f" SELECT $1, $2, $3, $4, $5, $6, $7 WHERE {_NOT_OUTDATED}",
        session.scope.tenant_id,
        secret.key_version,
        secret.id,
        secret.purpose,
        secret.version,
        secret.wrapped_key,
        secret.sealed,
    )
    return stored == 1


async def update(session: TenantSession, secret: SealedSecret) -> bool:
    """Replace the value of the version just before `secret.version`; False when that is gone or the key outdated."""
    await lock_against_rotation(session)
    stored = await session.execute(
        "UPDATE secrets SET key_version = $2, version = $4, wrapped_key = $5, sealed = $6, updated_at = now()"
        f" WHERE tenant_id = $1 AND id = $3 AND version = $4 - 1 AND {_NOT_OUTDATED}",
        session.scope.tenant_id,
        secret.key_version,
        secret.id,
        secret.version,
        secret.wrapped_key,
        secret.sealed,
    )
    return stored == 1


async def delete(session: TenantSession, secret_id: UUID) -> bool:
    """Delete one secret; False when this tenant has none of that id."""
    sql = "DELETE FROM secrets WHERE tenant_id = $1 AND id = $2"
    return await session.execute(sql, session.scope.tenant_id, secret_id) == 1


async def page(session: TenantSession, *, below_key_version: int, after: UUID | None, limit: int) -> list[SealedSecret]:
    """Return up to `limit` secrets under older key versions, in the order of their ids, after the id `after`."""
    rows = await session.fetch(
        f"SELECT {_COLUMNS} FROM secrets"
        " WHERE tenant_id = $1 AND key_version < $2 AND ($3::uuid IS NULL OR id > $3) ORDER BY id LIMIT $4",
        session.scope.tenant_id,
        below_key_version,
        after,
        limit,
    )
    return [SealedSecret(**row) for row in rows]


async def rewrap(session: TenantSession, secrets: Sequence[tuple[SealedSecret, bytes]], key_version: int) -> None:
    """Store new wrappings of data keys. A secret that changed since it was read is left alone; all are, when a newer
    rotation has raised its fence."""
    await lock_against_rotation(session)
    if await newest_key_version(session) > key_version:
        return
    await session.executemany(
        "UPDATE secrets SET key_version = $2, wrapped_key = $5"
        " WHERE tenant_id = $1 AND id = $3 AND version = $4 AND key_version = $6",
        [
            (session.scope.tenant_id, key_version, secret.id, secret.version, wrapped, secret.key_version)
            for secret, wrapped in secrets
        ],
    )


async def newest_key_version(session: TenantSession) -> int:
    """Return the newest key version that any of the tenant's rows uses; 0 without rows."""
    sql = "SELECT COALESCE(max(key_version), 0) FROM secrets WHERE tenant_id = $1"
    return int(await session.fetchval(sql, session.scope.tenant_id))


async def raise_fence(session: TenantSession, fence: SealedSecret) -> None:
    """Wait for every writer under way, then leave a row with the new key version: older ones are refused from then on."""
    await session.execute("SELECT pg_advisory_xact_lock($1, $2)", _LOCK_SPACE, _lock_key(session))
    await session.execute(
        "INSERT INTO secrets (tenant_id, key_version, id, purpose, version, wrapped_key, sealed)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (tenant_id, id) DO UPDATE SET key_version = excluded.key_version,"
        " wrapped_key = excluded.wrapped_key, sealed = excluded.sealed, updated_at = now()"
        " WHERE secrets.key_version < excluded.key_version",
        session.scope.tenant_id,
        fence.key_version,
        fence.id,
        fence.purpose,
        fence.version,
        fence.wrapped_key,
        fence.sealed,
    )


async def lock_against_rotation(session: TenantSession) -> None:
    """Hold off rotations of this tenant's key until the transaction ends. A statement of its own: the next one must see
    what a rotation committed while this one waited."""
    await session.execute("SELECT pg_advisory_xact_lock_shared($1, $2)", _LOCK_SPACE, _lock_key(session))


def _lock_key(session: TenantSession) -> int:
    return int.from_bytes(session.scope.tenant_id.bytes[-4:], "big", signed=True)
