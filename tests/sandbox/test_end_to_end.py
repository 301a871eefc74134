"""The whole product as `konstruct up` runs it: typed in the browser, answered by the right business's employee."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

import konstruct
from konstruct.local.sandbox.businesses import FERNWOOD, MARLOW, Business
from tests.sandbox.support import free_port, open_browser

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("sandbox-up")]
START_S = 120
"""A loaded machine is no failure."""
ANSWER_MS = 30_000
LOOK_ALIKES = [
    (FERNWOOD, "When are we open on Saturday?", "9:00 to 17:00"),
    (MARLOW, "When are we open on Saturday?", "8:30 to 13:30"),
    (FERNWOOD, "How long is the warranty on a frame?", "5 years"),
    (MARLOW, "How long is the warranty on a home machine?", "2 years"),
    (FERNWOOD, "What does a basic service cost?", "55 pounds"),
    (MARLOW, "What does the yearly service of a home machine cost?", "89 pounds"),
]


@dataclass
class Instance:
    """A running `konstruct up`."""

    url: str
    process: asyncio.subprocess.Process
    http: aiohttp.ClientSession

    async def posts(self, business: Business) -> list[dict[str, Any]]:
        """Return everything that the employee of a business has said."""
        async with self.http.get(f"{self.url}/sandbox/control/accepted") as response:
            found: list[dict[str, Any]] = await response.json()
        return [post for post in found if post["team_id"] == business.workspace.team_id]

    async def say(self, business: Business, channel: str, text: str) -> None:
        words = {"team": business.workspace.team_id, "user": business.people[0].user_id, "channel": channel, "text": text}
        async with self.http.post(f"{self.url}/sandbox/messages", json=words) as response:
            assert response.status == 201


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def instance(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Instance]:
    folder, port = tmp_path_factory.mktemp("up"), free_port()
    command = (sys.executable, "-m", "konstruct.cli.main", "up", "--port", str(port), "--data-dir", str(folder / "data"))
    environment = {**os.environ, "PYTHONPATH": str(Path(konstruct.__file__).parents[1])}
    process = await asyncio.create_subprocess_exec(
        *command, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, start_new_session=True
    )
    try:
        await _ready(process)
        async with aiohttp.ClientSession() as http:
            yield Instance(f"http://127.0.0.1:{port}", process, http)
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
            await asyncio.wait_for(process.communicate(), 60)


async def _ready(process: asyncio.subprocess.Process) -> None:
    """Return once `up` prints `ready`. Its output is small and fits the pipe from then on."""
    assert process.stdout is not None
    seen = []
    async with asyncio.timeout(START_S):
        async for line in process.stdout:
            seen.append(line.decode())
            if line.startswith(b"ready"):
                return
    raise AssertionError("konstruct up ended before it was ready:\n" + "".join(seen))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with open_browser() as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="module")
async def page(browser: Browser) -> AsyncIterator[Page]:
    context = await browser.new_context()
    yield await context.new_page()
    await context.close()


async def test_each_business_answers_from_its_own_documents(instance: Instance, page: Page) -> None:
    for business, question, fact in LOOK_ALIKES:
        await page.goto(f"{instance.url}/sandbox/b/{business.workspace.slug}")
        answers = page.locator(".message-employee .prose")
        before = await answers.count()
        await page.get_by_role("textbox").fill(question)
        await page.keyboard.press("Enter")
        await expect(answers).to_have_count(before + 1, timeout=ANSWER_MS)
        await expect(answers.last).to_contain_text(fact)
        await expect(answers.last).to_contain_text("Demo mode")
    await _ask_for_the_others_facts(instance)
    await _nothing_of_the_other(instance)


async def test_a_mention_is_answered_once_in_its_thread(instance: Instance, page: Page) -> None:
    await page.goto(f"{instance.url}/sandbox/b/marlow/{MARLOW.channel.channel_id}")
    threads = page.locator(".thread")
    before = await threads.count()
    await page.get_by_role("textbox").fill("Nobody in particular: the kettle is on.")
    await page.keyboard.press("Enter")
    await expect(threads).to_have_count(before + 1)
    await page.get_by_role("textbox").fill("@Ada what does descaling a home machine cost?")
    await page.keyboard.press("Enter")
    await expect(threads.last.locator(".message-employee")).to_have_count(1, timeout=ANSWER_MS)
    await expect(threads.last.locator(".message-employee")).to_contain_text("39 pounds")
    await expect(threads.nth(before).locator(".message-employee")).to_have_count(0)
    posts = [post for post in await instance.posts(MARLOW) if post["channel"] == MARLOW.channel.channel_id]
    assert len(posts) == 1 and "delivery_id" in json.dumps(posts[0]["metadata"])


async def _ask_for_the_others_facts(instance: Instance) -> None:
    """Ask each business for the other's facts, in the other's own words."""
    for business, other in ((FERNWOOD, MARLOW), (MARLOW, FERNWOOD)):
        before = len(await instance.posts(business))
        await instance.say(business, business.channels[1].channel_id, f"Is this so? {other.documents[2].text[:300]}")
        async with asyncio.timeout(ANSWER_MS / 1000):
            while len(await instance.posts(business)) == before:
                await asyncio.sleep(0.1)


async def _nothing_of_the_other(instance: Instance) -> None:
    quotes = 0
    for business, other in ((FERNWOOD, MARLOW), (MARLOW, FERNWOOD)):
        own = " ".join(document.text for document in business.documents)
        foreign = [line for document in other.documents for line in document.text.splitlines() if line and line not in own]
        for post in await instance.posts(business):
            # What a person asked may be shown back; what counts is what is quoted from a document.
            quoted = "\n".join(re.findall(r"(?m)^(?:&gt;|>) .*$", post["text"]))
            quotes += bool(quoted)
            assert not [line for line in foreign if line in quoted]
            assert other.workspace.name not in quoted
    assert quotes, "no answer quoted anything: this check would see nothing"
