"""The port to whatever keeps the tenants' keys: a file key ring here; Vault or a cloud's KMS can follow."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol
from uuid import UUID

from konstruct.kit.errors import KonstructError


class KeyProviderError(KonstructError):
    """The key provider cannot serve: missing, unreadable, too widely readable, or under another root key."""


class UnknownKeyError(KeyProviderError):
    """The provider has never had this key: a tenant that was not enrolled, or a version not made yet."""


class KeyDestroyedError(KeyProviderError):
    """The key existed and was destroyed, by a rotation or with its tenant. What it sealed is gone for good."""


@dataclass(frozen=True, slots=True)
class TenantKey:
    """One version of a tenant's key. Use it and let go of it: keeping it would outlive a shredding."""

    version: int
    key: bytes = field(repr=False)


class KeyProvider(Protocol):
    """Keeps one versioned key per tenant, outside the database, and can destroy it.

    Every method may do file or network I/O: never call one inside a database session. All raise KeyProviderError when
    the provider cannot serve.
    """

    async def create(self, tenant_id: UUID) -> int:
        """Make the tenant's first key and return its version; of a tenant that has one, return the current version.

        Raises KeyDestroyedError for a shredded tenant: its id is never used again.
        """

    async def current(self, tenant_id: UUID) -> TenantKey:
        """Return the version to seal with. Raises UnknownKeyError or, for a shredded tenant, KeyDestroyedError."""

    async def get(self, tenant_id: UUID, version: int) -> TenantKey:
        """Return one version, to open with. Raises KeyDestroyedError for a retired one, UnknownKeyError for a future one."""

    async def versions(self, tenant_id: UUID) -> tuple[int, ...]:
        """Return the versions that still exist, oldest first. Raises as `current` does."""

    async def rotate(self, tenant_id: UUID) -> int:
        """Make a new current version and return it; older ones keep opening. Raises as `current` does."""

    async def retire(self, tenant_id: UUID, version: int) -> None:
        """Destroy an old version for good; one already destroyed is fine.

        Raises ConflictError for the current version, UnknownKeyError for a future one.
        """

    async def rotate_root(self) -> int:
        """Re-wrap every tenant key under a new root key, destroy the old one, return the new root version."""

    async def shred(self, tenant_id: UUID) -> None:
        """Destroy every version of the tenant's key for good and remember that it was. May be repeated."""
