"""WhatsApp as `konstruct up` runs it: written on a phone, answered by the business, and what follows a day later."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from konstruct.local.sandbox.businesses import FERNWOOD, MARLOW
from tests.sandbox.meta_support import HARBOR, LAYLA, MIRA, NUMBER
from tests.sandbox.meta_support import MARLOW as MARLOW_META
from tests.sandbox.support import open_browser
from tests.support.instance import Instance, open_instance
from tests.support.signing_in import sign_in_by_mail

pytestmark = pytest.mark.asyncio(loop_scope="module")
ANSWER_MS = 30_000
PANEL = "/sandbox/control/whatsapp"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def instance(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Instance]:
    async with open_instance(tmp_path_factory.mktemp("up") / "data") as opened:
        yield opened


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with open_browser() as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="module")
async def page(browser: Browser) -> AsyncIterator[Page]:
    context = await browser.new_context()
    yield await context.new_page()
    await context.close()


async def _open_phone(page: Page, instance: Instance, phone: str, number: str = NUMBER) -> None:
    await page.goto(f"{instance.url}/sandbox/p/{phone}/{number}")
    await expect(page.locator(".live")).to_have_attribute("data-live", "on", timeout=ANSWER_MS)


async def _write(page: Page, text: str) -> None:
    await page.locator("#composer-text").fill(text)
    await page.keyboard.press("Enter")
    await expect(page.locator(".note-mine").last).to_contain_text(text)


async def test_each_business_answers_its_own_customers(instance: Instance, page: Page) -> None:
    for number, fact, foreign in (
        (NUMBER, "9:00 to 17:00", "8:30"),
        (MARLOW_META.number.phone_number_id, "8:30 to 13:30", "9:00"),
    ):
        for phone in ("mira", "layla"):
            await _open_phone(page, instance, phone, number)
            await _write(page, "When are you open on Saturday?")
            answer = page.locator(".note:not(.note-mine)").first
            await expect(answer).to_contain_text(fact, timeout=ANSWER_MS)
            assert foreign not in await answer.inner_text()
            await expect(page.locator(".note-mine .ticks-read")).to_have_count(1, timeout=ANSWER_MS)
    async with instance.http.get(f"{instance.url}/sandbox/control/accepted") as response:
        people = (MIRA.digits, LAYLA.digits)
        posts = [post for post in await response.json() if post["channel"] in people]
    assert len(posts) == 4 and all(post["metadata"]["opaque"] for post in posts), "one answer each, with its delivery's id"


async def test_a_day_later_only_a_template_gets_through(instance: Instance, page: Page) -> None:
    await _open_phone(page, instance, "yusuf")
    await _write(page, "How long is the warranty on a frame?")
    await expect(page.locator(".note:not(.note-mine)")).to_contain_text("5 years", timeout=ANSWER_MS)
    await expect(page.locator(".window")).to_contain_text("may answer freely")
    await page.goto(instance.url + PANEL)
    await page.get_by_role("button", name="+ 25 hours").click()
    portal = await page.context.new_page()
    await sign_in_by_mail(portal, instance, FERNWOOD.owner_email)
    await portal.goto(f"{instance.url}/inbox")
    await portal.locator("a.item").filter(has_text="Yusuf").click()
    await expect(portal.locator("#window")).to_contain_text("only a template gets through")
    await _open_phone(page, instance, "yusuf")
    await expect(page.locator(".window-closed")).to_be_visible()
    await _choose_template(portal)
    template = page.locator(".note:not(.note-mine)").last
    await expect(template).to_contain_text("your touring bike is ready", timeout=ANSWER_MS)
    await expect(template).to_contain_text("Your repair is done")
    await template.get_by_role("button", name="I will come today").click()
    await expect(page.locator(".note-mine").last).to_contain_text("I will come today")
    await expect(page.locator(".window")).to_contain_text("may answer freely")
    await expect(portal.locator("#window")).to_contain_text("You can answer freely until", timeout=ANSWER_MS)


async def _choose_template(portal: Page) -> None:
    """Choose the template in the inbox, fill it in, and send it."""
    option = portal.locator("#template option").filter(has_text="repair ready")
    await expect(option).to_have_count(1, timeout=ANSWER_MS)
    await portal.locator("#template").select_option(await option.get_attribute("value"))
    places = portal.locator(".fill input[type=text], .fill input:not([type])")
    await expect(places).to_have_count(4)
    for at, value in enumerate(("Yusuf", "touring bike", "Saturday 17:00", "2041")):
        await places.nth(at).fill(value)
    await portal.get_by_role("button", name="Send template").click()


async def test_a_restriction_is_seen_in_the_portal(instance: Instance, page: Page) -> None:
    await sign_in_by_mail(page, instance, MARLOW.owner_email)
    await expect(page.locator("main")).to_be_visible()
    number = MARLOW_META.number.phone_number_id
    async with instance.http.post(instance.url + PANEL, data={"do": "status", "id": number, "value": "RESTRICTED"}) as response:
        assert response.status == 200
    banner = page.get_by_text("sends replies only")
    async with asyncio.timeout(ANSWER_MS / 1000):
        while not await banner.count():
            await page.goto(f"{instance.url}/channels")
    await expect(banner).to_be_visible()


async def test_an_owner_connects_a_number_by_a_click(instance: Instance, page: Page) -> None:
    made = json.loads(await instance.command("tenant", "create", "Harbor Books", "--json"))
    await page.goto(made["sign_in_url"])
    await page.get_by_role("button", name="Sign in").click()
    await page.goto(f"{instance.url}/channels")
    await page.get_by_role("link", name="Connect WhatsApp").first.click()
    async with page.expect_popup() as opened:
        await page.get_by_role("button", name="Continue with Meta").click()
    dialog = await opened.value
    await dialog.get_by_label("Harbor Books").check()
    await dialog.get_by_role("button", name="Agree and connect").click()
    await expect(page.get_by_text("Connected.", exact=True)).to_be_visible(timeout=ANSWER_MS)
    await _open_phone(page, instance, "noa", HARBOR.number.phone_number_id)
    await _write(page, "Are you there?")
    await expect(page.locator(".note:not(.note-mine)")).to_be_visible(timeout=ANSWER_MS)
