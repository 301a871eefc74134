"""Search: every word, the newest first, never stale, in one's own messages only; and the indexer behind it."""

from __future__ import annotations

import asyncio

import pytest

from konstruct.conversations import indexing
from konstruct.conversations.colleague import Colleague
from konstruct.conversations.search import Results, search
from konstruct.db.scope import TenantScope
from tests.support.hand import conversation, rows
from tests.support.house import House
from tests.support.inbox import reply, take_over
from tests.support.slack_events import message


async def find(still: House, text: str, scope: TenantScope | None = None, **page: object) -> Results:
    return await still.db.run(scope or still.scopes[0], lambda s: search(s, text, **page))  # type: ignore[arg-type]


async def texts(still: House, text: str) -> list[str]:
    return [hit.message.text for hit in (await find(still, text)).hits]


async def say(still: House, *lines: str, team: int = 0) -> None:
    await still.deliver(*(message(still.teams[team], "D1", "U1", line) for line in lines))


async def index(still: House) -> int:
    """Index what is due; return how many messages of the two businesses that gave postings. Others are left of other tests."""
    before = await indexed_messages(still)
    await indexing.notice(still.db)
    while await indexing.index_due(still.db):
        pass
    return await indexed_messages(still) - before


async def indexed_messages(still: House) -> int:
    counts = [
        await rows(still, scope, "SELECT count(DISTINCT message_id) AS n FROM message_terms WHERE tenant_id = $1")
        for scope in still.scopes
    ]
    return sum(row["n"] for (row,) in counts)


async def postings(still: House, scope: TenantScope) -> int:
    (row,) = await rows(still, scope, "SELECT count(*) AS n FROM message_terms WHERE tenant_id = $1")
    found: int = row["n"]
    return found


LINES = ("My battery is empty", "The batteries of my bike", "Is the bike ready?", "Battery and lamp are broken, says Ümit")


@pytest.mark.parametrize("indexed", [False, True])
async def test_all_words_must_be_there_and_the_newest_comes_first(still: House, indexed: bool) -> None:
    await say(still, *LINES)
    if indexed:
        assert await index(still) == 4
    assert await texts(still, "battery") == [LINES[3], LINES[1], LINES[0]]
    assert await texts(still, "bike battery") == [LINES[1]]
    assert await texts(still, "lamp battery broken") == [LINES[3]]
    assert await texts(still, "battery unicorn") == []
    assert await texts(still, "ümit") == [LINES[3]]
    assert await texts(still, "BATT") == [LINES[3], LINES[1], LINES[0]], "the last word may be a beginning"
    assert await texts(still, "batt lamp") == [], "an earlier word may not"
    assert await texts(still, "is the battery of the") == [LINES[3], LINES[1], LINES[0]], "words that say nothing are left out"


@pytest.mark.parametrize("text", ["", "   ", "!?", "%", "_", "'", "\x00"])
async def test_nothing_asked_is_nothing_found(still: House, text: str) -> None:
    await say(still, "My battery is empty")
    found = await find(still, text)
    assert (found.asked, found.hits) == (False, ())


@pytest.mark.parametrize("text", ["'; DROP TABLE messages; --", "a" * 10_000, "x " * 500, "\\", "b%", "b_ttery", "\U0010ffff"])
async def test_hostile_searches_find_nothing_and_break_nothing(still: House, text: str) -> None:
    await say(still, "My battery is empty")
    await index(still)
    assert await texts(still, text) == []


async def test_words_found_are_marked_and_nothing_is_markup(still: House) -> None:
    await say(still, "x" * 300 + " <b>Batteries</b> of the bike " + "y" * 300)
    (hit,) = (await find(still, "battery")).hits
    assert [piece.text for piece in hit.snippet if piece.marked] == ["Batteries"]
    whole = "".join(piece.text for piece in hit.snippet)
    assert whole.startswith("…") and whole.endswith("…") and "<b>Batteries</b>" in whole and len(whole) < 200


@pytest.mark.parametrize("indexed", [False, True])
async def test_pages_go_on_where_they_ended_over_both_halves(still: House, indexed: bool) -> None:
    await say(still, *(f"battery {n}" for n in range(4)))
    if indexed:
        await index(still)
    await say(still, *(f"battery {n}" for n in range(4, 7)))
    seen: list[str] = []
    before = None
    while True:
        page = await find(still, "battery", before=before, limit=2)
        seen += [hit.message.text for hit in page.hits]
        before = page.next
        if before is None:
            break
    assert seen == [f"battery {n}" for n in range(6, -1, -1)]


async def test_what_people_of_the_business_say_is_found_and_by_their_names(still: House, maria: Colleague) -> None:
    await say(still, "Hello")
    found = await conversation(still, still.scopes[0])
    await take_over(still.db, still.scopes[0], found, maria)
    await reply(still.db, still.scopes[0], found, maria, "Your saddle is here.")
    for _ in range(2):
        assert await texts(still, "maria saddle") == ["Your saddle is here."]
        await index(still)


async def test_a_message_is_indexed_once_whoever_does_it(still: House) -> None:
    await say(still, *LINES, "…", "👍")
    await asyncio.gather(*(index(still) for _ in range(4)))
    kept = await postings(still, still.scopes[0])
    assert kept > 10
    assert await index(still) == 0
    assert await postings(still, still.scopes[0]) == kept
    await say(still, "One more saddle")
    assert await index(still) == 1
    assert await texts(still, "saddle") == ["One more saddle"]


async def test_a_message_that_became_visible_late_is_indexed_and_found(still: House) -> None:
    await say(still, "first", "second")
    await index(still)
    async with still.db.tenant(still.scopes[0]) as session:
        # As if its transaction had ended only now, after a later message was indexed.
        await session.execute("DELETE FROM message_terms WHERE term = 'first'")
    assert await texts(still, "first") == ["first"]
    assert await index(still) == 1
    assert await texts(still, "first") == ["first"]


async def test_many_messages_are_indexed_in_batches(still: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(indexing, "BATCH", 3)
    await say(still, *(f"battery {n}" for n in range(8)))
    assert await index(still) == 8


async def test_a_deleted_message_takes_its_postings_along(still: House) -> None:
    await say(still, "battery")
    await index(still)
    assert await postings(still, still.scopes[0]) == 1
    async with still.db.tenant(still.scopes[0]) as session:
        await session.execute("DELETE FROM messages WHERE tenant_id = $1", still.scopes[0].tenant_id)
    assert await postings(still, still.scopes[0]) == 0


@pytest.mark.parametrize("indexed", [False, True])
async def test_another_business_finds_only_its_own(still: House, indexed: bool) -> None:
    await say(still, "My battery is empty")
    await say(still, "Our battery of tests", team=1)
    if indexed:
        assert await index(still) == 2
    (own,) = (await find(still, "battery")).hits
    (theirs,) = (await find(still, "battery", still.scopes[1])).hits
    assert (own.message.text, theirs.message.text) == ("My battery is empty", "Our battery of tests")


async def test_a_tenant_with_nothing_new_is_not_looked_at(still: House) -> None:
    await say(still, "battery")
    await index(still)
    due = "SELECT extract(epoch FROM due_at - now())::float8 AS wait FROM search_progress WHERE tenant_id = $1"
    (soon,) = await rows(still, still.scopes[0], due)
    assert 30 < soon["wait"] < 61, "the answer is coming"
    async with still.db.tenant(still.scopes[0]) as session:
        await session.execute("UPDATE search_progress SET due_at = now() WHERE tenant_id = $1", still.scopes[0].tenant_id)
    await indexing.index_due(still.db)
    (idle,) = await rows(still, still.scopes[0], due)
    assert idle["wait"] > 3000
