"""Buttons, dialogs, streams, the Home tab and the control panel in headless Chromium, by mouse and by keyboard."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from konstruct.local.sandbox.businesses import FERNWOOD
from konstruct.local.sandbox.unconnected import HARBOR, LARKSPUR_HOTELS, SHARED_CHANNEL
from tests.sandbox.kit import FORM, actions, button, feedback, modal, mrkdwn, option, plain
from tests.sandbox.support import (
    ANNA,
    ANNA_DIRECT,
    FRONT_DESK,
    TOM,
    Listener,
    Sandbox,
    open_browser,
    open_listener,
    open_sandbox,
    until,
)
from tests.support.barriers import barriers

pytestmark = pytest.mark.asyncio(loop_scope="module")
TEAM = FERNWOOD.workspace.team_id
DIRECT, DESK = f"/sandbox/b/fernwood/{ANNA_DIRECT}", f"/sandbox/b/fernwood/{FRONT_DESK}"
CONSENT = "/sandbox/slack/oauth/v2/authorize?client_id=7000000000001.7000000000002&scope=chat:write,im:history,commands"
SURE = {"title": plain("Sure?"), "text": plain("It is final."), "confirm": plain("Do it"), "deny": plain("Back")}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with open_browser() as opened:
        yield opened


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared() -> AsyncIterator[Listener]:
    async with open_listener() as opened:
        yield opened


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def sandbox(shared: Listener, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Sandbox]:
    async with open_sandbox(tmp_path_factory.mktemp("acts") / "sandbox.db", shared.url, rates={}) as opened:
        yield opened


@pytest.fixture(autouse=True)
def app(shared: Listener, sandbox: Sandbox) -> Listener:
    """The app, which has not been pressed yet; no dialog is open."""
    shared.pressed.clear()
    shared.replies.clear()
    sandbox.store.interactions.close_dialogs(TEAM, ANNA)
    return shared


@pytest_asyncio.fixture(loop_scope="module")
async def page(browser: Browser) -> AsyncIterator[Page]:
    """A page that must not complain."""
    context = await browser.new_context(reduced_motion="reduce")
    opened = await context.new_page()
    opened.set_default_timeout(15_000)
    complaints: list[str] = []
    opened.on("console", lambda message: complaints.append(message.text) if message.type in ("error", "warning") else None)
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    yield opened
    await context.close()
    # A refusal is a console line of the browser's own; nothing else may be.
    assert [line for line in complaints if "409 (Conflict)" not in line] == []


async def open_at(page: Page, sandbox: Sandbox, path: str) -> None:
    await page.goto(sandbox.url + path)
    await expect(page.locator(".live")).to_have_attribute("data-live", "on")


async def ask(sandbox: Sandbox, *blocks: dict[str, Any], channel: str = ANNA_DIRECT) -> str:
    root = await sandbox.say("Please ask me.", channel)
    answer = await sandbox.api("chat.postMessage", channel=channel, thread_ts=root, text="t", blocks=list(blocks))
    assert answer["ok"], answer
    return str(answer["ts"])


def root_of(sandbox: Sandbox, ts: str) -> str:
    message = sandbox.store.messages.get(ANNA_DIRECT, ts)
    assert message is not None
    return message.root_ts


def _pressed(app: Listener, count: int) -> bool:
    return len(app.pressed) == count


async def test_a_button_is_pressed_by_keyboard_after_a_question_and_decided(page: Page, sandbox: Sandbox, app: Listener) -> None:
    await open_at(page, sandbox, DIRECT)
    ts = await ask(sandbox, {"type": "section", "text": mrkdwn("May I?")}, actions(button("allow", "a.1", confirm=SURE)))
    message = page.locator(f"[id='m-{ts}']")
    await message.get_by_role("button", name="Allow").focus()
    for answer, heard in (("Back", 0), ("Do it", 1)):
        await page.keyboard.press("Enter")
        await page.get_by_role("dialog", name="Sure?").get_by_role("button", name=answer).click()
        await until(partial(_pressed, app, heard))
    url = app.pressed[0].payload["response_url"]
    async with sandbox.http.post(url, json={"replace_original": True, "text": "Allowed by Anna"}) as response:
        assert response.status == 200
    await expect(message.locator(".prose")).to_have_text("Allowed by Anna")
    await expect(message.get_by_role("button", name="Allow")).to_have_count(0)


async def test_a_thumb_stays_marked_and_a_menu_is_heard(page: Page, sandbox: Sandbox, app: Listener) -> None:
    await open_at(page, sandbox, DIRECT)
    colours = [option("red"), option("blue")]
    menu = {"type": "static_select", "action_id": "menu", "placeholder": plain("Pick"), "options": colours}
    ts = await ask(sandbox, {"type": "markdown", "text": "So."}, feedback(), actions(menu))
    message = page.locator(f"[id='m-{ts}']")
    thumb = message.get_by_role("button", name="This did not help")
    await thumb.click()
    await expect(thumb).to_have_attribute("aria-pressed", "true")
    await message.get_by_role("combobox", name="Pick").select_option("blue")
    await until(lambda: len(app.pressed) == 2)
    thumbed, chosen = [heard.payload["actions"][0] for heard in app.pressed]
    assert thumbed["value"] == "bad.1" and chosen["selected_option"]["value"] == "blue"
    await sandbox.say("A reply draws the thread again.", ANNA_DIRECT, thread_ts=root_of(sandbox, ts))
    await expect(page.locator(".thread").last).to_contain_text("draws the thread again")
    await expect(thumb).to_have_attribute("aria-pressed", "true")
    app.replies = [500]
    await message.get_by_role("button", name="This helped").click()
    await expect(message.get_by_role("alert")).to_have_text("The app did not respond.")


async def test_a_dialog_opens_complains_is_sent_and_closed(page: Page, sandbox: Sandbox, app: Listener) -> None:
    await open_at(page, sandbox, DIRECT)
    ts = await ask(sandbox, actions(button("change")))
    message = page.locator(f"[id='m-{ts}']")
    dialog = page.get_by_role("dialog", name="A dialog")

    async def open_dialog(view: dict[str, Any]) -> None:
        heard = len(app.pressed)
        await message.get_by_role("button", name="Change").click()
        await until(lambda: len(app.pressed) > heard)
        answer = await sandbox.api("views.open", trigger_id=app.pressed[-1].payload["trigger_id"], view=view)
        assert answer["ok"], answer
        await expect(dialog).to_be_visible()

    await open_dialog(FORM)
    await expect(dialog.get_by_label("Words")).to_be_focused()
    await page.keyboard.type("Hello")
    await page.keyboard.press("Enter")
    await expect(dialog.locator("[data-block=colour]").get_by_role("alert")).to_have_text("Please complete this required field.")
    await expect(dialog.get_by_label("Colour")).to_be_focused()
    await dialog.get_by_label("Colour").select_option("red")
    await dialog.get_by_label("Later").check()
    app.replies = [{"response_action": "errors", "errors": {"words": "Say please."}}]
    await dialog.get_by_role("button", name="Save").click()
    await expect(dialog.get_by_label("Words")).to_have_attribute("aria-invalid", "true")
    await expect(dialog).to_contain_text("Say please.")
    await dialog.get_by_role("button", name="Save").click()
    await expect(dialog).to_be_hidden()
    values = app.pressed[-1].payload["view"]["state"]["values"]
    assert values["words"]["t"]["value"] == "Hello" and values["when"]["r"]["selected_option"]["value"] == "later"
    await open_dialog(modal({"type": "section", "text": mrkdwn("Read this.")}, notify_on_close=True, submit=None))
    await page.keyboard.press("Escape")
    await expect(dialog).to_be_hidden()
    await until(lambda: app.pressed[-1].payload["type"] == "view_closed")


async def test_commands_and_what_one_person_sees(page: Page, sandbox: Sandbox, app: Listener) -> None:
    app.replies = [{"text": "*Only* for Anna"}]
    await open_at(page, sandbox, DESK)
    await page.get_by_role("textbox").fill("/konstruct help")
    await page.keyboard.press("Enter")
    private = page.locator(".message-private")
    await expect(private.locator(".prose")).to_have_text("Only for Anna")
    await expect(private).to_contain_text("Only visible to you")
    async with sandbox.http.get(f"{sandbox.url}{DESK}?as={TOM}") as response:
        assert "Only</strong> for Anna" not in await response.text()
    await private.get_by_role("button", name="Dismiss").click()
    await expect(private).to_have_count(0)


async def test_own_messages_are_changed_and_deleted(page: Page, sandbox: Sandbox) -> None:
    await open_at(page, sandbox, DESK)
    ts = await sandbox.say("When do we opne, @Robin?", FRONT_DESK)
    message = page.locator(f"[id='m-{ts}']")
    await message.hover()
    await message.get_by_role("button", name="Edit").click()
    box = page.get_by_role("textbox")
    await expect(box).to_have_value("When do we opne, @Robin?")
    await box.fill("When do we open, @Robin?")
    await page.keyboard.press("Enter")
    await expect(message.locator(".prose")).to_have_text("When do we open, @Robin?")
    await expect(message).to_contain_text("edited")
    await message.hover()
    await message.get_by_role("button", name="Delete").click()
    await page.get_by_role("dialog", name="Delete message").get_by_role("button", name="Delete").click()
    await expect(message).to_have_count(0)


async def test_the_home_tab_is_drawn_live_and_pressed(page: Page, sandbox: Sandbox, app: Listener) -> None:
    await open_at(page, sandbox, DIRECT + "?tab=home")
    await until(lambda: any(heard.event.get("tab") == "home" for heard in app.heard))
    await expect(page.get_by_role("region", name="Home of Robin")).to_contain_text("Nothing here yet")
    pause = {"type": "section", "block_id": "state", "text": mrkdwn("*Robin is working*"), "accessory": button("pause", "p")}
    await sandbox.api("views.publish", user_id=ANNA, view={"type": "home", "blocks": [pause]})
    await page.get_by_role("button", name="Pause").click()
    await until(lambda: len(app.pressed) == 1)
    payload = app.pressed[0].payload
    assert payload["view"]["type"] == "home" and payload["container"]["type"] == "view"
    rests = {"type": "home", "blocks": [{**pause, "text": mrkdwn("*Robin rests*")}]}
    assert (await sandbox.api("views.publish", user_id=ANNA, hash=payload["view"]["hash"], view=rests))["ok"]
    await expect(page.locator("#home")).to_contain_text("Robin rests")
    await page.get_by_role("link", name="Messages").click()
    await expect(page.get_by_role("textbox")).to_be_visible()


async def test_a_streamed_answer_grows_and_breaks(page: Page, sandbox: Sandbox) -> None:
    await open_at(page, sandbox, DIRECT)
    ts = await sandbox.say("How long is the warranty?", ANNA_DIRECT)
    thread = page.locator(f"[id='t-{ts}']")
    place: dict[str, Any] = {"channel_id": ANNA_DIRECT, "thread_ts": ts}
    await sandbox.api("assistant.threads.setTitle", **place, title="Warranty")
    await sandbox.api("assistant.threads.setStatus", **place, status="is working on it…", loading_messages=["Reading"])
    await expect(thread.locator(".status")).to_contain_text("is working on it")
    await expect(thread.locator(".status .loading")).to_have_text("Reading")
    await expect(thread.locator(".thread-title")).to_have_text("Warranty")
    task = {"type": "task_update", "id": "1", "title": "Search", "status": "in_progress"}
    started = await sandbox.api("chat.startStream", channel=ANNA_DIRECT, thread_ts=ts, chunks=[task])
    for piece in ("Five ", "**years**", " on frames."):
        assert (await sandbox.api("chat.appendStream", channel=ANNA_DIRECT, ts=started["ts"], markdown_text=piece))["ok"]
    answer = page.locator(f"[id='m-{started['ts']}']")
    await expect(answer.locator(".prose")).to_have_text("Five years on frames.")
    await expect(answer.locator(".task-in_progress")).to_have_text("Search, in progress")
    await expect(answer.get_by_text("stopped before its end")).to_be_hidden()
    await expect(page.locator("#announcer")).to_be_empty()
    await sandbox.api("chat.stopStream", channel=ANNA_DIRECT, ts=started["ts"], blocks=[feedback()])
    await expect(answer.get_by_role("button", name="This helped")).to_be_visible()
    await expect(page.locator("#announcer")).to_have_text("Robin: Five years on frames.")
    second = await sandbox.api("chat.startStream", channel=ANNA_DIRECT, thread_ts=ts, markdown_text="Forks: ")
    async with sandbox.http.post(f"{sandbox.url}/sandbox/control/clock", json={"seconds": 301}) as response:
        assert response.status == 200
    broken = page.locator(f"[id='m-{second['ts']}']")
    await expect(broken.get_by_text("This response stopped before its end")).to_be_visible()
    await sandbox.api("chat.update", channel=ANNA_DIRECT, ts=second["ts"], markdown_text="Forks: two years.")
    await expect(broken.get_by_text("stopped before its end")).to_have_count(0)
    await expect(broken.locator(".prose")).to_have_text("Forks: two years.")


async def test_prompts_fill_an_empty_conversation(page: Page, sandbox: Sandbox) -> None:
    direct = "D" + TOM[1:]
    await open_at(page, sandbox, f"/sandbox/b/fernwood/{direct}")
    prompts = [{"title": "Hours", "message": "When are we open?"}]
    await sandbox.api("assistant.threads.setSuggestedPrompts", channel_id=direct, prompts=prompts, title="Good morning")
    await page.get_by_role("button", name="Hours").click()
    await expect(page.locator(".message .prose")).to_have_text("When are we open?")
    await expect(page.get_by_role("button", name="Hours")).to_be_hidden()


async def test_a_stranger_in_a_shared_channel_is_told_apart(page: Page, sandbox: Sandbox) -> None:
    stranger = LARKSPUR_HOTELS.people[1]
    await open_at(page, sandbox, f"/sandbox/b/harbor/{SHARED_CHANNEL}")
    words = {"team": stranger.team_id, "user": stranger.user_id, "channel": SHARED_CHANNEL, "text": "Hello from the hotel"}
    async with sandbox.http.post(f"{sandbox.url}/sandbox/messages", json=words) as response:
        assert response.status == 201
    message = page.locator(".message")
    await expect(message).to_contain_text("Hello from the hotel")
    await expect(message.locator(".author")).to_have_text(stranger.name)
    await expect(message.locator(".badge-stranger")).to_have_text(LARKSPUR_HOTELS.workspace.name)
    assert HARBOR.workspace.name in await page.title()


async def test_the_employee_is_added_to_a_channel(page: Page, sandbox: Sandbox, app: Listener) -> None:
    sandbox.store.workspaces.set_member(TEAM, FRONT_DESK, False)
    await open_at(page, sandbox, DESK)
    await page.get_by_role("button", name="Add Robin").click()
    await expect(page.get_by_role("button", name="Add Robin")).to_have_count(0)
    await until(lambda: any(heard.event["type"] == "member_joined_channel" for heard in app.heard))
    (joined,) = [heard.event for heard in app.heard if heard.event["type"] == "member_joined_channel"]
    assert (joined["user"], joined["inviter"], joined["channel"]) == (FERNWOOD.workspace.bot_user_id, ANNA, FRONT_DESK)


async def test_the_control_panel_turns(page: Page, sandbox: Sandbox, app: Listener) -> None:
    await sandbox.say("to be heard again", FRONT_DESK)
    await page.goto(f"{sandbox.url}/sandbox/control")
    streams = page.get_by_role("switch", name="Streams")
    await streams.click()
    await expect(streams).to_have_attribute("aria-checked", "false")
    assert sandbox.store.control.switches().streams is False
    await streams.click()
    await expect(streams).to_have_attribute("aria-checked", "true")
    before = sandbox.store.control.offset_s()
    await page.get_by_role("button", name="+ 5 minutes").click()
    await expect(page.get_by_text("minutes ahead")).to_be_visible()
    assert sandbox.store.control.offset_s() == before + 300
    await page.get_by_label("The next calls of").select_option("users.info")
    await page.get_by_label("how often").fill("2")
    await page.get_by_role("button", name="Order", exact=True).click()
    await expect(page.get_by_text("2 × 500")).to_be_visible()
    assert (await sandbox.api("users.info", user=ANNA))["http"] == 500
    await page.get_by_role("button", name="Drop all faults").click()
    await expect(page.get_by_text("None is pending.")).to_be_visible()
    app.heard.clear()
    await page.get_by_label("How many").fill("1")
    await page.get_by_role("button", name="Shuffled").click()
    (again,) = await app.wait(1)
    assert again.headers["x-slack-retry-num"] == "1" and again.headers["x-slack-retry-reason"] == "http_timeout"


async def test_nothing_keeps_people_out(page: Page, sandbox: Sandbox, app: Listener) -> None:
    menu = {"type": "checkboxes", "action_id": "menu", "options": [option("red"), option("blue")]}
    table = {"type": "table", "rows": [[{"type": "raw_text", "text": "Service"}], [{"type": "raw_text", "text": "x" * 60}]]}
    ts = await ask(sandbox, table, feedback(), actions(button("change", style="danger"), button("b", style="primary"), menu))
    root = root_of(sandbox, ts)
    await sandbox.api("chat.postEphemeral", channel=ANNA_DIRECT, user=ANNA, text="psst", thread_ts=root)
    task = {"type": "task_update", "id": "1", "title": "Search", "status": "pending"}
    plan = {"type": "plan_update", "title": "Plan"}
    await sandbox.api("chat.startStream", channel=ANNA_DIRECT, thread_ts=root, chunks=[task, plan])
    found = []
    for path in (DIRECT, DIRECT + "?tab=home", "/sandbox", "/sandbox/control", CONSENT, f"{CONSENT}&team=T0HARBORBK1"):
        await page.goto(sandbox.url + path)
        found += await barriers(page)
    await page.goto(sandbox.url + DIRECT)
    await page.locator(f"[id='m-{ts}']").get_by_role("button", name="Change").click()
    await until(lambda: len(app.pressed) == 1)
    await sandbox.api("views.open", trigger_id=app.pressed[0].payload["trigger_id"], view=FORM)
    await expect(page.get_by_role("dialog", name="A dialog")).to_be_visible()
    found += await barriers(page)
    assert found == []
