from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.kit.settings import Settings
from konstruct.tenants.vault import Vault
from tests.outreach.lines import Lines, open_lines
from tests.support.house import open_house
from tests.support.puppet import Puppet


@pytest.fixture
async def lines(
    settings: Settings, db: Database, house_vault: Vault, tenants: tuple[TenantScope, TenantScope]
) -> AsyncIterator[Lines]:
    """Two businesses with a number each; nobody works but the test."""
    async with open_house(settings, db, house_vault, tenants, Puppet(), run_engine=False) as house, open_lines(house) as made:
        yield made
