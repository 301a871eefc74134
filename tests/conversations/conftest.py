from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from konstruct.conversations.colleague import Colleague
from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.kit.settings import Settings
from konstruct.tenants.vault import Vault
from tests.support.house import House, open_house
from tests.support.inbox import add_colleague
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
    quick = settings.model_copy(update={"burst_s": 0.0})
    async with open_house(quick, db, house_vault, tenants, model, run_engine=False) as opened:
        yield opened


@pytest.fixture
async def maria(db: Database, tenants: tuple[TenantScope, TenantScope]) -> Colleague:
    """A member of the first business."""
    return await add_colleague(db, tenants[0])


@pytest.fixture
async def boris(db: Database, tenants: tuple[TenantScope, TenantScope]) -> Colleague:
    """A member of the second business."""
    return await add_colleague(db, tenants[1], "Boris")
