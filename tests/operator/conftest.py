from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.kit.ids import uuid7
from konstruct.kit.settings import Settings
from konstruct.tenants import operators
from konstruct.tenants.operators_repository import Operator
from konstruct.tenants.vault import Vault
from tests.support.house import House, open_house
from tests.support.puppet import Puppet


@pytest.fixture
def model() -> Puppet:
    """A model that says what it was asked, until the test lets it say something else."""
    return Puppet()


@pytest.fixture
async def still(
    settings: Settings, db: Database, house_vault: Vault, tenants: tuple[TenantScope, TenantScope], model: Puppet
) -> AsyncIterator[House]:
    """The whole house without an engine: the test claims and works by hand. What comes is due at once."""
    quick = settings.model_copy(update={"burst_s": 0.0, "turn_attempts": 1})
    async with open_house(quick, db, house_vault, tenants, model, run_engine=False) as opened:
        yield opened


@pytest.fixture
async def olga(db: Database) -> Operator:
    """An operator of this test."""
    return await operators.create_operator(db, f"Olga {uuid7().hex[-12:]}")
