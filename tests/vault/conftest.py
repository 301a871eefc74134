"""Key rings and vaults on a temporary path; database tests use the shared `db` and `tenants`."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import pytest

from konstruct.db.scope import TenantScope
from konstruct.tenants.keyring import FileKeyRing
from konstruct.tenants.vault import Vault

ALPHA = UUID("0193a000-0000-7000-8000-00000000000a")
BETA = UUID("0193a000-0000-7000-8000-00000000000b")


@pytest.fixture
def ring_path(tmp_path: Path) -> Path:
    return tmp_path / "keys" / "ring.json"


@pytest.fixture
async def ring(ring_path: Path) -> FileKeyRing:
    """An open ring with a key for each of two tenants."""
    made = FileKeyRing(ring_path)
    assert await made.init()
    for tenant_id in (ALPHA, BETA):
        assert await made.create(tenant_id) == 1
    return made


@pytest.fixture
async def scopes(tenants: tuple[TenantScope, TenantScope], ring: FileKeyRing) -> tuple[TenantScope, TenantScope]:
    """Two tenants of the database, both with a key in `ring`."""
    for scope in tenants:
        await ring.create(scope.tenant_id)
    return tenants


@pytest.fixture
def vault(ring: FileKeyRing) -> Vault:
    return Vault(ring)
