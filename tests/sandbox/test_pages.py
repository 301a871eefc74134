"""The pages over plain HTTP: headers, addresses, live updates."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any

import pytest

from konstruct.local.sandbox.businesses import BUSINESSES
from konstruct.local.sandbox.pages.acting import ACTS
from tests.sandbox.support import ANNA, ANNA_DIRECT, FRONT_DESK, MARLOW_DESK, Listener, Sandbox

CONSENT = "/sandbox/slack/oauth/v2/authorize?client_id=7000000000001.7000000000002&scope=chat:write"
PAGES = [
    *("/sandbox", f"/sandbox/b/fernwood/{FRONT_DESK}", f"/sandbox/b/marlow/{MARLOW_DESK}", "/sandbox/mail"),
    *(f"/sandbox/b/fernwood/{ANNA_DIRECT}?tab=home", "/sandbox/control", CONSENT, CONSENT + "&team=T0HARBORBK1"),
]


async def get(sandbox: Sandbox, path: str) -> tuple[int, str]:
    async with sandbox.http.get(sandbox.url + path) as response:
        return response.status, await response.text()


@pytest.mark.parametrize("path", PAGES)
async def test_pages_have_a_strict_policy_and_nothing_inline(sandbox: Sandbox, path: str) -> None:
    async with sandbox.http.get(sandbox.url + path) as response:
        html, policy = await response.text(), response.headers["Content-Security-Policy"]
    assert response.status == 200
    assert policy.startswith("default-src 'self'") and "unsafe" not in policy and "frame-ancestors 'none'" in policy
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", html)
    for address in re.findall(r'(?:src|href)="(/sandbox/static/[^"]+)"', html):
        async with sandbox.http.get(sandbox.url + address) as part:
            assert part.status == 200 and part.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    "path",
    [
        "/sandbox/b/nobody",
        "/sandbox/b/fernwood/C0NOTHERE01",
        f"/sandbox/b/fernwood/{MARLOW_DESK}",
        f"/sandbox/b/marlow/{ANNA_DIRECT}",
        "/sandbox/mail/17",
        "/sandbox/static/../render.py",
        "/sandbox/static/none.css",
        "/sandbox/events?team=T0NOTHERE01",
    ],
)
async def test_what_is_not_there(sandbox: Sandbox, path: str) -> None:
    assert (await get(sandbox, path))[0] == 404


async def test_a_page_without_script_is_led_back_and_other_sites_are_refused(sandbox: Sandbox) -> None:
    form = {"team": "T0FERNWOOD1", "user": ANNA, "channel": FRONT_DESK}
    place = f"/sandbox/b/fernwood/{FRONT_DESK}?as={ANNA}"
    for referer, leads_to in ((sandbox.url + place, place), ("https://elsewhere.example/x", "/sandbox")):
        headers = {"Accept": "text/html", "Referer": referer}
        form["ts"] = await sandbox.say("to be deleted")
        address = f"{sandbox.url}/sandbox/delete"
        async with sandbox.http.post(address, data=form, headers=headers, allow_redirects=False) as response:
            assert (response.status, response.headers["Location"]) == (303, leads_to)
    for path in (*ACTS, "/control", "/files"):
        async with sandbox.http.post(
            f"{sandbox.url}/sandbox{path}", data=form, headers={"Sec-Fetch-Site": "cross-site"}
        ) as response:
            assert response.status == 403, path


async def test_the_first_page_names_both_businesses(sandbox: Sandbox) -> None:
    _, html = await get(sandbox, "/sandbox")
    for business in BUSINESSES:
        assert business.workspace.name in html and f'href="/sandbox/b/{business.workspace.slug}"' in html


async def test_a_business_opens_with_a_direct_message(sandbox: Sandbox) -> None:
    async with sandbox.http.get(f"{sandbox.url}/sandbox/b/fernwood") as response:
        assert str(response.url).endswith(ANNA_DIRECT)
        assert "Ask Robin something" in await response.text()


async def test_nothing_of_the_other_business_shows(sandbox: Sandbox) -> None:
    await sandbox.say("a secret about bicycles")
    for path in (f"/sandbox/b/marlow/{MARLOW_DESK}", "/sandbox/b/marlow"):
        html = (await get(sandbox, path))[1]
        assert "secret" not in html and "Fernwood" not in html and "Robin" not in html


async def test_the_speaker_can_be_chosen(sandbox: Sandbox) -> None:
    _, html = await get(sandbox, f"/sandbox/b/fernwood/{FRONT_DESK}?as=U0FERNELIF1")
    assert 'data-user="U0FERNELIF1"' in html and "as Elif Kaya" in html
    _, html = await get(sandbox, f"/sandbox/b/fernwood/{FRONT_DESK}?as=U0MARLPRIYA")
    assert f'data-user="{ANNA}"' in html


async def test_the_mailbox(sandbox: Sandbox) -> None:
    assert "No e-mails yet" in (await get(sandbox, "/sandbox/mail"))[1]
    first = sandbox.store.deliver_mail("anna@fernwood.example", "Your <code>", "See https://example.org/c\n<script>")
    second = sandbox.store.deliver_mail("tom@fernwood.example", "Another", "text")
    _, html = await get(sandbox, "/sandbox/mail")
    assert html.index("Another") < html.index("Your &lt;code&gt;") and second > first
    _, html = await get(sandbox, f"/sandbox/mail/{first}")
    assert '<a href="https://example.org/c"' in html and "&lt;script&gt;" in html and "<script>" not in html


async def events(sandbox: Sandbox, count: int, after: int | None = None, last_id: int | None = None) -> list[dict[str, Any]]:
    """Return the first `count` events that tell of threads in the front desk's page."""
    params: dict[str, str | int] = {"team": "T0FERNWOOD1", "channel": FRONT_DESK}
    if after is not None:
        params["after"] = after
    seen = {} if last_id is None else {"Last-Event-ID": str(last_id)}
    found: list[dict[str, Any]] = []
    number, kind = "", ""
    address = f"{sandbox.url}/sandbox/events"
    async with asyncio.timeout(20), sandbox.http.get(address, params=params, headers=seen) as response:
        assert response.headers["Content-Type"].startswith("text/event-stream")
        async for line in response.content:
            name, _, value = line.decode().strip().partition(": ")
            number = value if name == "id" else number
            kind = value if name == "event" else kind
            if name == "data" and kind == "thread":
                found.append({**json.loads(value), "id": int(number)})
                if len(found) == count:
                    break
    return found


async def test_live_updates(sandbox: Sandbox) -> None:
    async with asyncio.timeout(10):
        waiting = asyncio.create_task(events(sandbox, 1, sandbox.store.messages.last_seq()))
        await asyncio.sleep(0.2)
        ts = await sandbox.say("seen <at once>")
        (event,) = await waiting
    assert (event["channel"], event["ts"]) == (FRONT_DESK, ts)
    assert "seen &lt;at once&gt;" in event["html"] and f'id="t-{ts}"' in event["html"]


async def test_updates_elsewhere_are_named_without_content(sandbox: Sandbox) -> None:
    await sandbox.say("a private matter", ANNA_DIRECT)
    (event,) = await events(sandbox, 1)
    assert event["channel"] == ANNA_DIRECT and "html" not in event


async def test_the_other_business_is_not_heard(sandbox: Sandbox) -> None:
    await sandbox.api("chat.postMessage", BUSINESSES[1], channel=MARLOW_DESK, text="coffee")
    await sandbox.say("bicycle")
    (event,) = await events(sandbox, 1)
    assert event["channel"] == FRONT_DESK


async def test_a_lost_connection_goes_on_where_it_was(sandbox: Sandbox) -> None:
    first = await sandbox.say("first")
    (event,) = await events(sandbox, 1)
    second = await sandbox.say("second")
    (missed,) = await events(sandbox, 1, last_id=event["id"])
    assert (event["ts"], missed["ts"]) == (first, second)


async def test_a_message_that_was_not_taken_says_so(sandbox: Sandbox, listener: Listener) -> None:
    listener.answers = [500] * 4
    await sandbox.say("hello?")
    await listener.wait(4)
    (event,) = await events(sandbox, 1)
    assert "has not taken this yet" in event["html"]


async def test_a_stopping_server_ends_the_streams(sandbox: Sandbox) -> None:
    async with asyncio.timeout(5):
        waiting = asyncio.create_task(events(sandbox, 1))
        await asyncio.sleep(0.2)
        sandbox.store.end_streams()
        assert await waiting == []
