"""Two businesses at numbers."""

from __future__ import annotations

import pytest

from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.tenants.vault import Vault
from tests.consent.numbers import Number, numbers


@pytest.fixture
async def pair(db: Database, house_vault: Vault, tenants: tuple[TenantScope, TenantScope]) -> tuple[Number, Number]:
    """Two businesses, each with a number and two templates."""
    return await numbers(db, house_vault, tenants)
