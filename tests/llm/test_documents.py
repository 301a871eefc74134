"""Documents on a real database: stored, found, changed, removed, and never another tenant's."""

from __future__ import annotations

from uuid import UUID

import pytest

from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.kit.errors import NotFoundError
from konstruct.kit.ids import uuid7
from konstruct.llm.backends.demo import DemoBackend
from konstruct.memory import documents as documents_module
from konstruct.memory.chunking import CHUNK_CHARS
from konstruct.memory.documents import DocumentError, Documents
from tests.llm.support import request, text_of

Tenants = tuple[TenantScope, TenantScope]
BIKES = "# Opening hours\nThe workshop is open Monday to Friday from 9:00 to 17:30.\n\n# Warranty\nE-bikes have three years."
BAKERY = "# Opening hours\nThe bakery is open Tuesday to Saturday from 7:00.\n\n# Prices\nA sourdough loaf costs 4.20 GBP."


@pytest.fixture
async def documents(db: Database, tenants: Tenants) -> Documents:
    """Each tenant's document in place."""
    found = Documents(db)
    await found.add(tenants[0], "Bike handbook", BIKES, "upload")
    await found.add(tenants[1], "Bakery guide", BAKERY, "upload")
    return found


async def ask(documents: Documents, scope: TenantScope, text: str) -> str:
    return await text_of(DemoBackend(documents, env="dev"), request(text, scope=scope))


async def test_each_tenant_is_quoted_its_own_document(documents: Documents, tenants: Tenants) -> None:
    assert "Monday to Friday" in await ask(documents, tenants[0], "When are you open?")
    assert "Tuesday to Saturday" in await ask(documents, tenants[1], "When are you open?")
    assert "I do not know" in await ask(documents, tenants[0], "How much is a sourdough loaf?")
    assert "I do not know" in await ask(documents, tenants[1], "How long is the warranty of an e-bike?")


async def test_a_passage_carries_where_it_comes_from(documents: Documents, tenants: Tenants) -> None:
    (passage,) = await documents.passages(tenants[0], "warranty", 1)
    assert (passage.title, passage.source, passage.text) == ("Bike handbook", "upload", "# Warranty\nE-bikes have three years.")
    assert passage.recorded_at.tzinfo is not None
    assert [found.title for found in await documents.passages(tenants[0], "", 5)] == ["Bike handbook"]
    assert await documents.passages(tenants[0], "sourdough", 5) == []


async def test_a_changed_chunk_changes_the_answer(documents: Documents, db: Database, tenants: Tenants) -> None:
    async with db.tenant(tenants[0]) as session:
        await session.execute(
            "UPDATE chunks SET text = replace(text, '17:30', '19:45') WHERE tenant_id = $1", tenants[0].tenant_id
        )
    assert "19:45" in await ask(documents, tenants[0], "When are you open?")


async def test_a_changed_document_changes_the_answer(documents: Documents, db: Database, tenants: Tenants) -> None:
    sql = "UPDATE documents SET content = replace(content, '17:30', '18:15') WHERE tenant_id = $1"
    async with db.tenant(tenants[0]) as session:
        await session.execute(sql, tenants[0].tenant_id)
    answer = await ask(documents, tenants[0], "When are you open?")
    assert "18:15" in answer
    assert "17:30" not in answer


async def test_a_document_without_chunks_is_read_too(documents: Documents, db: Database, tenants: Tenants) -> None:
    async with db.tenant(tenants[0]) as session:
        await session.execute("DELETE FROM chunks WHERE tenant_id = $1", tenants[0].tenant_id)
    assert "17:30" in await ask(documents, tenants[0], "When are you open?")


@pytest.mark.parametrize("chunked", [True, False])
async def test_a_document_in_progress_is_not_read(documents: Documents, db: Database, tenants: Tenants, chunked: bool) -> None:
    async with db.tenant(tenants[0]) as session:
        await session.execute("UPDATE documents SET status = 'processing' WHERE tenant_id = $1", tenants[0].tenant_id)
        if not chunked:
            await session.execute("DELETE FROM chunks WHERE tenant_id = $1", tenants[0].tenant_id)
    assert await documents.passages(tenants[0], "open", 5) == []
    assert await documents.passages(tenants[1], "open", 5) != []


async def test_only_what_everybody_may_hear_is_found(documents: Documents, db: Database, tenants: Tenants) -> None:
    sql = "UPDATE chunks SET audience = 'person', audience_key = 'U1' WHERE tenant_id = $1 AND position = 0"
    async with db.tenant(tenants[0]) as session:
        await session.execute(sql, tenants[0].tenant_id)
    assert "17:30" not in await ask(documents, tenants[0], "When are you open?")


async def test_the_same_text_is_stored_once_in_a_tenant(documents: Documents, tenants: Tenants) -> None:
    first = await documents.add(tenants[0], "Other title", BIKES, "upload")
    second = await documents.add(tenants[1], "Copy", BIKES, "upload")
    assert [(info.id, info.title) for info in await documents.list(tenants[0])] == [(first, "Bike handbook")]
    assert first != second
    assert {info.title for info in await documents.list(tenants[1])} == {"Copy", "Bakery guide"}


async def test_removing_is_for_the_owner_only(documents: Documents, tenants: Tenants) -> None:
    (info,) = await documents.list(tenants[0])
    assert (info.source, info.chars) == ("upload", len(BIKES))
    for scope, document_id in ((tenants[1], info.id), (tenants[0], uuid7())):
        with pytest.raises(NotFoundError):
            await documents.remove(scope, document_id)
    await documents.remove(tenants[0], info.id)
    assert await documents.passages(tenants[0], "open", 5) == []
    assert await documents.passages(tenants[1], "open", 5) != []


async def test_strange_characters_are_stored(documents: Documents, tenants: Tenants) -> None:
    assert isinstance(await documents.add(tenants[0], "Odd\x00", "Zebra\x00 crossing \ud83d here.", "up\x00load"), UUID)
    (passage,) = await documents.passages(tenants[0], "zebra", 1)
    assert (passage.title, passage.source) == ("Odd", "upload")


@pytest.mark.parametrize(("title", "text"), [("", "text"), ("t" * 501, "text"), ("t", " \n"), ("t", "x" * 1_000_001)])
async def test_what_is_no_document_is_refused(db: Database, tenants: Tenants, title: str, text: str) -> None:
    with pytest.raises(DocumentError):
        await Documents(db).add(tenants[0], title, text, "upload")


async def test_many_chunks_are_ranked_and_reading_is_capped(
    db: Database, tenants: Tenants, monkeypatch: pytest.MonkeyPatch
) -> None:
    documents = Documents(db)
    paragraphs = [f"Item {number} is about topic{number}. " + "Filler words follow here. " * 28 for number in range(120)]
    await documents.add(tenants[0], "Catalogue", "\n\n".join(paragraphs), "upload")
    (passage,) = await documents.passages(tenants[0], "topic77", 1)
    assert "topic77" in passage.text
    assert len(passage.text) <= CHUNK_CHARS
    monkeypatch.setattr(documents_module, "MAX_CHUNKS_READ", 50)
    assert await documents.passages(tenants[0], "topic77", 1) == []
