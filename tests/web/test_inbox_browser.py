"""The inbox in a real browser: the keyboard, what comes in while one looks, and nothing that axe-core finds wrong."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import Page

from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.kit.settings import Settings
from konstruct.tenants.vault import Vault
from tests.sandbox.support import open_browser
from tests.support.barriers import barriers
from tests.support.hand import conversation, deliveries
from tests.support.house import House, open_house
from tests.support.inbox import add_colleague, hand_back
from tests.support.portal import open_portal
from tests.support.puppet import Puppet
from tests.support.slack_events import message

EVERY = frozenset(("minor", "moderate", "serious", "critical"))


@pytest.fixture
async def house(
    settings: Settings, db: Database, house_vault: Vault, tenants: tuple[TenantScope, TenantScope]
) -> AsyncIterator[House]:
    async with open_house(settings, db, house_vault, tenants, Puppet()) as opened:
        yield opened


@asynccontextmanager
async def open_page(house: House, path: str) -> AsyncIterator[Page]:
    """A page of a new operator; whatever it complains of fails the test, but for answers that a test provokes."""
    complaints: list[str] = []
    async with open_portal(house, house.scopes[0], "operator", name="Maria") as person, open_browser() as browser:
        context = await browser.new_context(viewport={"width": 1440, "height": 800})
        await context.add_cookies([{"name": "konstruct_session", "value": person.ticket, "url": house.url}])
        page = await context.new_page()
        page.on("console", lambda said: complaints.append(said.text) if said.type in {"error", "warning"} else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        await page.goto(house.url + path)
        yield page
        await context.close()
    assert complaints == []


async def test_taking_over_and_replying_by_keyboard_alone(house: House) -> None:
    await house.deliver(message(house.teams[0], "D1", "U1", "first"), message(house.teams[0], "D2", "U2", "second"))
    await house.idle()
    async with open_page(house, "/inbox") as page:
        for key in ("j", "j", "k"):
            await page.keyboard.press(key)
        top = await page.evaluate("document.activeElement.textContent")
        await page.keyboard.press("Enter")
        await page.wait_for_selector("#desk")
        assert await page.text_content(".who h1") in top
        await page.keyboard.press("?")
        assert await page.is_visible("#keys")
        await page.keyboard.press("Escape")
        await page.keyboard.press("t")
        await page.wait_for_selector("#reply:focus")
        await page.keyboard.type("jk? Yes, <b>ready</b>.")
        await page.keyboard.press("Control+Enter")
        await page.wait_for_selector(".message.out:has-text('jk? Yes, <b>ready</b>.')")
        await page.wait_for_selector("#reply:focus")
        assert await page.input_value("#reply") == ""
        await page.keyboard.press("Escape")
        await page.keyboard.press("/")
        await page.keyboard.type("ready")
        await page.keyboard.press("Enter")
        await page.wait_for_selector(".item mark")
    await house.idle()
    assert [row["kind"] for row in await deliveries(house, house.scopes[0])][-2:] == ["notice", "human"]


async def test_what_comes_in_is_put_in_place_and_said(house: House) -> None:
    await house.deliver(message(house.teams[0], "D1", "U1", "first"))
    await house.idle()
    found = await conversation(house, house.scopes[0])
    async with open_page(house, f"/inbox/{found}") as page:
        await page.click("#take-over")
        await page.fill("#reply", "half a sentence")
        await house.deliver(message(house.teams[0], "D1", "U1", "<img src=x onerror=alert(1)> second"))
        await page.wait_for_selector(".message.in:has-text('<img src=x onerror=alert(1)> second')")
        assert "New message from U1" in (await page.text_content("#said") or "")
        numbers = await page.eval_on_selector_all("li.message", "rows => rows.map(row => Number(row.id.slice(2)))")
        assert numbers == sorted(set(numbers))
        # A colleague hands back: another desk, and what was being written is still there.
        anna = await add_colleague(house.db, house.scopes[0], "Anna")
        await hand_back(house.db, house.scopes[0], found, anna)
        await page.wait_for_selector("#take-over")
        assert await page.input_value("#desk textarea") == "half a sentence"
        await page.wait_for_selector(".message.out:has-text('second')")


async def test_two_clicks_are_one(house: House) -> None:
    await house.deliver(message(house.teams[0], "D1", "U1", "first"))
    await house.idle()
    found = await conversation(house, house.scopes[0])
    async with open_page(house, f"/inbox/{found}") as page:
        await page.dblclick("#take-over")
        await page.wait_for_selector("#reply")
        await page.fill("#reply", "Once.")
        await page.dblclick(".reply button")
        await page.wait_for_selector(".message.out:has-text('Once.')")
        assert await page.locator(".desk .note").count() == 0
    await house.idle()
    assert [row["body"] for row in await deliveries(house, house.scopes[0])].count("Once.") == 1


async def test_the_pages_fit_and_are_accessible(house: House) -> None:
    await house.deliver(message(house.teams[0], "D1", "U1", "word " * 900 + "x" * 900))
    await house.idle()
    found = await conversation(house, house.scopes[0])
    wrong = []
    async with open_page(house, "/inbox") as page:
        for path in ("/inbox", f"/inbox/{found}", f"/inbox/{found}#about", "/inbox?q=word", "/inbox?show=human"):
            await page.goto(house.url + path)
            wrong += await barriers(page, EVERY)
            # Between desk and phone the three columns become two.
            await page.set_viewport_size({"width": 1000, "height": 800})
            assert await page.evaluate("document.documentElement.scrollWidth") <= 1000, path
    assert wrong == []
