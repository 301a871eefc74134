"""The whole product as `konstruct up` runs it: typed in the browser, answered by the right business's employee."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from konstruct.local.sandbox.businesses import FERNWOOD, MARLOW
from tests.sandbox.support import open_browser
from tests.support.instance import Instance, open_instance
from tests.support.signing_in import sign_in_by_mail

pytestmark = pytest.mark.asyncio(loop_scope="module")
ANSWER_MS = 30_000
TOM_DIRECT = FERNWOOD.channels[2].channel_id
LOOK_ALIKES = [
    (FERNWOOD, "When are we open on Saturday?", "9:00 to 17:00"),
    (MARLOW, "When are we open on Saturday?", "8:30 to 13:30"),
    (FERNWOOD, "How long is the warranty on a frame?", "5 years"),
    (MARLOW, "How long is the warranty on a home machine?", "2 years"),
    (FERNWOOD, "What does a basic service cost?", "55 pounds"),
    (MARLOW, "What does the yearly service of a home machine cost?", "89 pounds"),
]


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


async def test_an_owner_adds_the_employee_by_a_click(instance: Instance, page: Page) -> None:
    made = json.loads(await instance.command("tenant", "create", "Harbor Books", "--json"))
    await page.goto(made["sign_in_url"])
    await page.get_by_role("button", name="Sign in").click()
    await page.goto(f"{instance.url}/channels")
    await page.get_by_role("link", name="Add to Slack").click()
    await page.get_by_role("link", name="Harbor Books").click()
    await expect(page.get_by_role("heading", name="Konstruct asks to work in Harbor Books")).to_be_visible()
    await page.get_by_role("button", name="Cancel").click()
    await expect(page).to_have_url(re.compile(re.escape(instance.url) + "/oauth/slack/callback|/channels"))
    await page.goto(f"{instance.url}/channels")
    await page.get_by_role("link", name="Add to Slack").click()
    await page.get_by_role("link", name="Harbor Books").click()
    await page.get_by_label("You are").select_option(label="Maya Lindqvist, Owner")
    await page.get_by_role("button", name="Allow").click()
    await expect(page.get_by_text("Harbor Books").first).to_be_visible()
    await page.goto(f"{instance.url}/sandbox/b/harbor")
    await expect(page.locator(".answering")).to_have_text("Konstruct answers for Harbor Books")
    await page.get_by_role("textbox").fill("Are you there?")
    await page.keyboard.press("Enter")
    await expect(page.locator(".message-employee .prose").first).to_be_visible(timeout=ANSWER_MS)


async def test_a_thumb_is_seen_in_the_portal(instance: Instance, page: Page) -> None:
    await page.goto(f"{instance.url}/sandbox/b/fernwood/{TOM_DIRECT}")
    await page.get_by_role("textbox").fill("How long is the warranty on a frame?")
    await page.keyboard.press("Enter")
    answer = page.locator(".thread").last.locator(".message-employee").last
    await answer.get_by_role("button", name="did not help").click(timeout=ANSWER_MS)
    dialog = page.get_by_role("dialog")
    await dialog.get_by_role("textbox").fill("Forks are missing.")
    await dialog.get_by_role("button", name="Send").click()
    await expect(dialog).to_be_hidden()
    await expect(answer.get_by_role("button", name="did not help")).to_have_attribute("aria-pressed", "true")
    await sign_in_by_mail(page, instance, FERNWOOD.owner_email)
    await expect(page.get_by_role("heading").first).to_be_visible()
    await page.goto(f"{instance.url}/inbox")
    await page.locator("a.item").filter(has_text="warranty").first.click()
    await expect(page.get_by_text("“Forks are missing.”")).to_be_visible()
    await expect(page.get_by_text("Rated not helpful to 1")).to_be_visible()


async def test_a_command_asks_back_and_the_button_is_decided(instance: Instance, page: Page) -> None:
    await page.goto(f"{instance.url}/sandbox/b/fernwood/{TOM_DIRECT}")
    await page.get_by_role("textbox").fill("/konstruct help")
    await page.keyboard.press("Enter")
    help_text = page.locator(".message-private").filter(has_text="You can type after the command")
    await expect(help_text).to_be_visible(timeout=ANSWER_MS)
    await page.get_by_role("textbox").fill("/konstruct forget me")
    await page.keyboard.press("Enter")
    keep = page.get_by_role("button", name="Keep it")
    await keep.click(timeout=ANSWER_MS)
    await expect(keep).to_have_count(0, timeout=ANSWER_MS)


async def test_the_home_tab_says_who_it_is_and_asks_for_a_human(instance: Instance, page: Page) -> None:
    direct = f"{instance.url}/sandbox/b/fernwood/{FERNWOOD.channels[3].channel_id}"
    await page.goto(direct)
    await page.get_by_role("textbox").fill("Can a customer return a helmet?")
    await page.keyboard.press("Enter")
    await expect(page.locator(".message-employee").last).to_be_visible(timeout=ANSWER_MS)
    await page.goto(f"{direct}?tab=home")
    home = page.get_by_role("region", name="Home of Robin")
    await expect(home).to_contain_text("What I can do", timeout=ANSWER_MS)
    await home.get_by_role("button", name="Ask for a human").click()
    await page.get_by_role("link", name="Messages").click()
    asked = page.locator(".message-employee").get_by_text("A human colleague has been asked")
    await expect(asked).to_be_visible(timeout=ANSWER_MS)


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
