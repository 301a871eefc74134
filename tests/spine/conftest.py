from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.kit.settings import Settings
from konstruct.llm.backends.scripted import ScriptedBackend
from konstruct.tenants.vault import Vault
from tests.support.house import House, open_house


@pytest.fixture
def model() -> ScriptedBackend:
    """A model that says what it was asked: each test may replace it."""
    return ScriptedBackend()


@pytest.fixture
async def house(
    settings: Settings, db: Database, house_vault: Vault, tenants: tuple[TenantScope, TenantScope], model: ScriptedBackend
) -> AsyncIterator[House]:
    """The whole house, with two connected tenants."""
    async with open_house(settings, db, house_vault, tenants, model) as opened:
        yield opened
