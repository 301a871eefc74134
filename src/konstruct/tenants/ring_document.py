"""The content of a key ring file: every tenant's keys, each wrapped under the root key."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from konstruct.kit.crypto import SealBrokenError, associated_data, seal, unseal
from konstruct.kit.errors import ConflictError
from konstruct.tenants.key_provider import KeyDestroyedError, KeyProviderError, UnknownKeyError
from konstruct.tenants.root_key import RootKey

FORMAT = 1


@dataclass(frozen=True, slots=True)
class TenantKeys:
    """The wrapped versions of one tenant's key. `current` is 0 and `wrapped` empty once the tenant is shredded."""

    current: int
    wrapped: dict[int, bytes] = field(repr=False)

    @property
    def shredded(self) -> bool:
        """True when no version is left and none will ever be."""
        return self.current == 0


SHREDDED = TenantKeys(current=0, wrapped={})


@dataclass(frozen=True, slots=True)
class RingDocument:
    """One state of a key ring. Never changed in place: each change returns a new one."""

    ring_id: str
    root_version: int
    root_fingerprint: str
    tenants: dict[UUID, TenantKeys] = field(repr=False)

    def keys_of(self, tenant_id: UUID) -> TenantKeys:
        """Return a living tenant's keys. Raises UnknownKeyError or KeyDestroyedError."""
        keys = self.tenants.get(tenant_id)
        if keys is None:
            raise UnknownKeyError(f"the key ring holds no key of tenant {tenant_id}")
        if keys.shredded:
            raise KeyDestroyedError(f"the key of tenant {tenant_id} was shredded")
        return keys

    def open_key(self, root: RootKey, tenant_id: UUID, version: int) -> bytes:
        """Return the bytes of one version. Raises UnknownKeyError, KeyDestroyedError, or KeyProviderError when it is damaged."""
        keys = self.keys_of(tenant_id)
        if version > keys.current or version < 1:
            raise UnknownKeyError(f"the key of tenant {tenant_id} has no version {version}: the newest is {keys.current}")
        if version not in keys.wrapped:
            raise KeyDestroyedError(f"version {version} of the key of tenant {tenant_id} was retired")
        try:
            return unseal(root.key, keys.wrapped[version], self._bound_to(tenant_id, version))
        except SealBrokenError:
            entry = f"version {version} of tenant {tenant_id}"
            raise KeyProviderError(f"the key ring is damaged at {entry}: restore it from its backup") from None

    def with_key(self, root: RootKey, tenant_id: UUID, key: bytes) -> RingDocument:
        """Return the ring with `key` as the tenant's next and current version."""
        before = self.tenants.get(tenant_id, SHREDDED)
        version = before.current + 1
        wrapped = seal(root.key, key, self._bound_to(tenant_id, version))
        return self._with(tenant_id, TenantKeys(version, {**before.wrapped, version: wrapped}))

    def without_version(self, tenant_id: UUID, version: int) -> RingDocument:
        """Return the ring with one old version destroyed. Raises as `KeyProvider.retire`."""
        keys = self.keys_of(tenant_id)
        if version == keys.current:
            raise ConflictError(f"version {version} is the current key of tenant {tenant_id}: rotate before retiring it")
        if version > keys.current or version < 1:
            raise UnknownKeyError(f"the key of tenant {tenant_id} has no version {version}")
        left = {number: wrapped for number, wrapped in keys.wrapped.items() if number != version}
        return self._with(tenant_id, TenantKeys(keys.current, left))

    def without_tenant(self, tenant_id: UUID) -> RingDocument:
        """Return the ring with all of the tenant's keys destroyed; its id stays, so that no key is made for it again."""
        return self._with(tenant_id, SHREDDED)

    def rewrapped(self, old: RootKey, new: RootKey) -> RingDocument:
        """Return the same keys under `new`, as the next root version. Raises KeyProviderError for a damaged key."""
        target = replace(self, root_version=self.root_version + 1, root_fingerprint=new.fingerprint, tenants={})
        for tenant_id, keys in self.tenants.items():
            target.tenants[tenant_id] = TenantKeys(
                keys.current,
                {
                    version: seal(new.key, self.open_key(old, tenant_id, version), target._bound_to(tenant_id, version))
                    for version in keys.wrapped
                },
            )
        return target

    def dump(self) -> bytes:
        """Return the file's content."""
        tenants = {str(tenant_id): _dump_keys(keys) for tenant_id, keys in self.tenants.items()}
        root = {"version": self.root_version, "fingerprint": self.root_fingerprint}
        document = {"format": FORMAT, "ring": self.ring_id, "root": root, "tenants": tenants}
        return json.dumps(document, indent=1).encode() + b"\n"

    def _with(self, tenant_id: UUID, keys: TenantKeys) -> RingDocument:
        return replace(self, tenants={**self.tenants, tenant_id: keys})

    def _bound_to(self, tenant_id: UUID, version: int) -> bytes:
        return associated_data("konstruct key ring", FORMAT, self.ring_id, self.root_version, tenant_id, version)


def parse_ring(content: bytes, where: str) -> RingDocument:
    """Return the ring in a file's content. Raises KeyProviderError naming `where` when it is damaged."""
    try:
        document = json.loads(content)
        if document["format"] != FORMAT:
            raise ValueError
        tenants = {UUID(tenant_id): _parse_keys(keys) for tenant_id, keys in document["tenants"].items()}
        root = document["root"]
        return RingDocument(str(document["ring"]), int(root["version"]), str(root["fingerprint"]), tenants)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise KeyProviderError(f"the key ring {where} is damaged: restore it from its backup") from None


def _dump_keys(keys: TenantKeys) -> dict[str, Any]:
    wrapped = {str(version): base64.b64encode(key).decode() for version, key in keys.wrapped.items()}
    return {"current": keys.current, "keys": wrapped}


def _parse_keys(stored: dict[str, Any]) -> TenantKeys:
    wrapped = {int(version): base64.b64decode(key, validate=True) for version, key in stored["keys"].items()}
    current = int(stored["current"])
    if current < 0 or (current not in wrapped) is (current > 0) or any(not 0 < version <= current for version in wrapped):
        raise ValueError
    return TenantKeys(current, wrapped)
