"""The employee's page in a real browser: what is typed is counted and kept, and the chat asks the draft beside it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import Page

from konstruct.tenants import employees
from tests.sandbox.support import open_browser
from tests.support.barriers import barriers
from tests.support.house import House
from tests.support.portal import open_portal
from tests.support.puppet import Puppet
from tests.web.test_employee import house, model, says

__all__ = ["house", "model"]


@asynccontextmanager
async def open_page(house: House) -> AsyncIterator[Page]:
    """The employee's page of a new owner; whatever a page complains of fails the test."""
    complaints: list[str] = []
    async with open_portal(house, house.scopes[0]) as person, open_browser() as browser:
        context = await browser.new_context(viewport={"width": 1280, "height": 900}, timezone_id="Europe/Berlin")
        await context.add_cookies([{"name": "konstruct_session", "value": person.ticket, "url": house.url}])
        page = await context.new_page()
        page.on("console", lambda said: complaints.append(said.text) if said.type in {"error", "warning"} else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        await page.goto(f"{house.url}/employee")
        yield page
        await context.close()
    assert complaints == []


async def test_the_chat_answers_as_the_form_says_and_what_is_typed_meanwhile_stays(house: House, model: Puppet) -> None:
    says(model, "answered")
    async with open_page(house) as page:
        await page.fill("#f-name", "Kim")
        model.hold.clear()
        await page.fill("#f-question", "who are you?")
        await page.press("#f-question", "Enter")
        await page.wait_for_selector(".says.mine:has-text('who are you?')")
        assert await page.locator(".says.typing").count() == 1
        assert await page.input_value("#f-question") == ""
        assert await page.is_disabled("#ask")
        await page.fill("#f-question", "and then")
        model.hold.set()
        await page.wait_for_selector("text=answered by You are Kim")
        assert await page.locator(".says").all_text_contents() == ["who are you?", "answered by You are Kim"]
        assert await page.input_value("#f-question") == "and then"
        assert await page.is_enabled("#ask")
        await page.click("text=Begin anew")
        await page.click("button:has-text('When are you open?')")
        await page.wait_for_selector("text=answered by You are Kim")
        assert await page.locator(".says.mine").all_text_contents() == ["When are you open?"]
        # The form beside it is as it was, and still not saved.
        assert await page.input_value("#f-name") == "Kim"
        assert await page.is_visible("#unsaved")
    assert (await house.db.run(house.scopes[0], employees.get_current)).current.number == 1


async def test_leaving_with_unsaved_changes_asks_first(house: House, model: Puppet) -> None:
    async with open_page(house) as page:
        asked: list[str] = []

        async def stay(dialog: object) -> None:
            asked.append(dialog.type)  # type: ignore[attr-defined]
            await dialog.dismiss()  # type: ignore[attr-defined]

        page.on("dialog", stay)
        await page.fill("#f-question", "only a question")
        await page.goto(f"{house.url}/employee")
        assert asked == []
        assert not await page.is_visible("#unsaved")
        await page.fill("#f-instructions", "You know everything 🙂")
        assert await page.is_visible("#unsaved")
        assert await page.text_content("#f-instructions-count") == "21 / 20,000"
        await page.click("text=Knowledge", no_wait_after=True)
        await page.wait_for_timeout(200)
        assert asked == ["beforeunload"]
        await page.press("#f-instructions", "Control+s")
        await page.wait_for_selector("text=answers as version 2 says")
        assert asked == ["beforeunload"]
        assert not await page.is_visible("#unsaved")


async def test_hours_begin_with_the_time_zone_of_the_browser(house: House, model: Puppet) -> None:
    async with open_page(house) as page:
        assert not await page.is_visible("#f-time-zone")
        await page.check("text=At these hours")
        assert await page.input_value("#f-time-zone") == "Europe/Berlin"
        await page.click("#save")
        await page.wait_for_selector("text=answers as version 2 says")
    hours = (await house.db.run(house.scopes[0], employees.get_current)).current.draft.hours
    assert hours is not None
    assert hours.lines() == ["Monday to Friday 09:00–17:00", "Saturday to Sunday off"]


async def test_everybody_can_use_it(house: House, model: Puppet) -> None:
    model.says = lambda _: f"> {'long' * 200}\n\n- one\n- two\n\n`{'x' * 300}`"
    async with open_page(house) as page:
        await page.check("text=At these hours")
        await page.fill("#f-name", "N" * 100)
        await page.fill("#f-must_not", "w" * 300)
        await page.fill("#f-question", "q" * 300)
        await page.click("#ask")
        await page.wait_for_selector(".says.text")
        wrong = await barriers(page)
        await page.click("#save")
        await page.wait_for_selector(".note.ok")
        for path in ("/employee", "/employee/versions", "/employee/versions/2", "/employee/versions/1?against=current"):
            await page.goto(house.url + path)
            wrong += await barriers(page)
    assert wrong == []
