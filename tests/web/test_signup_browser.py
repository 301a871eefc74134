"""Connect WhatsApp in a real browser: the dialog is cancelled, lied about, and finished; a PIN is asked for."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.async_api import BrowserContext, Page, expect

from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.kit.settings import Settings
from konstruct.tenants.vault import Vault
from tests.sandbox.support import open_browser
from tests.support.barriers import barriers
from tests.support.portal import open_portal
from tests.support.signup_house import START, SignupHouse, open_signup_house

EVERY = frozenset(("minor", "moderate", "serious", "critical"))


@pytest.fixture
async def world(
    settings: Settings, db: Database, house_vault: Vault, tenants: tuple[TenantScope, TenantScope]
) -> AsyncIterator[SignupHouse]:
    async with open_signup_house(settings, db, house_vault, tenants) as opened:
        yield opened


async def test_from_the_card_to_a_connected_number(world: SignupHouse, tmp_path: Path) -> None:
    shop, booth = world.shop(), world.meta.signup
    booth.offered, booth.pins[shop.number.phone_id] = shop.waba, "246810"
    complaints: list[str] = []
    async with open_portal(world.house, world.scopes[0], "admin", name="Maria") as person, open_browser() as browser:
        context = await browser.new_context(viewport={"width": 1280, "height": 860})
        await context.add_cookies([{"name": "konstruct_session", "value": person.ticket, "url": world.house.url}])
        page = await context.new_page()
        page.on("console", lambda said: complaints.append(said.text) if said.type in {"error", "warning"} else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        await page.goto(f"{world.house.url}/channels")
        assert await barriers(page, EVERY) == []
        await _picture(page, tmp_path / "1-channels.png")
        await page.get_by_role("link", name="Connect WhatsApp").click()
        await expect(page.locator("#signup-told")).to_have_text("Meta's window opens beside this page.")
        assert await barriers(page, EVERY) == []
        await _picture(page, tmp_path / "2-start.png")
        await _cancel(context, page)
        assert complaints == []
        await _lie(page, world)
        assert len(complaints) == 2 and all("Content Security Policy" in each for each in complaints), complaints
        complaints.clear()
        async with context.expect_page() as opening:
            await page.get_by_role("button", name="Continue with Meta").click()
        dialog = await opening.value
        await dialog.get_by_role("button", name="Finish").click()
        await expect(page.get_by_role("heading", name="Almost connected")).to_be_visible()
        assert await barriers(page, EVERY) == []
        await _picture(page, tmp_path / "3-pin.png")
        await page.get_by_label("PIN of two-step verification").fill("246810")
        await page.get_by_role("button", name="Go on").click()
        await expect(page.get_by_role("heading", name="What comes next")).to_be_visible()
        assert await barriers(page, EVERY) == []
        await _picture(page, tmp_path / "4-connected.png")
        await page.get_by_role("link", name="How to apply").click()
        await expect(page.get_by_role("heading", name="Apply today")).to_be_visible()
        assert await barriers(page, EVERY) == []
        await _picture(page, tmp_path / "5-verification.png")
        await context.close()
    assert complaints == []
    asked = [
        json.loads(each["extras"]) | {"app": each["app"], "config": each["config"], "type": each["type"]} for each in booth.opened
    ]
    assert asked == [{"version": "v4", "app": booth.app_id, "config": booth.config_id, "type": "code"}] * 2
    assert [row["external_id"] for row in await world.accounts()] == [shop.number.phone_id] and await world.accounts(1) == []


async def _picture(page: Page, path: Path) -> None:
    """For people to look at: on a desk, in daylight."""
    await page.emulate_media(color_scheme="light")
    await page.set_viewport_size({"width": 1280, "height": 860})
    await page.screenshot(path=path, full_page=True)


async def _cancel(context: BrowserContext, page: Page) -> None:
    """Whoever closes the dialog is told so, and may begin again."""
    async with context.expect_page() as opening:
        await page.get_by_role("button", name="Continue with Meta").click()
    dialog = await opening.value
    await dialog.get_by_role("button", name="Cancel").click()
    await expect(page.locator("#signup-told")).to_contain_text("You can begin again at any time.")
    await expect(page.get_by_role("button", name="Continue with Meta")).to_be_enabled()


async def _lie(page: Page, world: SignupHouse) -> None:
    """What another origin says to the page, our own too, is not what the dialog says; and no script runs without the nonce."""
    await page.evaluate(
        "window.postMessage(JSON.stringify({ type: 'WA_EMBEDDED_SIGNUP', event: 'ERROR', data: {} }), location.origin)"
    )
    blocked = await page.evaluate(
        """async (own) => {
          const said = [];
          document.addEventListener("securitypolicyviolation", (event) => said.push(event.blockedURI));
          for (const source of [own, "data:text/javascript,window.ran=1"]) {
            const script = document.createElement("script");
            script.src = source;
            document.head.append(script);
            await new Promise((done) => { script.onerror = script.onload = done; });
          }
          return [said.length, window.ran ?? 0];
        }""",
        f"{world.house.url}/static/inbox.js",
    )
    assert blocked == [2, 0]
    await expect(page.locator("#signup-told")).to_contain_text("You can begin again at any time.")
    assert urlsplit(page.url).path == START
