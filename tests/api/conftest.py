from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.kit.settings import Settings
from konstruct.llm.backends.scripted import ScriptedBackend
from konstruct.tenants.vault import Vault
from konstruct.web.api import limits
from tests.support.api import Program, open_api
from tests.support.house import House, open_house


@pytest.fixture
async def house(
    settings: Settings, db: Database, house_vault: Vault, tenants: tuple[TenantScope, TenantScope]
) -> AsyncIterator[House]:
    async with open_house(settings, db, house_vault, tenants, ScriptedBackend(), run_engine=False) as opened:
        yield opened


@pytest.fixture
async def program(house: House) -> AsyncIterator[Program]:
    """A key of the first tenant's owner, with every scope."""
    async with open_api(house, house.scopes[0]) as opened:
        yield opened


@pytest.fixture
async def other(house: House) -> AsyncIterator[Program]:
    """The same of the second tenant."""
    async with open_api(house, house.scopes[1]) as opened:
        yield opened


@pytest.fixture
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a key make as many requests as a test of the whole table needs."""
    monkeypatch.setattr(limits, "BURST", 100_000)
