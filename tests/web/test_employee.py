"""The employee's pages: what is saved answers next, a stale tab loses nothing, a try-out is seen by nobody else."""

from __future__ import annotations

import asyncio
import html
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from konstruct.agents.mind import LazyMind, Mind
from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.kit.errors import SettingsError
from konstruct.kit.settings import Settings
from konstruct.llm.port import ChatRequest
from konstruct.llm.prices import load_prices
from konstruct.llm.router import Router
from konstruct.memory.documents import Documents
from konstruct.tenants import employees
from konstruct.tenants.employees import By
from konstruct.tenants.employees_repository import Employee
from konstruct.tenants.roles import Role
from konstruct.tenants.vault import Vault
from tests.support.hand import send, take_turn
from tests.support.house import House, open_house
from tests.support.portal import Answer, Person, open_portal
from tests.support.puppet import Puppet
from tests.support.slack_events import message

NASTY = "<script>alert(1)</script>\"'&"
HTMX = {"HX-Request": "true"}
FORM = {
    "based_on": "1",
    "name": "Robin",
    "tone": "warm",
    "tone_note": "",
    "instructions": "You know everything about bells.",
    "speaks": "any",
    "languages": "",
    "works": "always",
    "must_not": "",
    "note": "",
}


@pytest.fixture
def model() -> Puppet:
    return Puppet()


class Prepared(LazyMind):
    """The mind of a test: its model is a puppet."""

    def __init__(self, mind: Mind | None) -> None:
        self._ready = mind

    async def get(self) -> Mind:
        if self._ready is None:
            raise SettingsError("KONSTRUCT_LLM_BACKEND is not set: choose one")
        return self._ready


@pytest.fixture
async def house(
    settings: Settings, db: Database, house_vault: Vault, tenants: tuple[TenantScope, TenantScope], model: Puppet
) -> AsyncIterator[House]:
    quick = settings.model_copy(update={"burst_s": 0.0})
    async with open_house(quick, db, house_vault, tenants, model, run_engine=False) as opened:
        mind = Mind(Router([model], prices=load_prices(), sleep=lambda _: asyncio.sleep(0)), Documents(db))
        use(opened, Prepared(mind))
        yield opened


def use(house: House, mind: LazyMind) -> None:
    house.app.state.deps = replace(house.app.state.deps, mind=mind)


@pytest.fixture
async def owner(house: House) -> AsyncIterator[Person]:
    async with open_portal(house, house.scopes[0]) as person:
        yield person


async def current(house: House, number: int = 0) -> Employee:
    return await house.db.run(house.scopes[number], employees.get_current)


async def versions(house: House, number: int = 0) -> int:
    return len(await house.db.run(house.scopes[number], employees.list_versions))


def says(model: Puppet, words: str) -> None:
    def reply(request: ChatRequest) -> str:
        return f"{words} by {request.messages[0].content.split(',')[0]}"

    model.says = reply


async def test_a_save_changes_the_next_answer(house: House, owner: Person, model: Puppet) -> None:
    says(model, "answered")
    team = house.teams[0]
    for text in ("one", "two"):
        await house.deliver(message(team, "D1", "U1", text))
        await take_turn(house)
        await send(house)
        answer = await owner.send("/employee", FORM | {"note": "new name"})
        assert answer.status == 200
    assert house.texts(team) == ["answered by You are Ada", "answered by You are Robin"]
    now = (await current(house)).current
    assert (now.number, now.draft.name, now.changed_by, now.changed_by_name, now.note) == (
        2, "Robin", owner.member.id, "Pat Doe", "new name",
    )  # fmt: skip
    assert (await current(house, 1)).current.draft.name == "Ben"


async def test_the_form_comes_back_as_it_was_saved(house: House, owner: Person) -> None:
    days = {f"from_{n}": "09:00" for n in range(6)} | {f"to_{n}": "17:30:00" for n in range(6)} | {"from_6": "", "to_6": ""}
    sent = (
        FORM
        | days
        | {
            "tone": "formal",
            "tone_note": "Say “you”.",
            "speaks": "listed",
            "languages": "German,  English;Welsh, ",
            "works": "hours",
            "time_zone": "Europe/Berlin",
            "outside_hours": "Ring the bell.",
            "must_not": "- Give discounts\r\n\r\nPromise dates",
        }
    )
    first = await owner.send("/employee", sent, follow=False)
    assert (first.status, first.path) == (303, "/employee?saved=2")
    shown = await owner.get(first.path)
    assert "Saved. From now on Robin answers as version 2 says." in shown.text
    for piece in (
        'name="tone" value="formal" checked', 'value="listed" checked', 'value="German, English, Welsh"',
        'value="hours" checked', "<option selected>Europe/Berlin</option>", 'name="to_5" value="17:30"', 'name="to_6" value=""',
        "Ring the bell.", "Give discounts\nPromise dates</textarea>", 'name="based_on" value="2"',
    ):  # fmt: skip
        assert piece in shown.text
    again = await owner.send("/employee", sent | {"based_on": "2"}, follow=False)
    assert again.path == "/employee?same=2"
    assert await versions(house) == 2


async def test_a_form_that_is_sent_twice_makes_one_version(house: House, owner: Person) -> None:
    both = await asyncio.gather(*(owner.send("/employee", FORM, follow=False) for _ in range(2)))
    assert [answer.status for answer in both] == [303, 303]
    assert await versions(house) == 2


async def test_a_stale_tab_sees_both_texts_and_loses_nothing(house: House, owner: Person) -> None:
    await employees.save(house.db, house.scopes[0], (await current(house)).current.draft, 1, By(None, "Sam"))
    theirs = replace((await current(house)).current.draft, instructions="You sell saddles.")
    await employees.save(house.db, house.scopes[0], theirs, 1, By(None, "Sam"))
    mine = FORM | {"instructions": "You sell lamps."}
    answer = await owner.send("/employee", mine)
    assert answer.status == 409
    assert "Sam has saved version 2 meanwhile" in answer.text
    assert "You sell <del>saddles</del><ins>lamps</ins>." in answer.text
    assert ">\nYou sell lamps.</textarea>" in answer.text
    assert "data-dirty" in answer.text
    assert await versions(house) == 2
    # Now knowingly.
    assert 'name="based_on" value="2"' in answer.text
    assert (await owner.send("/employee", mine | {"based_on": "2"}, follow=False)).path == "/employee?saved=3"


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"name": " "}, "Give the employee a name."),
        ({"instructions": ""}, "Say in a few sentences"),
        ({"instructions": "x" * 20_001}, "shorten it by 1."),
        ({"instructions": "字" * 16_000}, "more than the employee can keep in mind"),
        ({"tone": "angry"}, "Choose one of the tones."),
        ({"works": "hours", "time_zone": "Nowhere/City", "from_0": "09:00", "to_0": "10:00"}, "Choose a time zone"),
        ({"works": "hours", "time_zone": "UTC"}, "Enter the hours of at least one day"),
        ({"works": "hours", "time_zone": "UTC", "from_2": "09:00"}, "Wednesday: enter both times"),
        ({"speaks": "listed", "languages": "x" * 41}, "put a comma between two"),
    ],
)
async def test_a_wrong_field_is_shown_with_all_that_was_typed(
    house: House, owner: Person, wrong: dict[str, str], sentence: str
) -> None:
    answer = await owner.send("/employee", FORM | {"tone_note": "my own words"} | wrong)
    assert answer.status == 422
    assert sentence in html.unescape(answer.text)
    assert 'value="my own words"' in answer.text
    assert await versions(house) == 1


async def test_nonsense_in_the_form_is_no_failure(house: House, owner: Person) -> None:
    for fields in ({}, {"based_on": "x"}, {"based_on": "9" * 40}, {"from_0": "\x00"}, FORM | {"based_on": "7"}):
        answer = await owner.send("/employee", fields)
        assert answer.status in {409, 422}
    assert await versions(house) == 1


async def test_scripts_are_text_everywhere(house: House, owner: Person, model: Puppet) -> None:
    nasty = dict.fromkeys(("name", "tone_note", "instructions", "must_not", "note", "languages", "outside_hours"), NASTY)
    await owner.send("/employee", FORM | nasty | {"speaks": "listed"})
    model.says = lambda _: NASTY
    pages = [
        await owner.send("/employee/try", FORM | {"question": NASTY}, headers=HTMX),
        await owner.get("/employee"),
        await owner.get("/employee/versions"),
        await owner.get("/employee/versions/2"),
        await owner.send("/employee", FORM | nasty | {"based_on": "1", "name": NASTY * 9}),
    ]
    for page in pages:
        assert "<script>alert" not in page.text
        assert "&lt;script&gt;alert" in page.text


async def try_it(person: Person, question: str, **fields: str) -> Answer:
    return await person.send("/employee/try", FORM | {"question": question} | fields, headers=HTMX)


async def test_the_chat_asks_the_draft_and_changes_nothing(house: House, owner: Person, model: Puppet) -> None:
    says(model, "answered")
    answer = await try_it(owner, "who are you?", name="Kim")
    assert answer.status == 200
    assert "answered by You are Kim" in answer.text
    assert "<main" not in answer.text
    assert await versions(house) == 1
    # It is there when the page is opened again, for this member and nobody else.
    assert "answered by You are Kim" in (await owner.get("/employee")).text
    for scope in house.scopes:
        async with open_portal(house, scope) as other:
            assert "You are Kim" not in (await other.get("/employee")).text
    emptied = await owner.send("/employee/try/forget", FORM, headers=HTMX)
    assert "You are Kim" not in emptied.text


async def test_without_scripts_the_page_comes_back_with_the_draft(house: House, owner: Person, model: Puppet) -> None:
    says(model, "answered")
    answer = await owner.send("/employee/try", FORM | {"name": "Kim", "question": "", "example": "When are you open?"})
    assert answer.status == 200
    assert "<main" in answer.text
    assert "When are you open?" in answer.text
    assert "answered by You are Kim" in answer.text
    assert 'name="name" value="Kim"' in answer.text
    assert "data-dirty" in answer.text
    assert await versions(house) == 1


async def test_a_question_that_cannot_be_asked_stays_in_the_box(house: House, owner: Person, model: Puppet) -> None:
    wrong = await try_it(owner, "hello?", name="")
    assert (wrong.status, model.requests) == (422, [])
    assert "Give the employee a name." in wrong.text
    assert ">hello?</textarea>" in wrong.text
    assert (await try_it(owner, "x" * 4001)).status == 422
    assert (await try_it(owner, "  ")).status == 422
    use(house, Prepared(None))
    unset = await try_it(owner, "hello?")
    assert unset.status == 422
    assert "no language model here" in unset.text


async def test_two_questions_at_a_time(house: House, owner: Person, model: Puppet) -> None:
    model.hold.clear()
    asked = [asyncio.create_task(try_it(owner, f"question {n}")) for n in range(2)]
    await model.asked(2)
    third = await try_it(owner, "and this?")
    assert third.status == 429
    assert "Wait for an answer first" in third.text
    # Whoever opens the page now sees that it thinks, and hears the answer later.
    waiting = await owner.get("/employee")
    assert waiting.text.count('hx-get="/employee/try"') == 2
    model.says = lambda _: "at last"
    model.hold.set()
    await asyncio.gather(*asked)
    later = await owner.get("/employee/try")
    assert later.text.count("at last") == 2
    assert "typing" not in later.text


async def test_versions_say_who_changed_what_and_restore(house: House, owner: Person) -> None:
    await owner.send("/employee", FORM | {"instructions": "You sell lamps.", "note": "lamps"})
    await owner.send("/employee", FORM | {"based_on": "2", "instructions": "You sell saddles."})
    listed = await owner.get("/employee/versions")
    assert [int(n) for n in re.findall(r'<span class="number">(\d+)</span>', listed.text)] == [3, 2, 1]
    assert "lamps" in listed.text
    assert "Pat Doe" in listed.text
    shown = await owner.get("/employee/versions/3")
    assert "You sell <del>lamps</del><ins>saddles</ins>." in shown.text
    against = await owner.get("/employee/versions/1?against=current")
    assert "<del>Robin</del><ins>Ada</ins>" in against.text
    assert "Against version 3, in force" in against.text
    assert "All that it says" in (await owner.get("/employee/versions/1")).text

    restored = await owner.post("/employee/versions/2/restore", follow=False, based_on="3")
    assert (restored.status, restored.path) == (303, "/employee?saved=4")
    now = (await current(house)).current
    assert (now.draft.instructions, now.note) == ("You sell lamps.", "Version 2 restored")
    assert (await owner.post("/employee/versions/1/restore", based_on="3")).status == 409
    assert await versions(house) == 4


async def test_a_long_list_has_pages(house: House, owner: Person) -> None:
    draft = (await current(house)).current.draft
    for number in range(1, 46):
        await employees.save(house.db, house.scopes[0], replace(draft, name=f"R{number}"), number, By(None, "Sam"))
    seen: list[int] = []
    path = "/employee/versions"
    while path:
        text = (await owner.get(path)).text
        seen += [int(n) for n in re.findall(r'<span class="number">(\d+)</span>', text)]
        older = re.search(r'href="(/employee/versions\?before=\d+)"', text)
        path = older[1] if older else ""
    assert seen == list(range(46, 0, -1))
    assert (await owner.get("/employee/versions?before=1")).status == 200


@pytest.mark.parametrize("number", ["0", "2", "-1", "x", "²", "9" * 30, "1.0", "%00"])
async def test_versions_that_are_none(house: House, owner: Person, number: str) -> None:
    draft = replace((await current(house, 1)).current.draft, name="Secret Sue")
    await employees.save(house.db, house.scopes[1], draft, 1, By(None, "Sam"))
    shown = await owner.get(f"/employee/versions/{number}")
    assert shown.status == 404
    assert "Secret Sue" not in shown.text
    assert (await owner.post(f"/employee/versions/{number}/restore", based_on="1")).status == 404
    assert (await owner.get(f"/employee/versions?before={number}")).status in {200, 404}
    assert "Secret Sue" not in (await owner.get("/employee/versions")).text


ACTS: list[tuple[str, dict[str, Any]]] = [
    ("/employee", FORM),
    ("/employee/limits", {"model": "", "context_limit_tokens": "8000", "reply_limit_tokens": "500"}),
    ("/employee/try", FORM | {"question": "hello?"}),
    ("/employee/try/forget", FORM),
    ("/employee/versions/1/restore", {"based_on": "1"}),
]


@pytest.mark.parametrize("role", ["viewer", "operator"])
async def test_whoever_may_not_edit_sees_and_changes_nothing(house: House, model: Puppet, role: Role) -> None:
    async with open_portal(house, house.scopes[0], role) as person:
        shown = await person.get("/employee")
        assert shown.status == 200
        assert "disabled" in shown.text
        assert 'id="talk"' not in shown.text
        assert (await person.get("/employee/versions")).status == 200
        for path, fields in ACTS:
            assert (await person.send(path, fields)).status == 403
    assert model.requests == []
    assert await versions(house) == 1


async def test_forms_of_other_sites_are_refused(house: House, owner: Person) -> None:
    for path, fields in ACTS:
        answer = await owner.send(path, fields, headers={"Sec-Fetch-Site": "cross-site"})
        assert answer.status == 403
    assert await versions(house) == 1


async def test_limits_are_saved_or_shown_again(house: House, owner: Person) -> None:
    limits = {"model": " gpt-oss:20b ", "context_limit_tokens": "32000", "reply_limit_tokens": "2000"}
    assert (await owner.send("/employee/limits", limits, follow=False)).status == 303
    found = (await current(house)).limits
    assert (found.model, found.context_limit_tokens, found.reply_limit_tokens) == ("gpt-oss:20b", 32_000, 2000)
    for wrong in ("", "x", "-5", "9" * 30, "2000", "12.5"):
        answer = await owner.send("/employee/limits", limits | {"context_limit_tokens": wrong})
        assert answer.status == 422
        assert "data-dirty" not in answer.text
    assert (await current(house)).limits == found
