"""The page of a number's quality, the banner on every page, and a person's decision to resume, over real HTTP."""

from __future__ import annotations

from typing import Any

from tests.quality.numbers import Numbers, sent
from tests.sandbox.support import open_browser
from tests.support.barriers import barriers
from tests.support.house import House
from tests.support.portal import open_portal


async def test_a_number_that_is_stopped_says_so_everywhere_and_a_person_resumes_it(numbers: Numbers, web: House) -> None:
    path = f"/channels/{numbers.accounts[0]}/quality"
    async with open_portal(web, numbers.scopes[0], "admin", name="Kim Lee") as kim:
        page = await kim.get(path)
        assert page.status == 200 and "Everything may be sent" in page.text and 'class="stopped' not in page.text
        numbers.say(quality_rating="RED", whatsapp_business_manager_messaging_limit="TIER_10K")
        await numbers.poll()
        await sent(numbers, 40, receipt="failed", reason="meta_131026")
        await numbers.watch()
        for where in ("/", "/channels", "/usage", path):
            page = await kim.get(where)
            assert page.status == 200 and "sends replies only." in page.text and f'href="{path}"' in page.text, where
        for words in ("10,000", ">low<", "fell to low", "It cannot be resumed while the provider says so", "40 not delivered"):
            assert words in page.text, words
        assert 'name="note"' not in page.text, "nobody overrules the provider"
        early = await kim.post(f"{path}/resume", note="Let me", follow=False)
        assert early.status == 409 and await numbers.level() == "replies_only"
        numbers.say(quality_rating="GREEN")
        await numbers.poll()
        empty = await kim.post(f"{path}/resume", note="  ", follow=False)
        assert empty.status == 422 and "Say what you found" in empty.text
        done = await kim.post(f"{path}/resume", note="We wrote to an <old> list. It is gone.")
        assert done.status == 200 and done.path == f"{path}?done=resumed" and "Resumed." in done.text
        assert "We wrote to an &lt;old&gt; list. It is gone." in done.text and "Kim Lee" in done.text
        assert 'class="stopped' not in done.text and await numbers.level() == "open"
        await numbers.watch()
        assert await numbers.level() == "open", "what was counted until then counts no more"
    async with open_portal(web, numbers.scopes[0], "operator") as other:
        assert (await other.get(path)).status == 200
        assert (await other.post(f"{path}/resume", note="x", follow=False)).status == 403
    async with open_portal(web, numbers.scopes[1], "owner") as stranger:
        assert (await stranger.get(path)).status == 404
        assert (await stranger.post(f"{path}/resume", note="mine", follow=False)).status == 404
        assert 'class="stopped' not in (await stranger.get("/")).text


async def test_the_banner_and_the_page_in_a_browser(numbers: Numbers, web: House) -> None:
    await numbers.connect(0, waba=numbers.meta.numbers[0].waba_id)
    said: tuple[dict[str, Any], ...] = (
        {"quality_rating": "GREEN"}, {"quality_rating": "YELLOW"}, {"quality_rating": "RED", "status": "BANNED"},
    )  # fmt: skip
    for words in said:
        numbers.say(**words)
        await numbers.poll()
    path = f"/channels/{numbers.accounts[0]}/quality"
    async with open_portal(web, numbers.scopes[0], "owner", name="Pat Doe") as pat, open_browser() as browser:
        context = await browser.new_context(viewport={"width": 1280, "height": 900})
        await context.add_cookies([{"name": "konstruct_session", "value": pat.ticket, "url": web.url}])
        page = await context.new_page()
        complaints: list[str] = []
        page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
        for where in ("/", path):
            await page.goto(web.url + where)
            assert "is suspended" in await page.locator("aside.stopped").inner_text(), where
            assert await barriers(page) == [], where
        await page.locator("aside.stopped").get_by_role("link").click()
        await page.wait_for_url(web.url + path)
        assert "Go on with another number" in await page.inner_text("main")
        assert complaints == []
        await context.close()
