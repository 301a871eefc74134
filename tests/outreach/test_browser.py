"""The closed window in a real browser: the picker with its preview, live when the person writes, on a phone and in the dark."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal

from playwright.async_api import Browser, Page

from tests.outreach.lines import Line, Lines
from tests.sandbox.support import open_browser
from tests.support.barriers import barriers
from tests.support.portal import Person, open_portal

EVERY = frozenset(("minor", "moderate", "serious", "critical"))
WIDTHS: tuple[tuple[int, int, Literal["light", "dark"]], ...] = ((1440, 900, "light"), (1440, 900, "dark"), (390, 844, "light"))


@asynccontextmanager
async def _page(
    lines: Lines, browser: Browser, person: Person, path: str, width: int, height: int, scheme: Literal["light", "dark"]
) -> AsyncIterator[Page]:
    complaints: list[str] = []
    context = await browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
    await context.add_cookies([{"name": "konstruct_session", "value": person.ticket, "url": lines.house.url}])
    page = await context.new_page()
    page.on("console", lambda said: complaints.append(said.text) if said.type in {"error", "warning"} else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    await page.goto(lines.house.url + path)
    yield page
    await context.close()
    assert [each for each in complaints if "status of 422" not in each] == [], "but for what a form is refused with"


async def _picture(page: Page, name: str) -> None:
    """Keep what the page looks like, where somebody wants to see it."""
    if (folder := os.environ.get("PICTURES_OF_PAGES")) is not None:
        await page.screenshot(path=str(Path(folder) / f"{name}.png"), caret="initial")


async def test_a_closed_window_and_its_template(lines: Lines) -> None:
    here, _ = lines.of
    await _talk(lines, here)
    async with open_portal(lines.house, here.scope, "operator", name="Maria") as person, open_browser() as browser:
        path = f"/inbox/{here.conversation_id}"
        for width, height, scheme in WIDTHS:
            async with _page(lines, browser, person, path, width, height, scheme) as page:
                await page.wait_for_selector("#window.closed")
                assert await page.input_value("#template") and await page.is_visible(".fill button")
                assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{width}: nothing sticks out"
                await _picture(page, f"closed-{width}-{scheme}")
                assert await barriers(page, EVERY) == [], (width, scheme)
        async with _page(lines, browser, person, path, *WIDTHS[0]) as page:
            await page.fill("[data-place=body-0]", "Robin <b>")
            await page.wait_for_selector("#preview .blank.filled:has-text('Robin <b>')")
            await page.fill("[data-place=body-0]", "Robin")
            await page.fill("[data-place=body-1]", "a    b")
            await page.click(".fill button[value=send]")
            await page.wait_for_selector(".field.wrong:has-text('no line breaks, tabs')")
            assert await page.input_value("[data-place=body-0]") == "Robin", "what was filled in stays"
            await page.fill("[data-place=body-1]", "your bike")
            await _picture(page, "filled")
            await page.click(".fill button[value=send]")
            await page.wait_for_selector(".message.out:has-text('your bike is ready')")
            await lines.settle(here)
            assert lines.shown(here)[-1] == "order_ready"
            # They answer: the window opens under the eyes of whoever looks, and what waited goes out.
            await lines.hear(here, "Great, thank you!")
            await page.wait_for_selector("#window.open")
            assert await page.query_selector(".fill") is None
            await lines.settle(here)
            await page.wait_for_selector(".message.in:has-text('Great, thank you!')")
            await _picture(page, "opened")
        assert lines.shown(here)[-1] == "You can pick it up until six."
        for scheme in ("light", "dark"):
            for name, where in (("templates", "/templates"), ("write", f"/contacts/{here.contact_id}/write")):
                async with _page(lines, browser, person, where, 1280, 800, scheme) as page:
                    await _picture(page, f"{name}-{scheme}")
                    assert await barriers(page, EVERY) == [], (name, scheme)


async def _talk(lines: Lines, line: Line) -> None:
    """A conversation whose last answer came too late; and templates of every kind."""
    waba = line.number.waba_id
    lines.meta.templates[waba, "appointment", "de"] = {"status": "PAUSED", "quality": "RED", "category": "MARKETING", "body": 1}
    lines.meta.templates[waba, "news", "en_US"] = {"status": "REJECTED", "reason": "INVALID_FORMAT", "category": "MARKETING"}
    await lines.sync(line)
    await lines.hear(line, "Is my bike ready?")
    await lines.say(line, "Let me look. I will be right back.")
    await lines.settle(line)
    await lines.close(line)
    await lines.say(line, "You can pick it up until six.")
    await lines.settle(line)
