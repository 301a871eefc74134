"""Rotation of a tenant's key: new version, fence, re-wrapping in batches, and only then the old versions' end."""

from __future__ import annotations

from uuid import UUID

import structlog

from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.kit.crypto import SealBrokenError
from konstruct.tenants import secrets_repository
from konstruct.tenants.envelope import rewrap_secret, seal_secret
from konstruct.tenants.key_provider import KeyDestroyedError, KeyProvider, TenantKey, UnknownKeyError
from konstruct.tenants.secrets_repository import FENCE_ID, FENCE_PURPOSE, SealedSecret

log = structlog.get_logger()
BATCH = 200
"""Rows re-wrapped in one transaction: a writer of one of them waits for no more than that."""
_NAMED = 5


async def rotate(provider: KeyProvider, db: Database, scope: TenantScope) -> int:
    """See Vault.rotate_tenant_key."""
    await provider.rotate(scope.tenant_id)
    target = await provider.current(scope.tenant_id)
    fence = seal_secret(target, scope.tenant_id, FENCE_ID, FENCE_PURPOSE, 1, "")
    async with db.tenant(scope) as session:
        await secrets_repository.raise_fence(session, fence)
    moved = await _rewrap_all(provider, db, scope, target)
    async with db.tenant(scope) as session:
        newest = await secrets_repository.newest_key_version(session)
        left = await secrets_repository.page(session, below_key_version=target.version, after=None, limit=_NAMED)
    if newest > target.version:
        # Another rotation began after this one and finishes what is left; or else the ring is an old copy, which raises.
        await provider.get(scope.tenant_id, newest)
        log.info("vault.rotation_overtaken", tenant_id=str(scope.tenant_id), version=target.version, newest=newest)
        return newest
    if left:
        raise _stuck(scope, target, left)
    for version in await provider.versions(scope.tenant_id):
        if version < target.version:
            await provider.retire(scope.tenant_id, version)
    log.info("vault.rotated", tenant_id=str(scope.tenant_id), version=target.version, secrets=moved)
    return target.version


async def _rewrap_all(provider: KeyProvider, db: Database, scope: TenantScope, target: TenantKey) -> int:
    """Walk the rows once and return how many were re-wrapped. The fence is up, so none appears behind the walk."""
    moved = 0
    after: UUID | None = None
    while True:
        async with db.tenant(scope) as session:
            batch = await secrets_repository.page(session, below_key_version=target.version, after=after, limit=BATCH)
        if not batch:
            return moved
        after = batch[-1].id
        wrapped = await _rewrap_batch(provider, target, batch)
        async with db.tenant(scope) as session:
            await secrets_repository.rewrap(session, wrapped, target.version)
        moved += len(wrapped)


async def _rewrap_batch(provider: KeyProvider, target: TenantKey, batch: list[SealedSecret]) -> list[tuple[SealedSecret, bytes]]:
    """Return the new wrappings of those that open; `rotate` counts the rows that stay behind."""
    wrapped = []
    for secret in batch:
        try:
            old = await provider.get(secret.tenant_id, secret.key_version)
            wrapped.append((secret, rewrap_secret(old, target, secret)))
        except (SealBrokenError, KeyDestroyedError, UnknownKeyError) as error:
            # Damaged, or moved on by another rotation since it was read.
            log.debug("vault.secret_not_rewrapped", secret_id=str(secret.id), reason=type(error).__name__)
    return wrapped


def _stuck(scope: TenantScope, target: TenantKey, left: list[SealedSecret]) -> SealBrokenError:
    named = ", ".join(str(secret.id) for secret in left)
    more = " and perhaps others" if len(left) == _NAMED else ""
    return SealBrokenError(
        f"secrets of tenant {scope.tenant_id} do not open and stay behind key version {target.version}: {named}{more};"
        " no older version was destroyed; replace or delete these, then rotate again"
    )
