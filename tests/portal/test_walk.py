"""The owner's first hours and the operator's, walked in a real browser on a running instance."""

from __future__ import annotations

import json
import re

import pytest
from playwright.async_api import FilePayload, Page, expect

from konstruct.local.sandbox.businesses import FERNWOOD
from tests.support.fake_openai import FakeOpenAi
from tests.support.house import until
from tests.support.instance import Instance
from tests.support.signing_in import sign_in_by_mail

pytestmark = pytest.mark.asyncio(loop_scope="session")
PATIENCE_MS = 30_000
DIRECT = FERNWOOD.channels[1].channel_id
LAST_ANSWER = ".message-employee .prose"


async def add_text(page: Page, instance: Instance, title: str, text: str) -> None:
    await page.goto(f"{instance.url}/knowledge")
    await page.get_by_text("Write or paste a text instead").click()
    await page.get_by_label("Title").fill(title)
    await page.get_by_label("Text", exact=True).fill(text)
    await page.get_by_role("button", name="Add", exact=True).click()
    await expect(page.get_by_text(title, exact=True).first).to_be_visible()


async def instruct(page: Page, instance: Instance, text: str) -> None:
    await page.goto(f"{instance.url}/employee")
    await page.get_by_label("Instructions").fill(text)
    await page.get_by_role("button", name="Save", exact=True).click()
    await expect(page.get_by_role("status").first).to_be_visible()


async def ask_in_sandbox(instance: Instance, text: str) -> str:
    """Say something to Fernwood's employee as a customer; return the text of the next post that comes of it."""
    before = len(await instance.posts(FERNWOOD))
    await instance.say(FERNWOOD, DIRECT, text)

    async def answered() -> bool:
        return len(await instance.posts(FERNWOOD)) > before

    await until(answered, 30)
    return str((await instance.posts(FERNWOOD))[before]["text"])


async def test_a_new_owner_from_link_to_first_answer(instance: Instance, page: Page) -> None:
    made = json.loads(await instance.command("tenant", "create", "Willow Bakery", "--json"))
    await page.goto(made["sign_in_url"])
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("heading", name="Four steps to the first answer")).to_be_visible()
    await page.get_by_role("link", name="Describe it").click()
    await instruct(page, instance, "You help the customers of a bakery. Your motto is Crust.")
    await add_text(page, instance, "Season", "The colour of the season is amber.")
    await page.goto(f"{instance.url}/employee#try")
    await page.get_by_label("Your question").fill("What is the colour of the season?")
    await page.get_by_role("button", name="Ask", exact=True).click()
    await expect(page.get_by_text("Motto Crust. Colour amber.")).to_be_visible(timeout=PATIENCE_MS)
    await page.goto(instance.url)
    await expect(page.locator(".start .done")).to_have_count(3)


async def test_a_code_by_mail_an_upload_and_a_persona_change_the_next_answer(instance: Instance, page: Page) -> None:
    await sign_in_by_mail(page, instance, FERNWOOD.owner_email)
    await expect(page.get_by_text("Fernwood Cycles").first).to_be_visible()
    assert await ask_in_sandbox(instance, "What is the colour of the season?") == "Motto none. Colour unknown."
    await page.goto(f"{instance.url}/knowledge")
    file = FilePayload(name="season.md", mimeType="text/markdown", buffer=b"# Season\n\nThe colour of the season is teal.")
    await page.locator("input[type=file]").set_input_files(file)
    upload = page.get_by_role("button", name="Upload", exact=True)
    if await upload.is_visible():
        await upload.click()
    await expect(page.get_by_role("link", name=re.compile("season", re.IGNORECASE)).first).to_be_visible(timeout=PATIENCE_MS)
    await expect(page.locator("#documents[hx-trigger]")).to_have_count(0, timeout=PATIENCE_MS)
    assert await ask_in_sandbox(instance, "And the colour of the season now?") == "Motto none. Colour teal."
    await instruct(page, instance, "You help the customers of a bicycle shop. Your motto is Ride.")
    assert await ask_in_sandbox(instance, "Again, the colour of the season?") == "Motto Ride. Colour teal."


async def test_a_takeover_silences_the_employee_until_it_is_handed_back(
    instance: Instance, page: Page, model: FakeOpenAi
) -> None:
    await sign_in_by_mail(page, instance, FERNWOOD.owner_email)
    await ask_in_sandbox(instance, "Is somebody there?")
    await page.goto(f"{instance.url}/inbox")
    await page.locator("a[href^='/inbox/']").first.click()
    await expect(page.get_by_text("Is somebody there?").first).to_be_visible()
    before = len(await instance.posts(FERNWOOD))
    await page.get_by_role("button", name="Take over").click()
    await expect(page.get_by_label("Your reply")).to_be_visible()
    await until(lambda: _posts(instance, before + 1), 30)
    calls = len(model.requests)
    await instance.say(FERNWOOD, DIRECT, "I want a human.")
    await expect(page.locator("#messages").get_by_text("I want a human.")).to_be_visible(timeout=PATIENCE_MS)
    await page.get_by_label("Your reply").fill("Here I am.")
    await page.get_by_role("button", name="Send", exact=True).click()
    await until(lambda: _posts(instance, before + 2), 30)
    assert (await instance.posts(FERNWOOD))[-1]["text"] == "Here I am."
    assert len(model.requests) == calls, "the employee answered in a conversation that a human has"
    await page.get_by_role("button", name=re.compile("Hand back")).click()
    await expect(page.get_by_role("button", name="Take over")).to_be_visible()
    await until(lambda: _posts(instance, before + 3), 30)
    assert (await ask_in_sandbox(instance, "Is it you again?")).startswith("Motto")


async def _posts(instance: Instance, count: int) -> bool:
    return len(await instance.posts(FERNWOOD)) >= count


async def test_an_operator_suspends_a_business_at_once(instance: Instance, page: Page) -> None:
    await sign_in_by_mail(page, instance, FERNWOOD.owner_email)
    await expect(page.get_by_role("heading", name="What needs you")).to_be_visible()
    printed = await instance.command("operator", "create", "Olga")
    link = re.search(r"http\S+/operator/sign-in/\S+", printed)
    assert link
    operator = await page.context.new_page()
    await operator.goto(link[0])
    await operator.get_by_role("button", name="Sign in").click()
    await operator.goto(f"{instance.url}/operator/tenants")
    await operator.get_by_role("link", name=re.compile("Fernwood")).click()
    await operator.get_by_label("Reason").fill("The invoice is three months late.")
    await operator.get_by_role("button", name="Suspend").click()
    await expect(operator.get_by_text("suspended").first).to_be_visible()
    await page.goto(f"{instance.url}/inbox")
    await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    before = len(await instance.posts(FERNWOOD))
    await instance.say(FERNWOOD, DIRECT, "Hello?")
    await operator.get_by_label("Reason").fill("It is paid.")
    await operator.get_by_role("button", name="Resume").click()
    await expect(operator.get_by_role("button", name="Suspend")).to_be_visible()
    assert len(await instance.posts(FERNWOOD)) == before
