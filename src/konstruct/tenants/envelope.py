"""The envelope of one secret: its value under a data key of its own, the data key under the tenant's key.

Associated data binds both to the tenant, the table, the row, the purpose and the version, and the data key to the key
version, so that nothing opens anywhere but where it was sealed. What this cannot show is a whole row put back to an
earlier state of its own.
"""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from konstruct.kit.crypto import SealBrokenError, associated_data, new_key, seal, unseal
from konstruct.tenants.key_provider import TenantKey
from konstruct.tenants.secrets_repository import SealedSecret

_FORMAT = 1


def seal_secret(key: TenantKey, tenant_id: UUID, secret_id: UUID, purpose: str, version: int, plaintext: str) -> SealedSecret:
    """Return the row that holds `plaintext` under a new data key."""
    data_key = new_key()
    bare = SealedSecret(tenant_id, secret_id, purpose, version, key.version, wrapped_key=b"", sealed=b"")
    sealed = seal(data_key, plaintext.encode("utf-8", "surrogatepass"), _value_place(bare))
    return replace(bare, wrapped_key=seal(key.key, data_key, _key_place(bare)), sealed=sealed)


def open_secret(key: TenantKey, secret: SealedSecret) -> str:
    """Return the plaintext. Raises SealBrokenError naming the row when anything of it, or the key, is not what it was."""
    try:
        data_key = unseal(key.key, secret.wrapped_key, _key_place(secret))
        return unseal(data_key, secret.sealed, _value_place(secret)).decode("utf-8", "surrogatepass")
    except SealBrokenError:
        raise _broken(secret) from None


def rewrap_secret(old: TenantKey, new: TenantKey, secret: SealedSecret) -> bytes:
    """Return the data key wrapped under `new`; the value is neither read nor changed. Raises SealBrokenError."""
    try:
        data_key = unseal(old.key, secret.wrapped_key, _key_place(secret))
    except SealBrokenError:
        raise _broken(secret) from None
    return seal(new.key, data_key, _key_place(replace(secret, key_version=new.version)))


def _value_place(secret: SealedSecret) -> bytes:
    place = (secret.tenant_id, "secrets", secret.id, secret.purpose, secret.version)
    return associated_data("konstruct secret", _FORMAT, "value", *place)


def _key_place(secret: SealedSecret) -> bytes:
    place = (secret.tenant_id, "secrets", secret.id, secret.purpose, secret.version, secret.key_version)
    return associated_data("konstruct secret", _FORMAT, "data key", *place)


def _broken(secret: SealedSecret) -> SealBrokenError:
    return SealBrokenError(f"secret {secret.id} of tenant {secret.tenant_id} does not open: changed, moved, or another key ring")
