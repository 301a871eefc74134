from __future__ import annotations

from collections.abc import AsyncIterator
from typing import cast
from uuid import UUID

import pytest

from konstruct.channels import desk_presses
from konstruct.channels.limits import SendLimits
from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.kit.settings import Settings
from konstruct.tenants.vault import Vault
from tests.support.house import House, open_house
from tests.support.puppet import Puppet


class FreeLimits:
    """Lets everything go at once, unless a test lets it wait; says what was asked."""

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.paused: list[tuple[str | None, float]] = []
        self.wait_s = 0.0

    async def take(self, _scope: TenantScope, _account: UUID, method: str, **_: object) -> float:
        self.taken.append(method)
        return self.wait_s

    def kept(self, _method: str) -> None:
        return None

    async def pause(self, _scope: TenantScope, _account: UUID, seconds: float, *, method: str | None = None, **_: object) -> None:
        self.paused.append((method, seconds))


@pytest.fixture
def limits() -> FreeLimits:
    return FreeLimits()


@pytest.fixture
def model() -> Puppet:
    """A model that says what it was asked, until the test lets it say something else."""
    return Puppet()


@pytest.fixture
async def still(
    settings: Settings,
    db: Database,
    house_vault: Vault,
    tenants: tuple[TenantScope, TenantScope],
    model: Puppet,
    monkeypatch: pytest.MonkeyPatch,
    limits: FreeLimits,
) -> AsyncIterator[House]:
    """The whole house without an engine: the test claims and works by hand. What comes is due at once."""
    quick = settings.model_copy(update={"burst_s": 0.0, "turn_attempts": 2})
    # A test on a busy machine takes its time: triggers are as old as it says, and only hours are late.
    monkeypatch.setattr(desk_presses, "DIALOG_WITHIN_S", 600.0)
    async with open_house(quick, db, house_vault, tenants, model, run_engine=False) as opened:
        opened.slack.interactive.now = lambda: 0.0
        opened.sends._limits = cast(SendLimits, limits)
        yield opened
