from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web
from playwright.async_api import Browser, Page

from tests.sandbox.support import open_browser
from tests.support.fake_openai import KEY, MODEL, FakeOpenAi, reply
from tests.support.instance import Instance, open_instance


async def answer_from_prompt(fake: FakeOpenAi, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
    """Answer with what the prompt says: the employee's motto, and the colour that a document names."""
    system, rest = body["messages"][0]["content"], "\n".join(str(m["content"]) for m in body["messages"][1:])
    motto, colour = re.search(r"motto is (\w+)", system), re.search(r"colour of the season is (\w+)", rest)
    text = f"Motto {motto[1] if motto else 'none'}. Colour {colour[1] if colour else 'unknown'}."
    return await reply(text)(fake, request, body)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def model() -> AsyncIterator[FakeOpenAi]:
    async with FakeOpenAi(answer_from_prompt) as fake:
        yield fake


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def instance(tmp_path_factory: pytest.TempPathFactory, model: FakeOpenAi) -> AsyncIterator[Instance]:
    """The product as a person starts it, with a model that answers from its prompt."""
    folder = tmp_path_factory.mktemp("portal") / "data"
    async with open_instance(folder, LLM_URL=model.url, LLM_MODEL=MODEL, LLM_API_KEY=KEY, BURST_S="0.1") as opened:
        yield opened


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    async with open_browser() as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="session")
async def page(browser: Browser) -> AsyncIterator[Page]:
    """A page whose scripts and policies complain of nothing."""
    context = await browser.new_context(viewport={"width": 1280, "height": 860})
    opened = await context.new_page()
    complaints: list[str] = []
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on(
        "console",
        lambda said: (
            complaints.append(said.text) if said.type == "error" and "Failed to load resource" not in said.text else None
        ),
    )
    yield opened
    await context.close()
    assert complaints == []
