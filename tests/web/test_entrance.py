"""The owner's entrance: a link works once, a session shows one business, and another site can send no form."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest

from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.kit.settings import Settings
from konstruct.llm.backends.scripted import ScriptedBackend
from konstruct.tenants import sign_in
from konstruct.tenants.service import set_status
from konstruct.tenants.vault import Vault
from tests.support.house import House, open_house

SAME = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture
async def house(
    settings: Settings, db: Database, house_vault: Vault, tenants: tuple[TenantScope, TenantScope]
) -> AsyncIterator[House]:
    async with open_house(settings, db, house_vault, tenants, ScriptedBackend(), run_engine=False) as opened:
        yield opened


@pytest.fixture
async def browser() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        yield session


async def _body(browser: aiohttp.ClientSession, url: str) -> str:
    async with browser.get(url) as answer:
        assert answer.status == 200
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["Cache-Control"] == "no-store"
        return await answer.text()


async def test_a_link_signs_in_once_to_its_own_business(house: House, browser: aiohttp.ClientSession) -> None:
    link = await sign_in.create_link(house.db, house.scopes[0], house.url)
    assert "Sign in" in await _body(browser, link)
    async with browser.post(link, headers=SAME) as answer:
        assert answer.status == 200
        page = await answer.text()
    assert "Alpha Bikes" in page
    assert "Ada" in page
    assert "Beta Bakery" not in page

    async with browser.post(link, headers=SAME) as answer:
        assert answer.status == 410
    assert "Alpha Bikes" in await _body(browser, house.url)
    async with browser.post(f"{house.url}/sign-out", headers=SAME) as answer:
        assert "Alpha Bikes" not in await answer.text()


@pytest.mark.parametrize("ticket", ["x", "." * 50, "00.aa", "0" * 32 + ".secret", "%00.%00", "a" * 500])
async def test_a_made_up_link_opens_nothing(house: House, browser: aiohttp.ClientSession, ticket: str) -> None:
    async with browser.post(f"{house.url}/sign-in/{ticket}", headers=SAME) as answer:
        assert answer.status == 410


async def test_a_link_of_one_business_does_not_fit_another(house: House, browser: aiohttp.ClientSession) -> None:
    link = await sign_in.create_link(house.db, house.scopes[0], house.url)
    moved = link.replace(house.scopes[0].tenant_id.hex, house.scopes[1].tenant_id.hex)
    async with browser.post(moved, headers=SAME) as answer:
        assert answer.status == 410


async def test_a_form_of_another_site_is_refused(house: House, browser: aiohttp.ClientSession) -> None:
    link = await sign_in.create_link(house.db, house.scopes[0], house.url)
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://elsewhere.example"}):
        async with browser.post(link, headers=headers) as answer:
            assert answer.status == 403
    async with browser.post(link, headers={"Origin": house.url}) as answer:
        assert answer.status == 200


async def test_suspension_ends_a_session_at_once(house: House, browser: aiohttp.ClientSession) -> None:
    async with browser.post(await sign_in.create_link(house.db, house.scopes[0], house.url), headers=SAME) as answer:
        assert "Alpha Bikes" in await answer.text()
    await set_status(house.db, house.scopes[0].tenant_id, "suspended")
    assert "Alpha Bikes" not in await _body(browser, house.url)
