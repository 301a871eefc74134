"""The morning page: what happened, what needs somebody, and the four steps of a new owner."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.kit.settings import Settings
from konstruct.memory.documents import Documents
from konstruct.tenants.service import create_tenant
from konstruct.tenants.vault import Vault
from tests.support.house import House, open_house
from tests.support.portal import open_portal
from tests.support.puppet import Puppet
from tests.support.slack_events import message


@pytest.fixture
async def house(
    settings: Settings, db: Database, house_vault: Vault, tenants: tuple[TenantScope, TenantScope]
) -> AsyncIterator[House]:
    async with open_house(settings, db, house_vault, tenants, Puppet()) as opened:
        yield opened


async def test_it_tells_of_ones_own_day(house: House) -> None:
    await house.deliver(message(house.teams[0], "D1", "U1", "one"), message(house.teams[0], "D2", "U2", "two"))
    await house.idle()
    async with open_portal(house, house.scopes[0]) as owner, open_portal(house, house.scopes[1]) as other:
        assert "Ada answered 2 requests since yesterday" in (await owner.get("/")).text
        assert "Ben has not been asked anything" in (await other.get("/")).text


async def test_a_new_business_is_led_through_four_steps(house: House, house_vault: Vault) -> None:
    new = await create_tenant(house.db, house_vault, name="New & Co")
    async with open_portal(house, new.scope, name="<i>Nina</i> N") as owner:
        page = await owner.get("/")
        assert page.text.count('class="open"') == 4
        assert "&lt;i&gt;Nina&lt;/i&gt;" in page.text
        await Documents(house.db).add(new.scope, "Hours", "We open at nine.", "test")
        assert (await owner.get("/")).text.count('class="open"') == 3
    async with open_portal(house, house.scopes[0]) as owner:
        page = await owner.get("/")
        assert page.text.count('class="done"') == 2, "it was described when it was made, and has a channel"


async def test_what_is_broken_is_said(house: House) -> None:
    scope = house.scopes[0]
    async with house.db.tenant(scope) as session:
        await session.execute(
            "UPDATE channel_accounts SET status = 'broken', status_reason = 'token_revoked' WHERE tenant_id = $1", scope.tenant_id
        )
    async with open_portal(house, scope) as owner, open_portal(house, house.scopes[1]) as other:
        assert "Slack does not work" in (await owner.get("/")).text
        assert "Slack does not work" not in (await other.get("/")).text
