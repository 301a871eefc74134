"""The vault: a tenant's secrets, sealed in the database under keys that are not in it.

The database and the keys are never used at once: a secret is sealed before the transaction that stores it and opened
after the one that read it. A plaintext is asked for just before the call that needs it, and never kept.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from uuid import UUID

import structlog

from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.db.session import TenantSession
from konstruct.kit.errors import ConflictError, NotFoundError
from konstruct.kit.ids import uuid7
from konstruct.tenants import key_rotation, secrets_repository
from konstruct.tenants.envelope import open_secret, seal_secret
from konstruct.tenants.key_provider import KeyDestroyedError, KeyProvider
from konstruct.tenants.secrets_repository import SealedSecret

log = structlog.get_logger()
_PURPOSE = re.compile(r"[a-z][a-z0-9_.]{0,62}")
_ATTEMPTS = 10
"""Tries at a write or a read that another writer or a rotation overtook; each overtaking takes a commit of theirs."""


class KeyRotatedError(ConflictError):
    """The tenant's key was rotated between sealing and storing: nothing was stored, seal again."""


@dataclass(frozen=True, slots=True)
class Vault:
    """Seals and opens tenants' secrets. Holds no key and no plaintext between calls."""

    provider: KeyProvider

    async def enrol(self, scope: TenantScope) -> int:
        """Make the tenant's first key, once, before its first secret; return the current version. May be repeated."""
        return await self.provider.create(scope.tenant_id)

    async def seal(self, scope: TenantScope, purpose: str, plaintext: str) -> SealedSecret:
        """Return `plaintext` sealed as a new secret, to be given to `store`. Touches no database: call it before one.

        `purpose` says what it is for, such as `slack.bot_token`. Raises UnknownKeyError before `enrol`,
        KeyDestroyedError after `shred`, ValueError for a malformed purpose.
        """
        if not _PURPOSE.fullmatch(purpose):
            raise ValueError("a purpose is 1 to 63 of a-z, 0-9, _ and ., such as slack.bot_token")
        key = await self.provider.current(scope.tenant_id)
        return seal_secret(key, scope.tenant_id, uuid7(), purpose, 1, plaintext)

    async def store(self, session: TenantSession, secret: SealedSecret) -> UUID:
        """Insert a sealed secret in the caller's transaction, next to the row that names it; return its id.

        Raises KeyRotatedError when the key was rotated since `seal`: leave the transaction, seal and store again;
        ConflictError when it was sealed for another tenant.
        """
        if secret.tenant_id != session.scope.tenant_id:
            raise ConflictError(f"secret {secret.id} was sealed for another tenant than the session's")
        if not await secrets_repository.insert(session, secret):
            raise KeyRotatedError(f"the key of tenant {secret.tenant_id} was rotated while a secret was stored: try again")
        return secret.id

    async def put(self, db: Database, scope: TenantScope, purpose: str, plaintext: str) -> UUID:
        """Seal and store in a transaction of its own; return the secret's id. Raises as `seal`."""
        for _ in range(_ATTEMPTS):
            sealed = await self.seal(scope, purpose, plaintext)
            async with db.tenant(scope) as session:
                if await secrets_repository.insert(session, sealed):
                    return sealed.id
        raise KeyRotatedError(
            f"the key of tenant {scope.tenant_id} is being rotated again and again, or the key ring is older than the database"
        )

    async def reveal(self, db: Database, scope: TenantScope, secret_id: UUID, *, purpose: str | None = None) -> str:
        """Return the plaintext. With `purpose`, only a secret of that purpose counts.

        Raises NotFoundError (also for another tenant's), KeyDestroyedError after a shredding, SealBrokenError when the
        row is not what was stored, KeyProviderError when the keys cannot be read.
        """
        secret = await _read(db, scope, secret_id, purpose)
        for _ in range(_ATTEMPTS):
            try:
                return open_secret(await self.provider.get(scope.tenant_id, secret.key_version), secret)
            except KeyDestroyedError:
                # A rotation may have re-wrapped the row and retired the version since it was read.
                again = await _read(db, scope, secret_id, purpose)
                if again.key_version == secret.key_version:
                    raise
                secret = again
        raise KeyRotatedError(f"the key of tenant {scope.tenant_id} is being rotated again and again: try later")

    async def replace(self, db: Database, scope: TenantScope, secret_id: UUID, plaintext: str) -> int:
        """Give a secret a new value under a new data key; return its new version. Of two writers at once the later wins.

        Raises NotFoundError, and as `seal`; ConflictError when other writers overtook it every time.
        """
        for _ in range(_ATTEMPTS):
            sealed = await self.seal_again(db, scope, secret_id, plaintext)
            async with db.tenant(scope) as session:
                if await self.store_again(session, sealed):
                    return sealed.version
        raise ConflictError(
            f"secret {secret_id} is being replaced by others again and again, or the key ring is older than the database"
        )

    async def seal_again(self, db: Database, scope: TenantScope, secret_id: UUID, plaintext: str) -> SealedSecret:
        """Return a new value of a secret under a new data key, to be given to `store_again`. Raises as `replace`."""
        before = await _read(db, scope, secret_id, None)
        key = await self.provider.current(scope.tenant_id)
        return seal_secret(key, scope.tenant_id, secret_id, before.purpose, before.version + 1, plaintext)

    async def store_again(self, session: TenantSession, secret: SealedSecret) -> bool:
        """Store a new value in the caller's transaction, next to what depends on it; False, and nothing stored, when another
        writer or a rotation overtook it, or the secret is gone: leave the transaction, and begin again."""
        return await secrets_repository.update(session, secret)

    async def delete(self, session: TenantSession, secret_id: UUID) -> bool:
        """Delete a secret in the caller's transaction; False when this tenant has none of that id."""
        return await secrets_repository.delete(session, secret_id)

    async def rotate_tenant_key(self, db: Database, scope: TenantScope) -> int:
        """Make a new key version, re-wrap the tenant's data keys, destroy the older versions; return the new version.

        Runs beside readers and writers; after a crash, run it again. Raises SealBrokenError when rows do not open: the
        others are re-wrapped then, and no version is destroyed. A database dump of before opens no more afterwards.
        """
        return await key_rotation.rotate(self.provider, db, scope)

    async def shred(self, scope: TenantScope) -> None:
        """Destroy the tenant's keys: nothing sealed for it opens any more, here or from any dump. May be repeated."""
        await self.provider.shred(scope.tenant_id)
        log.info("vault.shredded", tenant_id=str(scope.tenant_id))


async def _read(db: Database, scope: TenantScope, secret_id: UUID, purpose: str | None) -> SealedSecret:
    async with db.tenant(scope) as session:
        secret = await secrets_repository.find(session, secret_id)
    if secret is None or purpose not in (None, secret.purpose):
        raise NotFoundError(f"tenant {scope.tenant_id} has no {f'{purpose} ' if purpose else ''}secret {secret_id}")
    return secret
