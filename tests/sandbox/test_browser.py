"""The pages in headless Chromium: a person types, and sees the answer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from konstruct.local.sandbox.businesses import FERNWOOD
from tests.sandbox.support import ANNA_DIRECT, FRONT_DESK, Listener, Sandbox, open_browser, open_listener, open_sandbox

pytestmark = pytest.mark.asyncio(loop_scope="module")
PHONE = {"width": 360, "height": 740}
DESK = f"/sandbox/b/fernwood/{FRONT_DESK}"
DIRECT = f"/sandbox/b/fernwood/{ANNA_DIRECT}"


@dataclass
class Person:
    """A browser page, and every complaint it made: console errors, broken policies, exceptions."""

    page: Page
    sandbox: Sandbox
    complaints: list[str] = field(default_factory=list)

    async def open(self, path: str) -> None:
        await self.page.goto(self.sandbox.url + path)

    async def type(self, text: str) -> None:
        await self.page.get_by_role("textbox").fill(text)
        await self.page.keyboard.press("Enter")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with open_browser() as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="module")
async def listener() -> AsyncIterator[Listener]:
    async with open_listener() as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="module")
async def sandbox(tmp_path: Path, listener: Listener) -> AsyncIterator[Sandbox]:
    async with open_sandbox(tmp_path / "sandbox.db", listener.url) as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="module")
async def person(browser: Browser, sandbox: Sandbox) -> AsyncIterator[Person]:
    context = await browser.new_context()
    page = await context.new_page()
    opened = Person(page, sandbox)
    page.on("console", lambda message: opened.complaints.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: opened.complaints.append(str(error)))
    yield opened
    await context.close()
    assert opened.complaints == []


async def test_a_message_is_typed_and_the_answer_seen(person: Person, listener: Listener) -> None:
    sandbox, page = person.sandbox, person.page
    await person.open(DIRECT)
    await person.type("When do <we> open?")
    await expect(page.locator(".message .prose")).to_have_text("When do <we> open?")
    await expect(page.get_by_role("textbox")).to_have_value("")
    opened, heard = sorted(await listener.wait(2), key=lambda each: each.event["type"])
    assert (opened.event["type"], opened.event["tab"], opened.event["channel"]) == ("app_home_opened", "messages", ANNA_DIRECT)
    place = {"channel": ANNA_DIRECT, "thread_ts": heard.event["ts"]}
    await sandbox.api("assistant.threads.setStatus", channel_id=ANNA_DIRECT, thread_ts=heard.event["ts"], status="is thinking…")
    await expect(page.locator(".status")).to_contain_text("Robin is thinking")
    blocks = [{"type": "markdown", "text": "At **nine**.\n\n- [map](https://a.b/c)"}]
    await sandbox.api("chat.postMessage", text="At nine.", blocks=blocks, **place)
    answer = page.locator(".thread .message-employee")
    await expect(answer.locator("strong")).to_have_text("nine")
    await expect(answer.get_by_role("link", name="map")).to_have_attribute("href", "https://a.b/c")
    await expect(page.locator(".status")).to_have_count(0)
    await expect(page.locator("#announcer")).to_contain_text("Robin: At nine.")


async def test_a_mention_and_a_reply_in_its_thread(person: Person, listener: Listener) -> None:
    page = person.page
    await person.open(DESK + "?as=U0FERNTOM01")
    await page.get_by_role("button", name="@Robin").click()
    await page.keyboard.type("are you there?")
    await page.get_by_role("button", name="Send").click()
    await expect(page.locator(".mention")).to_have_text("@Robin")
    await listener.wait(2)
    await page.get_by_role("button", name="Reply in the thread").click()
    await expect(page.locator("#replying")).to_contain_text("@Robin are you there?")
    await person.type("Tom asks")
    await expect(page.locator(".thread-rest .message .prose")).to_have_text("Tom asks")
    heard = await listener.wait(3)
    assert heard[2].event["thread_ts"] == heard[0].event["ts"] and heard[2].event["user"] == "U0FERNTOM01"
    await page.keyboard.press("Escape")
    await expect(page.locator("#replying")).to_be_hidden()


async def test_shift_enter_breaks_the_line(person: Person) -> None:
    await person.open(DIRECT)
    await person.page.keyboard.type("one")
    await person.page.keyboard.press("Shift+Enter")
    await person.page.keyboard.type("two")
    await person.page.keyboard.press("Enter")
    await expect(person.page.locator(".message .prose")).to_have_text("onetwo")
    assert person.sandbox.store.messages.roots(ANNA_DIRECT, 1)[0].text == "one\ntwo"


async def test_a_suggested_question_is_sent(person: Person) -> None:
    await person.open(DESK)
    await person.page.get_by_role("button", name=FERNWOOD.prompts[0]).click()
    await expect(person.page.locator(".message .prose")).to_have_text(f"@Robin {FERNWOOD.prompts[0]}")
    await expect(person.page.locator(".welcome")).to_be_hidden()


async def test_a_refused_message_stays_in_the_box(person: Person) -> None:
    await person.open(DIRECT)
    await person.page.locator("body").evaluate("body => { body.dataset.user = 'U0NOBODY001'; }")
    await person.type("do not lose me")
    await expect(person.page.get_by_role("alert")).to_contain_text("no such person")
    await expect(person.page.get_by_role("textbox")).to_have_value("do not lose me")
    # The refusal itself is a console line of the browser; nothing else may be.
    assert len(person.complaints) == 1 and "404" in person.complaints.pop()


async def test_another_persons_answer_marks_the_channel(person: Person) -> None:
    await person.open(DIRECT)
    await expect(person.page.locator(".live")).to_have_attribute("data-live", "on")
    await person.sandbox.say("meanwhile at the desk")
    await expect(person.page.locator(f'[data-room="{FRONT_DESK}"] .unread')).to_be_visible()


async def test_a_lost_connection_comes_back(person: Person) -> None:
    await person.open(DESK)
    await expect(person.page.locator(".live")).to_have_attribute("data-live", "on")
    await person.page.context.set_offline(True)
    await person.page.context.set_offline(False)
    await person.sandbox.say("said in between")
    await expect(person.page.locator(".message .prose")).to_have_text("said in between")
    person.complaints = [line for line in person.complaints if "ERR_INTERNET_DISCONNECTED" not in line]


@pytest.mark.parametrize("path", ["/sandbox", DIRECT, DESK, "/sandbox/mail"])
async def test_phone_width_needs_no_sideways_scrolling(person: Person, path: str) -> None:
    long = "https://example.org/" + "x" * 200
    await person.sandbox.say(f"{long} `{'y' * 200}`\n```\n{'z' * 200}\n```")
    await person.sandbox.api("chat.postMessage", channel=ANNA_DIRECT, markdown_text=f"- {'w' * 300}")
    person.sandbox.store.deliver_mail("a" * 80 + "@example.org", "s" * 120, long)
    await person.page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    await person.open(path)
    sideways = "[...document.querySelectorAll('html, .log, .sheet')].map((part) => part.scrollWidth - part.clientWidth)"
    assert max(await person.page.evaluate(sideways)) <= 0
    assert await person.page.evaluate("innerWidth") == PHONE["width"]


async def test_the_phones_menu_by_keyboard(person: Person) -> None:
    page = person.page
    await page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    await person.open(DIRECT)
    people = page.get_by_role("navigation", name="Speak as")
    await expect(people).to_be_hidden()
    menu = page.get_by_role("button", name="Show conversations")
    await menu.focus()
    await page.keyboard.press("Enter")
    await expect(people).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(people).to_be_hidden()
    await expect(menu).to_be_focused()
    await menu.click()
    await people.get_by_role("link", name="Elif Kaya").click()
    await expect(page).to_have_url(f"{person.sandbox.url}/sandbox/b/fernwood/D0FERNELIF1?as=U0FERNELIF1")


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_text_can_be_read_in_both_schemes(person: Person, scheme: str) -> None:
    await person.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    ts = await person.sandbox.say("hello", ANNA_DIRECT)
    await person.sandbox.api("chat.postMessage", channel=ANNA_DIRECT, thread_ts=ts, text="hi")
    await person.open(DIRECT)
    ratios = await person.page.evaluate(CONTRAST)
    assert ratios and {name: ratio for name, ratio in ratios.items() if ratio < 4.5} == {}


CONTRAST = """() => {
  const parse = (value) => value.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((c) => c / 255)
    .map((c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = parse(getComputedStyle(at).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const found = {};
  const names = [".prose", ".author", ".when", ".badge", ".bar p", ".item", ".person-role", ".reply-button", ".sidebar h2",
                 ".sim", ".as", ".hint", ".avatar-employee", ".avatar:not(.avatar-employee)", ".monogram"];
  for (const name of names) {
    const element = document.querySelector(name);
    const [a, b] = [light(parse(getComputedStyle(element).color)), light(ground(element))];
    found[name] = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  }
  return found;
}"""
