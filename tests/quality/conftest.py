from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.kit.settings import Settings
from konstruct.tenants.vault import Vault
from tests.quality.numbers import Numbers, open_numbers


@pytest.fixture
async def numbers(
    settings: Settings, db: Database, house_vault: Vault, tenants: tuple[TenantScope, TenantScope]
) -> AsyncIterator[Numbers]:
    """Two businesses, each with a number at the fake Graph API, look-alikes of each other."""
    async with open_numbers(settings, db, house_vault, tenants) as opened:
        yield opened
