from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, cast

import pytest

from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.kit.settings import Settings
from konstruct.tenants.vault import Vault
from tests.quality.numbers import Numbers, open_numbers
from tests.support.house import House, served
from tests.support.ports import free_port


@pytest.fixture
async def numbers(
    settings: Settings, db: Database, house_vault: Vault, tenants: tuple[TenantScope, TenantScope]
) -> AsyncIterator[Numbers]:
    """Two businesses, each with a number at the fake Graph API, look-alikes of each other."""
    async with open_numbers(settings, db, house_vault, tenants) as opened:
        yield opened


@dataclass
class _Web:
    db: Any
    url: str


@pytest.fixture
async def web(settings: Settings, numbers: Numbers) -> AsyncIterator[House]:
    """The portal."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    at = settings.model_copy(
        update={"bind": f"127.0.0.1:{port}", "public_url": url, "whatsapp_api_url": numbers.meta.url}
    )  # fmt: skip
    async with served(at, port):
        yield cast(House, _Web(numbers.db, url))
