"""The inbox's pages: what they show, who may act, and what stale, doubled and foreign forms do."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from html import unescape
from uuid import UUID

import pytest

from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.kit.ids import uuid7
from konstruct.kit.settings import Settings
from konstruct.tenants.vault import Vault
from tests.support.hand import conversation, deliveries, rows, send, take_turn
from tests.support.house import House, open_house
from tests.support.portal import Answer, Person, open_portal
from tests.support.puppet import Puppet
from tests.support.slack_events import message

HTMX = {"HX-Request": "true"}
SCRIPT = "<script>alert(1)</script>"


@pytest.fixture
async def house(
    settings: Settings, db: Database, house_vault: Vault, tenants: tuple[TenantScope, TenantScope]
) -> AsyncIterator[House]:
    quick = settings.model_copy(update={"burst_s": 0.0})
    async with open_house(quick, db, house_vault, tenants, Puppet(), run_engine=False) as opened:
        yield opened


@pytest.fixture
async def maria(house: House) -> AsyncIterator[Person]:
    async with open_portal(house, house.scopes[0], "operator", name="Maria") as person:
        yield person


@pytest.fixture
async def asked(house: House) -> UUID:
    """A conversation of the first business in which somebody asked something; so did the same person at the second."""
    await house.deliver(message(house.teams[0], "D1", "U1", "Is my bike ready?"))
    await house.deliver(message(house.teams[1], "D1", "U1", "Is my cake ready?"))
    return await conversation(house, house.scopes[0])


def hidden(page: Answer, name: str, form: str) -> str:
    """Return the value of a hidden field in the form whose action ends with `form`."""
    (whole,) = re.findall(rf'<form[^>]*action="[^"]*/{form}"[^>]*>(.*?)</form>', page.text, re.DOTALL)
    (value,) = re.findall(rf'name="{name}" value="([^"]*)"', whole)
    return unescape(value)


async def take_over(person: Person, found: UUID, page: Answer | None = None, **headers: str) -> Answer:
    page = page or await person.get(f"/inbox/{found}")
    return await person.post(f"/inbox/{found}/take-over", headers=headers, epoch=hidden(page, "epoch", "take-over"))


async def reply(person: Person, found: UUID, page: Answer, text: str, **headers: str) -> Answer:
    fields = {"epoch": hidden(page, "epoch", "reply"), "token": hidden(page, "token", "reply"), "text": text}
    return await person.send(f"/inbox/{found}/reply", fields, headers=headers)


async def kinds(house: House, tenant: int = 0) -> list[str]:
    return [row["kind"] for row in await deliveries(house, house.scopes[tenant])]


async def test_the_list_shows_ones_own_conversations(house: House, maria: Person, asked: UUID) -> None:
    page = await maria.get("/inbox")
    assert page.status == 200
    assert "Is my bike ready?" in page.text and f"/inbox/{asked}" in page.text
    assert "cake" not in page.text
    fragment = await maria.get("/inbox/list", headers=HTMX)
    assert "Is my bike ready?" in fragment.text and "<html" not in fragment.text


async def test_an_empty_inbox_says_so(house: House, maria: Person) -> None:
    assert "No conversations yet" in (await maria.get("/inbox")).text
    assert "No conversation fits" in (await maria.get("/inbox?show=human")).text


async def test_filters_and_pages_lead_on(house: House, maria: Person) -> None:
    for n in range(32):
        await house.deliver(message(house.teams[0], f"D{n}", f"U{n}", f"number {n};"))
    page = await maria.get("/inbox")
    assert "number 31;" in page.text and "number 1;" not in page.text
    (older,) = re.findall(r'href="(/inbox\?before=[^"]+)"', page.text)
    second = await maria.get(unescape(older))
    assert "number 1;" in second.text and "number 31;" not in second.text
    person = re.findall(r"/inbox\?person=[0-9a-f-]+", (await maria.get(re.findall(r"/inbox/[0-9a-f-]{36}", page.text)[0])).text)[
        0
    ]
    only = await maria.get(person)
    assert len(re.findall(r'class="item"', only.text)) == 1


async def test_a_thread_shows_who_said_what_and_the_way_to_its_turn(house: House, maria: Person) -> None:
    await house.deliver(message(house.teams[0], "D1", "U1", "Is my bike ready?"))
    asked = await conversation(house, house.scopes[0])
    await take_turn(house)
    await send(house)
    page = await maria.get(f"/inbox/{asked}")
    (turn,) = await rows(house, house.scopes[0], "SELECT id FROM turns WHERE tenant_id = $1")
    assert f'href="/turns/{turn["id"]}"' in page.text
    assert re.search(r"Answered · [0-9.]+ s · 1 step", page.text)
    assert "Is my bike ready?" in page.text and "direct message" in page.text


async def test_earlier_messages_come_as_a_fragment_or_as_a_page(house: House, maria: Person) -> None:
    await house.deliver(*(message(house.teams[0], "D1", "U1", f"number {n};") for n in range(60)))
    found = await conversation(house, house.scopes[0])
    page = await maria.get(f"/inbox/{found}")
    assert "number 59;" in page.text and "number 9;" not in page.text
    (earlier,) = set(re.findall(r'hx-get="([^"]+earlier=[^"]+)"', page.text))
    fragment = await maria.get(unescape(earlier), headers=HTMX)
    assert "number 9;" in fragment.text and "number 10;" not in fragment.text and "<html" not in fragment.text
    whole = await maria.get(unescape(earlier))
    assert "number 9;" in whole.text and "Go to the latest messages" in whole.text and 'data-events=""' in whole.text


async def test_a_search_leads_into_the_thread(house: House, maria: Person) -> None:
    await house.deliver(*(message(house.teams[0], "D1", "U1", f"number {n} of {SCRIPT}") for n in range(60)))
    await house.deliver(message(house.teams[1], "D1", "U1", "number 3 of the other business"))
    page = await maria.get("/inbox?q=number+3")
    assert "<mark>number</mark> <mark>3</mark>" in page.text
    assert SCRIPT not in page.text and "other business" not in page.text
    link = unescape(re.findall(r'href="(/inbox/[^"]+at=\d+)#', page.text)[-1])
    thread = await maria.get(link)
    assert "number 3 of" in thread.text and 'class="message in marked"' in thread.text
    assert "Nothing found" in (await maria.get("/inbox?q=unicorn")).text
    assert "Which word?" in (await maria.get("/inbox?q=%3F%3F")).text


async def test_one_takes_over_replies_and_hands_back(house: House, maria: Person, asked: UUID) -> None:
    page = await take_over(maria, asked)
    assert (page.status, page.path) == (200, f"/inbox/{asked}")
    assert "Ada keeps silent" in page.text
    page = await reply(maria, asked, page, f"Yes. {SCRIPT}")
    assert SCRIPT not in page.text and "&lt;script&gt;" in page.text
    await send(house)
    page = await maria.post(f"/inbox/{asked}/hand-back", epoch=hidden(page, "epoch", "hand-back"))
    assert "<strong>Ada</strong> answers here" in page.text
    await send(house)
    assert house.texts(house.teams[0])[0] == "Maria from Alpha Bikes has joined the conversation."
    assert house.texts(house.teams[0])[-1] == "Ada is back and will answer from here."
    assert len(house.texts(house.teams[0])) == 3


async def test_a_form_sent_twice_acts_once(house: House, maria: Person, asked: UUID) -> None:
    before = await maria.get(f"/inbox/{asked}")
    first, second = await asyncio.gather(*(take_over(maria, asked, before) for _ in range(2)))
    assert sorted((first.status, second.status)) == [200, 409]
    page = await maria.get(f"/inbox/{asked}")
    sent = await asyncio.gather(*(reply(maria, asked, page, "Yes.") for _ in range(3)))
    assert [answer.status for answer in sent] == [200, 200, 200]
    assert await kinds(house) == ["notice", "human"]
    fields = {"token": hidden(page, "token", "notes"), "note": "Call back."}
    await maria.send(f"/inbox/{asked}/notes", fields)
    noted = await maria.send(f"/inbox/{asked}/notes", fields)
    assert noted.text.count("Call back.") == 1


@pytest.mark.parametrize("headers", [{}, HTMX])
async def test_a_stale_tab_is_told_and_keeps_what_was_written(
    house: House, maria: Person, asked: UUID, headers: dict[str, str]
) -> None:
    old = await take_over(maria, asked)
    await maria.post(f"/inbox/{asked}/hand-back", epoch=hidden(old, "epoch", "hand-back"))
    stale = await reply(maria, asked, old, f"Still here {SCRIPT}", **headers)
    assert stale.status == 409
    assert "has changed since you opened this page" in stale.text
    assert "Still here &lt;script&gt;" in stale.text and SCRIPT not in stale.text
    assert ("<html" in stale.text) == (not headers)
    again = await maria.send(f"/inbox/{asked}/hand-back", {"epoch": "1", "text": "Half a senten"}, headers=headers)
    assert again.status == 409 and "Half a senten" in again.text
    assert await kinds(house) == ["notice", "notice"]


@pytest.mark.parametrize(("text", "says"), [("  ", "Please write something"), ("x" * 8001, "8,001 characters")])
async def test_a_reply_that_cannot_be_sent_is_shown_again(house: House, maria: Person, asked: UUID, text: str, says: str) -> None:
    page = await take_over(maria, asked)
    answer = await reply(maria, asked, page, text)
    assert answer.status == 422
    assert says in answer.text and text.strip() in answer.text
    assert await kinds(house) == ["notice"]


async def test_notes_are_for_colleagues_and_can_be_deleted(house: House, maria: Person, asked: UUID) -> None:
    page = await maria.get(f"/inbox/{asked}")
    form = {"token": hidden(page, "token", "notes"), "note": f"VIP {SCRIPT}"}
    page = await maria.send(f"/inbox/{asked}/notes", form)
    assert "VIP &lt;script&gt;" in page.text and SCRIPT not in page.text
    (delete,) = set(re.findall(r'action="(/inbox/[^"]+/delete)"', page.text))
    for _ in range(2):
        gone = await maria.post(delete, headers=HTMX)
        assert gone.status == 200 and "VIP" not in gone.text and "<html" not in gone.text
    empty = await maria.send(f"/inbox/{asked}/notes", {"token": str(uuid7()), "note": " "})
    assert empty.status == 422 and "please write something" in empty.text
    long = await maria.send(f"/inbox/{asked}/notes", {"token": str(uuid7()), "note": "y" * 4001})
    assert long.status == 422 and "4,001" in long.text and "y" * 4001 in long.text
    assert await kinds(house) == []


async def test_a_viewer_reads_and_cannot_act(house: House, asked: UUID) -> None:
    async with open_portal(house, house.scopes[0], "viewer") as viewer:
        page = await viewer.get(f"/inbox/{asked}")
        assert page.status == 200 and "Is my bike ready?" in page.text
        for gone in ("take-over", "/notes", 'name="text"'):
            assert f'{gone}"' not in page.text.replace("hx-", "") or gone not in page.text
        for act in ("take-over", "hand-back", "reply", "notes", f"notes/{uuid7()}/delete"):
            answer = await viewer.post(f"/inbox/{asked}/{act}", epoch="0", token=str(uuid7()), text="Hi.", note="Hi.")
            assert answer.status == 403, act
    assert await kinds(house) == []


async def test_foreign_and_unknown_ids_are_the_same_nothing(house: House, maria: Person, asked: UUID) -> None:
    foreign = await conversation(house, house.scopes[1])
    pages: set[str] = set()
    for found in (str(foreign), str(uuid7()), "no-id", "%00", "1" * 400):
        for path in (f"/inbox/{found}", f"/inbox/{found}?earlier=5", f"/inbox/{found}?at=1", f"/inbox/{found}/events"):
            answer = await maria.get(path)
            assert answer.status == 404, path
            pages.add(answer.text.replace(found, ""))
        assert (await maria.get(f"/inbox/{found}?earlier=5", headers=HTMX)).status == 404
        for act in ("take-over", "hand-back", "reply", "notes", f"notes/{uuid7()}/delete"):
            answer = await maria.post(f"/inbox/{found}/{act}", epoch="0", token=str(uuid7()), text="Hi.", note="Hi.")
            assert answer.status == 404, act
    assert len(pages) == 1
    assert await kinds(house, 1) == []
    (account,) = await rows(house, house.scopes[1], "SELECT id FROM channel_accounts WHERE tenant_id = $1")
    (person,) = await rows(house, house.scopes[1], "SELECT id FROM contacts WHERE tenant_id = $1")
    for query in (f"channel={account['id']}", f"person={person['id']}", f"channel={uuid7()}"):
        assert "No conversation fits" in (await maria.get(f"/inbox?{query}")).text


@pytest.mark.parametrize(
    "query",
    [
        "show=mine",
        "channel=F-A-X",
        "person=x",
        "before=1",
        "before=x_y",
        "before=-1_" + "0" * 32,
        "before=" + "9" * 40,
        "q=a&before=x",
    ],
)
async def test_an_address_of_nobodys_making_leads_nowhere(maria: Person, query: str) -> None:
    assert (await maria.get(f"/inbox?{query}")).status == 404
    assert (await maria.get(f"/inbox/list?{query}")).status == 404


@pytest.mark.parametrize("fields", [{}, {"epoch": "x"}, {"epoch": "-1"}, {"epoch": "9" * 30}, {"epoch": "1", "token": "x"}])
async def test_a_form_of_nobodys_making_changes_nothing(house: House, maria: Person, asked: UUID, fields: dict[str, str]) -> None:
    answer = await maria.send(f"/inbox/{asked}/reply", fields | {"text": "Hi."})
    assert answer.status == 400 and "open the conversation again" in answer.text
    assert await kinds(house) == []


async def test_scripts_in_every_field_are_text(house: House, asked: UUID) -> None:
    scope = house.scopes[0]
    async with house.db.tenant(scope) as session:
        await session.execute("UPDATE contacts SET display_name = $1, external_id = $1", SCRIPT)
        await session.execute("UPDATE conversations SET channel_id = $1, kind = 'thread'", SCRIPT)
        await session.execute(
            "UPDATE messages SET text = $1, attachments = jsonb_build_array(jsonb_build_object('name', $1::text))", SCRIPT
        )
        await session.execute("UPDATE agents SET name = $1", SCRIPT)
        await session.execute("UPDATE tenants SET name = $1", SCRIPT)
    async with open_portal(house, scope, name=SCRIPT) as person:
        page = await take_over(person, asked)
        page = await reply(person, asked, page, SCRIPT)
        await person.send(f"/inbox/{asked}/notes", {"token": str(uuid7()), "note": SCRIPT})
        for path in ("/inbox", f"/inbox/{asked}", "/inbox?q=alert", "/inbox?q=" + SCRIPT, "/inbox/list"):
            page = await person.get(path)
            assert page.status == 200
            assert SCRIPT not in page.text and "&lt;script&gt;" in page.text


async def test_very_long_texts_are_folded(house: House, maria: Person) -> None:
    await house.deliver(message(house.teams[0], "D1", "U1", "long " * 7000 + "end."))
    found = await conversation(house, house.scopes[0])
    page = await maria.get(f"/inbox/{found}")
    assert "Show all 35,004 characters" in page.text and "end." in page.text
    assert len((await maria.get("/inbox")).text) < 20_000
