"""The door: what is taken, what is known already, what is refused, and what is left after a deletion: nothing."""

from __future__ import annotations

import io
from uuid import UUID

import pytest

from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.kit.errors import NotFoundError
from konstruct.kit.ids import uuid7
from konstruct.memory import uploads as uploads_module
from konstruct.memory.documents import DocumentError, Documents
from konstruct.memory.extraction.limits import MAX_FILE_BYTES
from konstruct.memory.reading import Reading
from konstruct.memory.uploads import Uploads
from konstruct.tenants import members_repository, notices_repository
from konstruct.tenants.members_repository import Member
from tests.memory import files
from tests.memory.conftest import TABLES, Take, info_of, rows_of

Tenants = tuple[TenantScope, TenantScope]
NOTHING = dict.fromkeys(TABLES, 0)


async def test_a_file_waits_until_it_is_read(db: Database, tenants: Tenants, take: Take, reading: Reading) -> None:
    document_id = await take(tenants[0], "opening_hours.pdf", files.pdf([[(12, "We open at nine.")]]), "application/pdf")
    waiting = await info_of(db, tenants[0], document_id)
    assert (waiting.title, waiting.status, waiting.chunks, waiting.chars) == ("opening hours", "processing", 0, 0)
    assert await Documents(db).passages(tenants[0], "open", 5) == []
    assert await reading.read_next()
    assert not await reading.read_next()
    (passage,) = await Documents(db).passages(tenants[0], "open", 5)
    assert (passage.document_id, passage.source, passage.text) == (document_id, "opening_hours.pdf", "We open at nine.")
    read = await info_of(db, tenants[0], document_id)
    assert (read.status, read.mime, read.chunks, read.chars) == ("ready", "application/pdf", 1, 16)
    assert await rows_of(db, tenants[0]) == NOTHING | {"documents": 1, "chunks": 1}
    assert await rows_of(db, tenants[1]) == NOTHING


async def test_a_large_file_is_kept_in_parts_and_comes_out_whole(
    db: Database, tenants: Tenants, take: Take, reading: Reading
) -> None:
    text = "".join(f"Line {number} of the list.\n" for number in range(40_000))
    padded = text.encode() + b"\n" * (MAX_FILE_BYTES - len(text))
    document_id = await take(tenants[0], "list.txt", padded)
    assert (await rows_of(db, tenants[0]))["document_files"] == 10
    await reading.read_next()
    info = await info_of(db, tenants[0], document_id)
    assert (info.status, info.chars, info.size) == ("ready", len(text.strip()), MAX_FILE_BYTES)


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("big.pdf", b"%PDF-" + b"x" * MAX_FILE_BYTES, "“big.pdf” is larger than 10 MB"),
        ("nothing.txt", b"", "“nothing.txt” is empty"),
        ("all.zip", files.archive({"a": b"b"}), "“all.zip” is an archive"),
        ("../<b>.exe", b"MZ\x00", "“<b>.exe” is a program"),
    ],
)
async def test_what_is_refused_at_the_door_leaves_nothing(
    db: Database, tenants: Tenants, take: Take, name: str, data: bytes, said: str
) -> None:
    with pytest.raises(DocumentError) as caught:
        await take(tenants[0], name, data)
    assert str(caught.value).startswith(said)
    assert await rows_of(db, tenants[0]) == NOTHING


async def test_the_same_file_is_known_in_its_business_only(db: Database, tenants: Tenants, reading: Reading) -> None:
    uploads, data = Uploads(db), b"We open at nine."
    first = await uploads.take(tenants[0], io.BytesIO(data), "a.txt")
    again = await uploads.take(tenants[0], io.BytesIO(data), "b.txt")
    assert (first.known, again.known, again.id) == (False, True, first.id)
    await reading.read_next()
    assert (await uploads.take(tenants[0], io.BytesIO(data), "c.txt")).known
    other = await uploads.take(tenants[1], io.BytesIO(data), "a.txt")
    assert not other.known
    assert await rows_of(db, tenants[0]) == NOTHING | {"documents": 1, "chunks": 1}


async def test_the_same_text_in_another_file_is_said_to_be_known(
    db: Database, tenants: Tenants, take: Take, reading: Reading
) -> None:
    await Documents(db).add(tenants[0], "Hours", "We open at nine.", "pasted")
    document_id = await take(tenants[0], "hours.html", b"<p>We open at nine.")
    await reading.read_next()
    info = await info_of(db, tenants[0], document_id)
    assert (info.status, info.chunks) == ("failed", 0)
    assert info.reason == "“hours.html” says the same as “Hours”, which is there already: nothing was added."
    assert len(await Documents(db).passages(tenants[0], "open", 5)) == 1


async def test_a_file_that_failed_may_be_tried_again(db: Database, tenants: Tenants, take: Take, reading: Reading) -> None:
    first = await take(tenants[0], "broken.pdf", b"%PDF-1.7 rubbish")
    await reading.read_next()
    assert (await info_of(db, tenants[0], first)).status == "failed"
    assert await rows_of(db, tenants[0]) == NOTHING | {"documents": 1, "notices": 1}
    second = await take(tenants[0], "broken.pdf", b"%PDF-1.7 rubbish")
    assert second != first
    assert await rows_of(db, tenants[0]) == NOTHING | {"documents": 1, "document_files": 1, "document_jobs": 1}


async def test_only_so_many_files_may_wait(db: Database, tenants: Tenants, take: Take, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads_module, "MAX_WAITING", 2)
    for number in range(2):
        await take(tenants[0], f"{number}.txt", f"text {number}".encode())
    with pytest.raises(DocumentError, match=r"“2\.txt” has to wait"):
        await take(tenants[0], "2.txt", b"text 2")
    await take(tenants[1], "2.txt", b"text 2")


async def test_the_owner_is_told_of_a_file_that_failed_until_it_is_gone(
    db: Database, tenants: Tenants, take: Take, reading: Reading
) -> None:
    document_id = await take(tenants[0], "broken.pdf", b"%PDF-1.7 rubbish")
    await reading.read_next()
    async with db.tenant(tenants[0]) as session:
        (notice,) = await notices_repository.list_open(session)
    assert (notice.kind, notice.action_path) == ("document_failed", f"/knowledge/{document_id}")
    assert "“broken”" in notice.body
    await Documents(db).remove(tenants[0], document_id)
    assert await rows_of(db, tenants[0]) == NOTHING


@pytest.mark.parametrize("read", [True, False])
async def test_nothing_is_left_of_a_deleted_document(
    db: Database, tenants: Tenants, take: Take, reading: Reading, read: bool
) -> None:
    document_id = await take(tenants[0], "a.txt", b"We open at nine.")
    if read:
        await reading.read_next()
    for scope, wrong in ((tenants[1], document_id), (tenants[0], uuid7())):
        with pytest.raises(NotFoundError):
            await Documents(db).remove(scope, wrong)
        with pytest.raises(NotFoundError):
            await Documents(db).detail(scope, wrong)
    await Documents(db).remove(tenants[0], document_id)
    assert await rows_of(db, tenants[0]) == NOTHING
    assert not await reading.read_next()


async def test_the_list_goes_on_where_a_page_ended(db: Database, tenants: Tenants) -> None:
    documents, ids = Documents(db), list[UUID]()
    for number in range(5):
        ids.insert(0, await documents.add(tenants[0], f"Title {number}", f"Text {number}", "pasted"))
        await documents.add(tenants[1], f"Other {number}", f"Text {number}", "pasted")
    first = await documents.page(tenants[0], 2)
    second = await documents.page(tenants[0], 5, first[-1].id)
    assert [info.id for info in (*first, *second)] == ids


async def test_who_uploaded_is_kept_while_they_are_a_member(db: Database, tenants: Tenants, take: Take) -> None:
    member = Member(uuid7(), "Pat <b>", None, "admin")
    async with db.tenant(tenants[0]) as session:
        await members_repository.insert(session, member, None, None)
    document_id = await take(tenants[0], "a.txt", b"text", uploaded_by=member.id)
    assert (await Documents(db).detail(tenants[0], document_id)).uploaded_by == "Pat <b>"
    async with db.tenant(tenants[0]) as session:
        await session.execute("DELETE FROM members WHERE tenant_id = $1 AND id = $2", tenants[0].tenant_id, member.id)
    assert (await Documents(db).detail(tenants[0], document_id)).uploaded_by is None
