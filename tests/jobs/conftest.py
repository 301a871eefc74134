from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

import pytest

from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.tenants.vault import Vault
from tests.support.queueing import connect, make_conversations


@dataclass
class Line:
    """The empty queue, two tenants and their accounts."""

    db: Database
    noisy: TenantScope
    quiet: TenantScope
    accounts: dict[TenantScope, UUID]

    async def conversations(self, scope: TenantScope, count: int) -> list[UUID]:
        return await make_conversations(self.db, scope, self.accounts[scope], count)


@pytest.fixture
async def line(db: Database, house_vault: Vault, tenants: tuple[TenantScope, TenantScope]) -> Line:
    return Line(db, *tenants, {scope: await connect(db, house_vault, scope) for scope in tenants})
