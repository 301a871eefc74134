"""An answer that is seen while it grows: the whole product with a slow model, in the browser."""

from __future__ import annotations

import asyncio
from pathlib import Path

from playwright.async_api import expect

from konstruct.local.sandbox.businesses import FERNWOOD
from tests.sandbox.support import open_browser
from tests.support.fake_openai import KEY, MODEL, FakeOpenAi, events, pieces, text_chunks
from tests.support.instance import open_instance

BEGINNING = "The frame is under warranty for five years, and the fork for two. " * 5
END = "Bring the receipt with you."
ANSWER_MS = 30_000


async def test_an_answer_grows_before_the_readers_eyes_and_is_one_message(tmp_path: Path) -> None:
    go_on = asyncio.Event()

    begun = asyncio.Event()

    async def pause() -> None:
        if begun.is_set():
            await go_on.wait()
        begun.set()

    chunks = events(text_chunks(BEGINNING + END))
    halves = [b"".join(chunks[: -len(END.split()) * 2]), b"".join(chunks[-len(END.split()) * 2 :])]
    async with (
        FakeOpenAi(pieces(halves, pause=pause)) as model,
        open_instance(tmp_path / "data", LLM_URL=model.url, LLM_MODEL=MODEL, LLM_API_KEY=KEY) as instance,
        open_browser() as browser,
    ):
        page = await (await browser.new_context()).new_page()
        await page.goto(f"{instance.url}/sandbox/b/fernwood/{FERNWOOD.channels[1].channel_id}")
        await page.get_by_role("textbox").fill("How long is the warranty?")
        await page.keyboard.press("Enter")
        answer = page.locator(".message-employee")
        await expect(answer).to_contain_text("The frame is under warranty", timeout=ANSWER_MS)
        await expect(answer).not_to_contain_text(END)
        go_on.set()
        await expect(answer).to_contain_text(END, timeout=ANSWER_MS)
        await expect(answer.get_by_role("button", name="helped", exact=False).first).to_be_visible(timeout=ANSWER_MS)
        await expect(answer).to_have_count(1)
        methods = [post["method"] for post in await instance.posts(FERNWOOD)]
        assert methods[0] == "chat.startStream" and "chat.postMessage" not in methods
        assert len({post["ts"] for post in await instance.posts(FERNWOOD)}) == 1
