"""A phone in headless Chromium: what a person types, presses and sees; and the dialog of Embedded Signup."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestServer
from playwright.async_api import Browser, Page, expect

from konstruct.local.sandbox.meta.application import APP_ID, CONFIG_ID
from tests.sandbox.meta_support import HARBOR, LAYLA_ID, NUMBER, Graph, template, text
from tests.sandbox.support import Sandbox, open_browser, open_listener, open_sandbox

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with open_browser() as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="module")
async def graph(tmp_path: Path) -> AsyncIterator[Graph]:
    async with open_listener() as listener, open_sandbox(tmp_path / "s.db", listener.url, meta_delays_s=(0.0,)) as opened:
        yield Graph(opened, listener)


@pytest_asyncio.fixture(loop_scope="module")
async def page(browser: Browser) -> AsyncIterator[Page]:
    """A page that must not complain: no console errors, no broken policy, no exception."""
    context = await browser.new_context()
    opened, complaints = await context.new_page(), []
    opened.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    yield opened
    await context.close()
    assert complaints == []


async def _open(page: Page, sandbox: Sandbox, phone: str = "mira") -> None:
    await page.goto(f"{sandbox.url}/sandbox/p/{phone}/{NUMBER}")
    await expect(page.locator(".live")).to_have_attribute("data-live", "on")


async def _type(page: Page, words: str) -> None:
    await page.locator("#composer-text").fill(words)
    await page.keyboard.press("Enter")


CHOICES: dict[str, Any] = {
    "type": "interactive",
    "interactive": {
        "type": "list",
        "body": {"text": "Which day?"},
        "action": {
            "button": "Days",
            "sections": [{"rows": [{"id": "mon", "title": "Monday"}, {"id": "tue", "title": "Tuesday"}]}],
        },
    },
}


async def test_a_conversation_on_a_phone(graph: Graph, page: Page) -> None:
    mine, theirs = page.locator(".note-mine"), page.locator(".note:not(.note-mine)")
    await _open(page, graph.sandbox)
    await _type(page, "Is my <bike> *ready*?")
    await expect(mine.locator(".prose")).to_have_text("Is my <bike> ready?")
    await expect(page.locator("#composer-text")).to_have_value("")
    (heard,) = await graph.messages()
    read = {"messaging_product": "whatsapp", "status": "read", "message_id": heard["id"], "typing_indicator": {"type": "text"}}
    await graph.call("POST", f"{NUMBER}/messages", json=read)
    await expect(page.locator(".typing")).to_contain_text("Fernwood Cycles is typing")
    await expect(mine.locator(".ticks-read")).to_be_visible()
    await graph.send(**text("Yes, *Mira*: it is ready.\n- until 17:00"), context={"message_id": heard["id"]})
    await expect(theirs.locator("strong")).to_have_text("Mira")
    await expect(theirs.locator(".note-quote")).to_contain_text("Is my <bike> *ready*?")
    await expect(page.locator(".typing")).to_have_count(0)
    await expect(page.locator("#announcer")).to_contain_text("Fernwood Cycles: Yes")
    assert (await graph.statuses(3))[-1]["status"] == "read", "who sees it has read it"
    graph.wait(7)
    await graph.send(**CHOICES)
    await theirs.last.get_by_text("Days").click()
    await theirs.last.get_by_role("button", name="Tuesday").click()
    await expect(mine.last).to_contain_text("Tuesday")
    assert (await graph.messages(2))[-1]["interactive"]["list_reply"]["id"] == "tue"


async def test_a_message_is_answered_changed_and_taken_back(graph: Graph, page: Page) -> None:
    await graph.write("Helo")
    _, body = await graph.send(**text("What can I do?"))
    await _open(page, graph.sandbox)
    mine, theirs = page.locator(".note-mine"), page.locator(".note:not(.note-mine)")
    await theirs.hover()
    await theirs.get_by_label("More for this message").click()
    await theirs.get_by_role("button", name="React with 👍").click()
    await expect(theirs.locator(".note-reaction")).to_have_text("👍")
    await theirs.get_by_label("More for this message").click()
    await theirs.get_by_role("link", name="Reply").click()
    await expect(page.locator("#replying")).to_contain_text("What can I do?")
    await _type(page, "Repair it")
    await expect(mine.last.locator(".note-quote")).to_contain_text("What can I do?")
    await expect(page.locator("#replying")).to_be_hidden()
    await mine.first.hover()
    await mine.first.get_by_label("More for this message").click()
    await mine.first.get_by_role("link", name="Edit").click()
    await expect(page.locator("#composer-text")).to_have_value("Helo")
    await _type(page, "Hello")
    await expect(mine.first).to_contain_text("Hello")
    await expect(mine.first).to_contain_text("edited")
    await mine.first.hover()
    await mine.first.get_by_label("More for this message").click()
    await mine.first.get_by_role("button", name="Delete for everyone").click()
    await expect(mine.first).to_contain_text("You deleted this message")
    heard = await graph.messages(5)
    assert {each["type"] for each in heard} == {"text", "reaction", "edit", "revoke"}
    assert next(each for each in heard if each.get("context"))["context"]["id"] == body["messages"][0]["id"]


async def test_what_is_not_words(graph: Graph, page: Page, tmp_path: Path) -> None:
    await graph.write("مرحبا", "layla")
    await _open(page, graph.sandbox, "layla")
    await page.get_by_label("Send something else").click()
    await page.get_by_role("button", name="A picture").click()
    picture = page.locator(".note-image")
    await expect(picture).to_be_visible()
    await page.wait_for_function("document.querySelector('.note-image').naturalWidth === 320")
    file = tmp_path / "list.csv"
    file.write_text("a,b\n1,2\n")
    await page.locator("#file").set_input_files(file)
    await _type(page, "my list")
    await expect(page.locator(".note-file")).to_contain_text("list.csv")
    document = (await graph.messages(3))[-1]["document"]
    assert (document["filename"], document["caption"], document["mime_type"]) == ("list.csv", "my list", "text/csv")
    assert await graph.code(recipient=LAYLA_ID, **text("نعم، *السبت*")) == 0
    answer = page.locator(".note:not(.note-mine) .prose")
    await expect(answer).to_have_text("نعم، السبت")
    assert await answer.evaluate("element => getComputedStyle(element).direction") == "rtl"
    await page.get_by_label("About this business").click()
    await page.get_by_role("button", name="Block Fernwood Cycles").click()
    await expect(page.get_by_text("You have blocked this business.")).to_be_visible()
    await page.get_by_role("button", name="Unblock").first.click()
    await expect(page.get_by_text("You have blocked this business.")).to_have_count(0)


async def test_a_template_on_a_narrow_phone(graph: Graph, page: Page) -> None:
    await page.set_viewport_size({"width": 360, "height": 720})
    await _open(page, graph.sandbox)
    await expect(page.get_by_role("heading", name="Write to Fernwood Cycles")).to_be_visible()
    button = {"type": "button", "sub_type": "url", "index": "2", "parameters": [{"type": "text", "text": "7"}]}
    assert await graph.code(**template("repair_ready", "Mira", "bike", "Friday", components=[button])) == 0
    note = page.locator(".note")
    await expect(note).to_contain_text("Your repair is done")
    await expect(note.get_by_role("link", name="See the invoice")).to_have_attribute("href", "https://fernwood.example/i/7")
    await note.get_by_role("button", name="Another day").click()
    await expect(page.locator(".note-mine")).to_contain_text("Another day")
    assert (await graph.messages())[0]["button"]["payload"] == "Another day"
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "nothing is wider than the phone"
    await page.get_by_label("Show chats and phones").click()
    await expect(page.get_by_role("link", name="Marlow Coffee Works")).to_be_visible()
    await page.keyboard.press("Escape")
    await page.goto(f"{graph.sandbox.url}/sandbox/control/whatsapp")
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")


PORTAL = """<!doctype html><title>Portal</title><link rel="icon" href="data:,">
<button id="go">Connect</button>
<pre id="said"></pre><script src="{sdk}"></script><script>
const said = document.getElementById("said");
addEventListener("message", (event) => {{
  if (event.origin === "{origin}" && typeof event.data === "string") said.append(event.data + "\\n");
}});
FB.init({{ appId: "{app}", version: "v25.0" }});
const asked = {{ config_id: "{config}", response_type: "code", extras: {{ version: "v4" }} }};
const options = {{ ...asked, override_default_response_type: true }};
document.getElementById("go").onclick = () => FB.login((answer) => said.append(JSON.stringify(answer) + "\\n"), options);
</script>"""


async def test_the_dialog_of_embedded_signup(graph: Graph, page: Page) -> None:
    origin = graph.sandbox.url
    html = PORTAL.format(sdk=f"{origin}/sandbox/meta/sdk.js", origin=origin, app=APP_ID, config=CONFIG_ID)

    async def portal(_request: web.Request) -> web.Response:
        return web.Response(text=html, content_type="text/html")

    app = web.Application()
    app.router.add_get("/portal", portal)
    # Another origin than the dialog's, as the portal's is with the real Meta.
    async with TestServer(app) as served:
        await page.goto(str(served.make_url("/portal")))
        lines = await _connect(page)
    finished = next(line for line in lines if line.get("event") == "FINISH")
    assert finished["data"] == {
        "phone_number_id": HARBOR.number.phone_number_id,
        "waba_id": HARBOR.account.waba_id,
        "business_id": HARBOR.portfolio.business_id,
    }
    assert next(line for line in lines if line.get("status") == "connected")["authResponse"]["code"].startswith("AQ")
    (added,) = await graph.heard("account_update")
    assert added["event"] == "PARTNER_ADDED"


async def _connect(page: Page) -> list[dict[str, Any]]:
    """Cancel the dialog once, then agree; return what the page heard, oldest first."""
    lines: list[dict[str, Any]] = []
    for decide, status, events in (
        ("Cancel", '"status":"unknown"', ["CANCEL"]),
        ("Agree and connect", '"status":"connected"', ["CANCEL", "FINISH"]),
    ):
        async with page.expect_popup() as opened:
            await page.locator("#go").click()
        dialog = await opened.value
        await dialog.get_by_label("Harbor Books").check()
        await dialog.get_by_role("button", name=decide).click()
        await expect(page.locator("#said")).to_contain_text(status)
        lines = [json.loads(line) for line in (await page.locator("#said").inner_text()).splitlines() if line]
        assert [line["event"] for line in lines if line.get("type") == "WA_EMBEDDED_SIGNUP"] == events
    return lines
