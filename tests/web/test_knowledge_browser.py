"""The documents' page in a real browser: files go up by choice and by drop, their progress is seen, and a deletion asks first."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import Page, expect

from konstruct.memory.documents import Documents
from konstruct.memory.reading import Reading
from tests.memory import files
from tests.sandbox.support import open_browser
from tests.support.house import House
from tests.support.portal import open_portal
from tests.web.test_knowledge import house

__all__ = ["house"]

DROP = """async ([name, text]) => {
  const files = new DataTransfer();
  files.items.add(new File([text], name, { type: "text/markdown" }));
  const box = document.querySelector("form.drop");
  for (const kind of ["dragenter", "dragover", "drop"]) {
    box.dispatchEvent(new DragEvent(kind, { dataTransfer: files, bubbles: true, cancelable: true }));
  }
}"""


@asynccontextmanager
async def open_page(house: House) -> AsyncIterator[Page]:
    """The documents' page of an owner; whatever a page complains of fails the test."""
    complaints: list[str] = []
    async with open_portal(house, house.scopes[0]) as person, open_browser() as browser:
        context = await browser.new_context()
        await context.add_cookies([{"name": "konstruct_session", "value": person.ticket, "url": house.url}])
        page = await context.new_page()
        page.on("console", lambda said: complaints.append(said.text) if said.type in {"error", "warning"} else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        await page.goto(f"{house.url}/knowledge")
        yield page
        await context.close()
    assert complaints == []


def file(name: str, data: bytes) -> dict[str, object]:
    return {"name": name, "mimeType": "", "buffer": data}


async def test_files_go_up_at_once_and_the_list_follows_their_reading(house: House) -> None:
    async with open_page(house) as page:
        chosen = [
            file("hours.pdf", files.pdf([[(12, "We open at nine.")]])),
            file("<img src=x onerror=alert(1)>.exe", b"MZ\x00"),
            file("big.txt", b"x" * (10 * 1024 * 1024 + 1)),
        ]
        await page.set_input_files("#f-files", chosen)  # type: ignore[arg-type]
        outcomes = page.locator("#outcomes .outcome")
        await expect(outcomes).to_have_count(2)
        await expect(outcomes.nth(0)).to_contain_text("“<img src=x onerror=alert(1)>.exe” is a program")
        await expect(outcomes.nth(1)).to_contain_text("“big.txt” is larger than 10 MB")
        row = page.locator(".documents .row")
        await expect(row).to_contain_text("Waiting to be read")
        reading = asyncio.create_task(Reading(house.db, poll_s=0.05).run())
        try:
            await expect(row).to_contain_text("1 passage")
            await page.evaluate(DROP, ["returns.md", "# Returns\n\nWithin 30 days."])
            await expect(row).to_have_count(2)
            await expect(row.nth(0)).to_contain_text("1 passage")
        finally:
            reading.cancel()
            await asyncio.wait([reading])
        assert await page.locator("#documents[hx-trigger]").count() == 0


async def test_a_document_is_deleted_after_a_question(house: House) -> None:
    await Documents(house.db).add(house.scopes[0], "Hours", "We open at nine.", "pasted text")
    async with open_page(house) as page:
        await page.fill("#f-q", "open")
        await page.press("#f-q", "Enter")
        await expect(page.locator("mark")).to_have_text(["open"])
        await page.click(".passage a")
        await page.click("text=Delete…")
        await page.click("dialog >> text=Cancel")
        await expect(page.locator("dialog")).not_to_be_visible()
        await page.click("text=Delete…")
        await page.click("dialog >> text=Delete for good")
        await expect(page.locator("[role=status]")).to_contain_text("The document is deleted")
        await expect(page.locator("#documents")).to_contain_text("Nothing here yet")
