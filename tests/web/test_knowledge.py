"""The pages of documents: uploads with outcomes, what the employee would find, and a deletion that leaves nothing."""

from __future__ import annotations

import io
import re
from collections.abc import AsyncIterator, Sequence
from uuid import uuid4

import aiohttp
import pytest

from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.kit.settings import Settings
from konstruct.llm.backends.scripted import ScriptedBackend
from konstruct.memory.documents import Documents
from konstruct.memory.extraction.limits import MAX_DOCUMENT_CHARS, MAX_FILE_BYTES
from konstruct.memory.reading import Reading
from konstruct.memory.uploads import Uploads
from konstruct.tenants.vault import Vault
from konstruct.web.portal.knowledge.form import MAX_BODY_BYTES, MAX_FILES
from konstruct.web.portal.knowledge.view import told_of
from tests.memory import files
from tests.memory.conftest import TABLES, rows_of
from tests.support.house import House, open_house
from tests.support.portal import Answer, Person, open_portal

SCRIPT = "<script>alert(1)</script>"
HTMX = {"HX-Request": "true"}


@pytest.fixture
async def house(
    settings: Settings, db: Database, house_vault: Vault, tenants: tuple[TenantScope, TenantScope]
) -> AsyncIterator[House]:
    await db.fleet_fetch("test", "UPDATE document_jobs SET claimed_until = now() + interval '1 day'")
    async with open_house(settings, db, house_vault, tenants, ScriptedBackend(), run_engine=False) as opened:
        yield opened


@pytest.fixture
async def owner(house: House) -> AsyncIterator[Person]:
    async with open_portal(house, house.scopes[0]) as person:
        yield person


async def upload(person: Person, *named: tuple[str, bytes, str], **options: object) -> Answer:
    form = aiohttp.FormData()
    for name, data, declared in named:
        form.add_field("files", io.BytesIO(data), filename=name, content_type=declared or None)
    return await person.send("/knowledge/files", form, **options)  # type: ignore[arg-type]


async def paste(person: Person, title: str, text: str) -> Answer:
    form = aiohttp.FormData(default_to_multipart=True)
    form.add_field("title", title)
    form.add_field("text", text)
    return await person.send("/knowledge/texts", form)


async def read_all(house: House) -> None:
    while await Reading(house.db).read_next():
        pass


def ids_in(text: str) -> Sequence[str]:
    return re.findall(r'id="d-([0-9a-f-]{36})"', text)


async def test_a_file_goes_from_the_form_to_an_answer(house: House, owner: Person) -> None:
    assert "Nothing here yet" in (await owner.get("/knowledge")).text
    data = files.pdf([[(20, "Opening hours"), (11, "We open at nine, also on Saturday.")]])
    answer = await upload(owner, ("hours.pdf", data, "application/pdf"))
    assert (answer.status, answer.path) == (200, "/knowledge?added=1&known=0")
    assert "The document is added." in answer.text
    assert 'hx-trigger="every 1s"' in answer.text
    assert "Waiting to be read" in answer.text
    await read_all(house)

    listed = await owner.get("/knowledge", headers=HTMX)
    assert "<html" not in listed.text
    assert "hx-trigger" not in listed.text
    assert "PDF · " in listed.text
    assert "1 passage" in listed.text
    (document_id,) = ids_in(listed.text)
    detail = await owner.get(f"/knowledge/{document_id}")
    assert '<h3 class="passage-heading">Opening hours</h3>' in detail.text
    assert "hours.pdf · as of" in detail.text
    assert "by Pat Doe" in detail.text

    found = await owner.get("/knowledge/search?q=open%20saturdays")
    assert "<mark>open</mark>" in found.text
    assert "<mark>Saturday</mark>" in found.text
    assert '<span class="word">saturdays</span>' in found.text
    assert "best match" in found.text
    assert "Nothing about that" in (await owner.get("/knowledge/search?q=helicopter")).text
    assert "Ask something" in (await owner.get("/knowledge/search?q=%20")).text


async def test_the_search_shows_what_a_turn_would_read(house: House, owner: Person) -> None:
    documents = Documents(house.db)
    for number in range(8):
        await documents.add(house.scopes[0], f"Shop {number}", f"Shop {number} repairs bicycles.", "pasted text")
    await documents.add(house.scopes[1], "Foreign", "We repair bicycles, too.", "pasted text")
    text = (await owner.get("/knowledge/search?q=repair+bikes")).text
    passages = await documents.passages(house.scopes[0], "repair bikes", 5)
    assert re.findall(r'<h2><a href="[^"]+">([^<]+)</a></h2>', text) == [passage.title for passage in passages]
    assert "Foreign" not in text


async def test_each_file_has_its_own_outcome(house: House, owner: Person) -> None:
    answer = await upload(
        owner,
        ("good.md", b"# Returns\n\n30 days.", ""),
        ("setup.exe", b"MZ\x00\x00", "application/x-msdownload"),
        (f"{SCRIPT}.zip", b"PK\x03\x04", ""),
    )
    assert answer.status == 422
    assert "“good.md” is uploaded." in answer.text
    assert "“setup.exe” is a program, not a document" in answer.text
    assert "unpack it, and upload the documents in it one by one" in answer.text
    assert "<script>alert" not in answer.text
    assert len(ids_in(answer.text)) == 1
    # The same once more, as a double click or a stale tab would.
    again = await upload(owner, ("good.md", b"# Returns\n\n30 days.", ""), headers=HTMX)
    assert "“good.md” is known already: nothing was added." in again.text
    assert "<html" not in again.text
    assert (await rows_of(house.db, house.scopes[0]))["documents"] == 1


async def test_a_broken_file_says_why_where_it_stands(house: House, owner: Person) -> None:
    await upload(owner, (f"{SCRIPT}.pdf", b"%PDF-1.7 rubbish", "application/pdf"))
    await read_all(house)
    listed = await owner.get("/knowledge")
    assert "is damaged, and cannot be read" in listed.text
    assert "not read" in listed.text
    assert "<script>alert" not in listed.text
    (document_id,) = ids_in(listed.text)
    assert "is damaged, and cannot be read" in (await owner.get(f"/knowledge/{document_id}")).text


async def test_a_text_is_pasted_once(house: House, owner: Person) -> None:
    answer = await paste(owner, SCRIPT, f"# Prices\r\n\r\nA tube costs 6 EUR. {SCRIPT}")
    assert answer.path == "/knowledge?added=1"
    assert "<script>alert" not in answer.text
    assert (await paste(owner, "Again", f"# Prices\n\nA tube costs 6 EUR. {SCRIPT}")).path == "/knowledge?known=1"
    (document_id,) = ids_in((await owner.get("/knowledge")).text)
    for path in (f"/knowledge/{document_id}", "/knowledge/search?q=price+tube+%3Cscript%3Ealert(1)%3C/script%3E"):
        shown = (await owner.get(path)).text
        assert "&lt;" in shown
        assert "<script>alert" not in shown


@pytest.mark.parametrize(
    ("title", "text", "said"),
    [
        ("", "text", "Give it a title."),
        ("t" * 501, "text", "A title has at most 500 characters."),
        ("Title kept", " \n ", "Write something first."),
        ("Title kept", "x" * (MAX_DOCUMENT_CHARS + 1), "this one has 1,000,001."),
    ],
)
async def test_a_wrong_text_stays_in_the_form(house: House, owner: Person, title: str, text: str, said: str) -> None:
    answer = await paste(owner, title, text)
    assert answer.status == 422
    assert said in answer.text
    assert title[:400] in answer.text
    assert await rows_of(house.db, house.scopes[0]) == dict.fromkeys(TABLES, 0)


async def test_what_is_too_large_is_refused_before_it_is_read(house: House, owner: Person) -> None:
    huge = b"x" * (MAX_BODY_BYTES + 1)
    answer = await upload(owner, ("huge.txt", huge, ""))
    assert answer.status == 413
    assert "That is too large" in answer.text
    answer = await upload(owner, ("huge.txt", huge, ""), headers=HTMX)
    assert (answer.status, "<html" in answer.text) == (413, False)
    answer = await upload(owner, ("big.txt", b"x" * (MAX_FILE_BYTES + 1), ""))
    assert (answer.status, "“big.txt” is larger than 10 MB" in answer.text) == (422, True)
    assert await rows_of(house.db, house.scopes[0]) == dict.fromkeys(TABLES, 0)


async def test_forms_that_are_none_get_a_page(house: House, owner: Person) -> None:
    async def endless() -> AsyncIterator[bytes]:
        yield b"--x\r\n"

    many = [(f"{number}.txt", b"text", "") for number in range(MAX_FILES + 1)]
    boundary = {"Content-Type": "multipart/form-data; boundary=x"}
    for answer, status, said in (
        (await upload(owner, *many), 400, f"at most {MAX_FILES} files go up at once"),
        (await owner.send("/knowledge/files", endless(), headers=boundary), 400, "does not say how large"),
        (await owner.send("/knowledge/files", b"rubbish", headers=boundary), 400, "cannot be read"),
        (await owner.send("/knowledge/files", b"a=b", headers={"Content-Type": "text/plain"}), 422, "Choose at least one file"),
        (await owner.post("/knowledge/files", files="text"), 422, "Choose at least one file"),
        (await owner.post("/knowledge/texts"), 422, "Give it a title"),
    ):
        assert (answer.status, said in answer.text) == (status, True), said


async def test_a_deletion_leaves_nothing_and_is_for_the_own_business(house: House, owner: Person) -> None:
    mine = (await Uploads(house.db).take(house.scopes[0], io.BytesIO(b"We open at nine."), "a.txt")).id
    theirs = (await Uploads(house.db).take(house.scopes[1], io.BytesIO(b"We open at ten."), "b.txt")).id
    await read_all(house)
    unknown = await owner.get(f"/knowledge/{uuid4()}")
    for answer in (await owner.get(f"/knowledge/{theirs}"), await owner.post(f"/knowledge/{theirs}/delete")):
        assert (answer.status, answer.text) == (404, unknown.text)
    assert str(theirs) not in (await owner.get("/knowledge")).text
    answer = await owner.post(f"/knowledge/{mine}/delete")
    assert answer.path == "/knowledge?deleted=1"
    assert "The document is deleted" in answer.text
    assert (await owner.post(f"/knowledge/{mine}/delete")).status == 404
    assert await rows_of(house.db, house.scopes[0]) == dict.fromkeys(TABLES, 0)
    assert (await rows_of(house.db, house.scopes[1]))["documents"] == 1
    assert "Nothing about that" in (await owner.get("/knowledge/search?q=open")).text


async def test_lists_and_passages_go_on_page_by_page(house: House, owner: Person) -> None:
    documents = Documents(house.db)
    # Ids are ordered by time, those of one millisecond by chance.
    ids = sorted([str(await documents.add(house.scopes[0], f"Title {number}", f"Text {number}", "x")) for number in range(30)])
    first = await owner.get("/knowledge")
    older = re.search(r'href="(/knowledge\?before=[^"]+)"', first.text)
    assert older
    second = await owner.get(older.group(1))
    assert [*ids_in(first.text), *ids_in(second.text)] == ids[::-1]
    assert "before=" not in second.text.split('id="documents"')[1].split(">", 1)[1]
    assert (await owner.get("/knowledge?before=x")).status == 404

    long = await documents.add(house.scopes[0], "Long", "\n\n".join(f"# Part {n}\n\nText {n}" for n in range(50)), "x")
    detail = await owner.get(f"/knowledge/{long}")
    more = re.search(r'href="(/knowledge/[^"]+\?after=39)"', detail.text)
    assert more
    rest = await owner.get(more.group(1))
    assert [detail.text.count('id="p-'), rest.text.count('id="p-')] == [40, 10]
    assert "last passage" in (await owner.get(f"/knowledge/{long}?after=49")).text
    assert (await owner.get(f"/knowledge/{long}?after=x")).status == 200


async def test_a_viewer_sees_but_cannot_add_or_delete(house: House) -> None:
    document_id = await Documents(house.db).add(house.scopes[0], "Hours", "We open at nine.", "x")
    async with open_portal(house, house.scopes[0], "viewer") as viewer:
        for path in ("/knowledge", f"/knowledge/{document_id}", "/knowledge/search?q=open"):
            answer = await viewer.get(path)
            assert answer.status == 200
            assert "We open at nine." in answer.text or "Hours" in answer.text
            assert not re.search("Upload|Delete", answer.text)
        assert (await upload(viewer, ("a.txt", b"text", ""))).status == 403
        assert (await viewer.post(f"/knowledge/{document_id}/delete")).status == 403


def test_what_is_told_comes_from_numbers_only() -> None:
    assert told_of({"added": "2", "known": "1"}) == "2 documents are added. One was known already, and is left as it was."
    assert told_of({"deleted": "1"}).startswith("The document is deleted")
    assert told_of({"added": "<b>", "known": "²", "deleted": "9999999"}) == ""
