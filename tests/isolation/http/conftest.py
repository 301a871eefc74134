from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.kit.settings import Settings
from konstruct.tenants.vault import Vault
from konstruct.web.api import limits
from tests.isolation.http.stock import Stock, stock
from tests.support.house import House, open_house
from tests.support.puppet import Puppet


@pytest.fixture
async def still(
    settings: Settings,
    db: Database,
    house_vault: Vault,
    tenants: tuple[TenantScope, TenantScope],
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[House]:
    """The whole house without an engine, whose keys may ask as often as a test does."""
    monkeypatch.setattr(limits, "BURST", 100_000)
    quick = settings.model_copy(update={"burst_s": 0.0, "turn_attempts": 1})
    async with open_house(quick, db, house_vault, tenants, Puppet(), run_engine=False) as opened:
        yield opened


@pytest.fixture
async def stocks(still: House) -> tuple[Stock, Stock]:
    """Something of every kind in both businesses: the first one attacks, the second one is attacked."""
    return await stock(still, 0), await stock(still, 1)
