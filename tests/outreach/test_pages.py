"""The pages and the API of templates: the window in the inbox, the picker without a script, and plain sentences for refusals."""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime, timedelta

import pytest

from konstruct.web.portal.inbox.window import clock, left
from tests.outreach.lines import Line, Lines
from tests.support.api import open_api
from tests.support.portal import Answer, Person, open_portal


def _form(answer: Answer) -> dict[str, str]:
    """Return the hidden fields of the form that fills a template in."""
    [form] = re.findall(r'<form class="fill".*?</form>', answer.text, re.S)
    return dict(re.findall(r'name="(template|token)" value="([^"]+)"', form))


async def _opened(person: Person, line: Line, **query: str) -> Answer:
    chosen = "".join(f"?template={value}" for value in query.values())
    return await person.get(f"/inbox/{line.conversation_id}{chosen}")


async def test_the_inbox_shows_the_window_and_a_picker_once_it_is_closed(lines: Lines) -> None:
    here, other = lines.of
    async with open_portal(lines.house, here.scope, "operator", name="Maria") as person:
        never = await _opened(person, here)
        assert "They have not written yet" in never.text and "Robin" in never.text
        await lines.hear(here, left_s=3 * 3600.0)
        open_ = await _opened(person, here)
        assert "You can answer freely until" in open_.text and re.search(r"2 h 5\d min</span> left", open_.text)
        assert 'class="fill"' not in open_.text
        await lines.close(here)
        await lines.say(here, "We open at nine.")
        await lines.settle(here)
        closed = await _opened(person, here)
        assert "Closed since" in closed.text and "Waits until they write again" in closed.text
        # The only template that can be sent is chosen already; its places have the examples of whoever wrote it.
        assert re.search(r"Such as: Robin.*Such as: your bike", closed.text, re.S) and 'name="p.body-1"' in closed.text
        form, path = _form(closed), f"/inbox/{here.conversation_id}/template"
        shown = await person.send(path, form | {"act": "preview"} | {"p.body-0": "Robin", "p.body-1": "<i>the bike</i>"})
        assert (shown.status, shown.text.count("&lt;i&gt;the bike&lt;/i&gt;")) == (200, 2), "in the field and in the preview"
        wrong = await person.send(path, form | {"act": "send"} | {"p.body-0": "", "p.body-1": "a\tb"})
        assert wrong.status == 422 and "Please fill this in." in wrong.text and "no line breaks, tabs" in wrong.text
        assert await lines.rows(here, "SELECT 1 FROM deliveries WHERE tenant_id = $1 AND form = 'template'") == []
        # Sent twice, as by a double click, it is one message.
        filled = {"p.body-0": "Robin", "p.body-1": "your bike"}
        for _ in range(2):
            sent = await person.send(path, form | filled | {"act": "send"}, follow=False)
            assert sent.status == 303, sent.text
        await lines.settle(here)
        assert lines.shown(here) == ["order_ready"] and lines.shown(other) == []
        after = await _opened(person, here)
        assert "Maria" in after.text and "Hello Robin, your bike is ready." in html.unescape(after.text)
        # What a colleague of the other business may not see is not there for them.
        async with open_portal(lines.house, other.scope, "operator") as stranger:
            assert (await stranger.send(path, form | filled | {"act": "send"})).status == 404
            mine = f"/inbox/{other.conversation_id}/template"
            assert (await stranger.send(mine, form | filled | {"act": "send"})).status == 404, "another business's template"


async def test_a_reply_into_a_closed_window_is_refused_and_not_lost(lines: Lines) -> None:
    here, _ = lines.of
    await lines.hear(here)
    async with open_portal(lines.house, here.scope, "operator") as person:
        await person.post(f"/inbox/{here.conversation_id}/take-over", epoch="0")
        page = await _opened(person, here)
        token = re.search(r'name="token" value="([^"]+)"', page.text)
        assert token is not None and 'id="reply"' in page.text
        await lines.close(here)
        late = await person.post(f"/inbox/{here.conversation_id}/reply", epoch="1", token=token[1], text="A draft of mine")
        assert late.status == 409 and "only a template gets through" in late.text and "A draft of mine" in late.text
        assert 'id="reply"' not in late.text and 'class="fill"' in late.text
    async with open_api(lines.house, here.scope) as program:
        refused = await program.post(f"/conversations/{here.conversation_id}/messages", {"text": "Hello"})
        assert refused.status == 409 and "only a template" in refused.json()["detail"]
    assert await lines.rows(here, "SELECT 1 FROM deliveries WHERE tenant_id = $1 AND kind = 'human'") == []


async def test_the_page_of_templates_and_beginning_a_conversation(lines: Lines) -> None:
    here, other = lines.of
    waba = here.number.waba_id
    lines.meta.templates[waba, "sale", "de_DE"] = {
        "status": "REJECTED",
        "reason": "TAG_CONTENT_MISMATCH",
        "category": "MARKETING",
    }
    lines.meta.templates[waba, "picture", "en"] = {
        "components": [{"type": "HEADER", "format": "IMAGE"}, {"type": "BODY", "text": "x"}]
    }
    await lines.sync(here)
    async with open_portal(lines.house, here.scope) as person:
        page = (await person.get("/templates")).text
        for words in ("Approved", "Rejected", "Good quality", "German (DE)", "Marketing", "WhatsApp says: Tag content mismatch",
                      "It has pictures, products or codes", f"waba_id={waba}"):  # fmt: skip
            assert words in page, words
        assert other.number.waba_id not in page
        await lines.rows(here, "DELETE FROM tenant_jobs WHERE tenant_id = $1 AND kind = 'template_sync'")
        assert (await person.post(f"/templates/{here.account_id}/fetch", follow=False)).status == 303
        assert "being fetched" in (await person.get("/templates")).text
        assert (await person.post(f"/templates/{other.account_id}/fetch", follow=False)).status == 404

        write = f"/contacts/{here.contact_id}/write"
        form = _form(await person.get(write))
        filled = {"p.body-0": "Robin", "p.body-1": "your bike"}
        await lines.rows(here, "UPDATE templates SET state = 'PAUSED' WHERE tenant_id = $1")
        refused = await person.send(write, form | filled | {"act": "send"})
        assert refused.status == 409 and "WhatsApp has paused this template" in refused.text
        await lines.rows(here, "UPDATE templates SET state = 'APPROVED' WHERE tenant_id = $1")
        sent = await person.send(write, form | filled | {"act": "send"}, follow=False)
        assert (sent.status, sent.path) == (303, f"/inbox/{here.conversation_id}")
        assert (await person.get(f"/contacts/{other.contact_id}/write")).status == 404
    await lines.settle(here)
    assert lines.shown(here) == ["order_ready"]


async def test_the_api_writes_first_and_says_why_not(lines: Lines) -> None:
    here, other = lines.of
    good = {"name": "order_ready", "language": "en", "body": ["Robin", "your bike"]}
    async with open_api(lines.house, here.scope) as program, open_api(lines.house, other.scope) as stranger:
        [listed] = (await program.get("/templates", account_id=str(here.account_id))).json()["items"]
        assert (listed["name"], listed["sendable"], listed["body"]) == ("order_ready", True, ["1", "2"])
        assert (await stranger.get("/templates", account_id=str(here.account_id))).json()["items"] == []

        by_number = {"phone_number": "+49 151 000 000 01", "channel_account_id": str(here.account_id), "template": good}
        first = await program.post("/outreach", by_number, once="a")
        again = await program.post("/outreach", by_number, once="a")
        assert (first.status, again.text) == (201, first.text)
        said = first.json()
        assert (said["contact_id"], said["conversation_id"]) == (str(here.contact_id), str(here.conversation_id))
        assert "Hello Robin, your bike is ready." in said["text"]
        by_id = {"contact_id": str(here.contact_id), "template": good}
        wrong = [
            ({**by_id, "template": good | {"body": ["Robin"]}}, 422, "template"),
            ({**by_id, "template": good | {"body": ["Robin", "a\nb"]}}, 422, "template.body.1"),
            ({**by_id, "channel_account_id": str(other.account_id)}, 422, "channel_account_id"),
            ({**by_id, "phone_number": "+1"}, 422, "contact_id"),
            ({"template": good}, 422, "contact_id"),
            ({**by_number, "phone_number": "+49 151 9"}, 422, "phone_number"),
            ({**by_number, "phone_number": "nobody"}, 422, "phone_number"),
            ({"phone_number": "+4915100000001", "template": good}, 422, "channel_account_id"),
            ({**by_number, "channel_account_id": str(other.account_id)}, 404, ""),
            ({"contact_id": str(other.contact_id), "template": good}, 404, ""),
        ]
        for body, status, field in wrong:
            answer = await program.post("/outreach", body)
            fields = [each["field"] for each in answer.json().get("errors", [])]
            assert (answer.status, fields) == (status, [field] if field else []), (body, answer.text)
        assert (await stranger.post("/outreach", by_id)).status == 404
        refusals = {"name": ("of nobody", "template_unknown"), "language": ("xx", "template_unknown")}
        for key, (value, reason) in refusals.items():
            answer = await program.post("/outreach", {**by_id, "template": good | {key: value}})
            assert (answer.status, answer.json()["reason"]) == (409, reason) and answer.json()["detail"]
        await lines.rows(here, "UPDATE templates SET state = 'PAUSED' WHERE tenant_id = $1")
        paused = await program.post("/outreach", by_id)
        assert (paused.status, paused.json()["reason"]) == (409, "template_paused")
    assert len(await lines.rows(here, "SELECT 1 FROM deliveries WHERE tenant_id = $1")) == 1
    assert await lines.rows(other, "SELECT 1 FROM deliveries WHERE tenant_id = $1") == []


@pytest.mark.parametrize(
    ("after", "zone", "words"),
    [
        (timedelta(hours=2), "UTC", "16:05"),
        (timedelta(hours=2), "Europe/Berlin", "17:05"),
        (timedelta(hours=10), "Europe/Berlin", "tomorrow 01:05"),
        (timedelta(hours=-20), "UTC", "yesterday 18:05"),
        (timedelta(days=-9), "UTC", "Mon 16 Nov 14:05"),
        (timedelta(hours=2), "No/Such_Zone", "16:05"),
    ],
)
def test_a_moment_as_the_business_sees_it(after: timedelta, zone: str, words: str) -> None:
    now = datetime(2026, 11, 25, 14, 5, tzinfo=UTC)
    assert clock(now + after, now, zone) == words
    assert (left(20), left(3480), left(3600), left(11520)) == ("1 min", "58 min", "1 h", "3 h 12 min")
