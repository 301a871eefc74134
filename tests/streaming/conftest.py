from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from konstruct.channels.stream_machine import Pace
from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.kit.settings import Settings
from konstruct.tenants.vault import Vault
from tests.streaming.scene import Scene
from tests.support.house import House, open_house
from tests.support.puppet import Puppet
from tests.support.talker import Talker

AT_ONCE = Pace(first_s=0.0, early_s=0.0, gap_s=0.0, edit_s=0.0, open_s=1.0, call_s=0.5, linger_s=0.05)
"""Whatever is said is shown as soon as the machine can: the tests wait for what is to be seen, not for a time."""


@pytest.fixture
def talker() -> Talker:
    return Talker()


@pytest.fixture
async def scene(
    settings: Settings, db: Database, house_vault: Vault, tenants: tuple[TenantScope, TenantScope], talker: Talker
) -> AsyncIterator[Scene]:
    """The house without an engine, a model that speaks when told to, and answers that are shown while it speaks."""
    quick = settings.model_copy(
        update={
            "burst_s": 0.0,
            "turn_attempts": 3,
            "turn_deadline_s": 30.0,
            "send_window_s": 1.5,
            "echo_wait_s": 30.0,
            "look_up_wait_s": 60.0,
        }
    )
    async with open_house(quick, db, house_vault, tenants, talker, run_engine=False, pace=AT_ONCE) as house:
        yield Scene(house, talker)


@pytest.fixture
def model() -> Puppet:
    return Puppet()


@pytest.fixture
async def still(
    settings: Settings, db: Database, house_vault: Vault, tenants: tuple[TenantScope, TenantScope], model: Puppet
) -> AsyncIterator[House]:
    """The house without an engine, at its own pace."""
    quick = settings.model_copy(update={"burst_s": 0.0})
    async with open_house(quick, db, house_vault, tenants, model, run_engine=False) as house:
        yield house
