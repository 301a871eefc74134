"""What people edit and delete: the words follow everywhere, and nobody is answered twice, or about what was taken back."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from konstruct.conversations import indexing
from konstruct.db.scope import TenantScope
from konstruct.llm.backends.scripted import Reply
from konstruct.llm.port import Finish, ToolCallDelta
from konstruct.local.postgres import Postgres
from tests.support.fake_slack_store import Kept
from tests.support.hand import claim, rows, send, take_turn, working
from tests.support.happened import handle
from tests.support.house import House
from tests.support.puppet import Puppet
from tests.support.slack_events import changed, deleted, envelope, inner, mention_pair, message, tombstone
from tests.tenants.filled import overview


async def said(house: House, number: int = 0) -> list[tuple[str, str]]:
    """Return (state, text) of what people said, in order."""
    sql = "SELECT state, text FROM messages WHERE tenant_id = $1 AND direction = 'in' ORDER BY seq"
    return [(row["state"], row["text"]) for row in await rows(house, house.scopes[number], sql)]


async def deliver(house: House, *deliveries: dict[str, Any]) -> None:
    assert set(await house.deliver(*deliveries)) == {200}


async def found(house: House, scope: TenantScope, word: str) -> int:
    sql = "SELECT 1 FROM message_terms WHERE tenant_id = $1 AND term = $2"
    return len(await rows(house, scope, sql, word))


async def test_an_edit_before_the_turn_is_what_it_sees(still: House, model: Puppet) -> None:
    team, other = still.teams
    first, alike = message(team, "D1", "U1", "the old words"), message(other, "D1", "U1", "the old words")
    alike["event"]["ts"] = first["event"]["ts"]
    await deliver(still, first, alike, changed(team, first, "the new words"))
    assert await handle(still) >= 1
    assert await said(still) == [("pending", "the new words")] and await said(still, 1) == [("pending", "the old words")]
    (row,) = await rows(still, still.scopes[0], "SELECT edited_at, changed_at FROM messages WHERE tenant_id = $1")
    assert row["edited_at"] and row["changed_at"]
    assert await rows(still, still.scopes[0], "SELECT 1 FROM inbound_events WHERE tenant_id = $1") == []
    assert len(await rows(still, still.scopes[1], "SELECT 1 FROM inbound_events WHERE tenant_id = $1")) == 1
    async with still.db.tenant(still.scopes[1]) as session:
        await session.execute(
            "UPDATE ready_queue SET state = 'idle', claimed_seq = seq WHERE tenant_id = $1", still.scopes[1].tenant_id
        )
    await take_turn(still)
    await send(still)
    (answer,) = still.texts(team)
    assert "new words" in answer and "old words" not in answer


async def test_an_edit_after_the_answer_changes_the_words_and_the_index_only(still: House) -> None:
    team, scope = still.teams[0], still.scopes[0]
    first = message(team, "D1", "U1", "about zebras")
    await deliver(still, first)
    await take_turn(still)
    await send(still)
    async with still.db.fleet("test") as fleet:
        await fleet.execute("INSERT INTO search_progress (tenant_id) VALUES ($1) ON CONFLICT DO NOTHING", scope.tenant_id)
    await still.db.run(scope, indexing.index_batch)
    term = (await rows(still, scope, "SELECT term FROM message_terms WHERE tenant_id = $1 AND term LIKE 'zebra%'"))[0]["term"]
    edit, earlier = changed(team, first, "about llamas"), changed(team, first, "about horses")
    earlier["event"]["event_ts"] = earlier["event"]["ts"] = first["event"]["ts"]
    await deliver(still, edit, edit, earlier)
    assert await handle(still) >= 2
    assert await said(still) == [("answered", "about llamas")], "the later of two edits counts, whichever comes last"
    assert await found(still, scope, term) <= 1, "our own answer quotes it; the person's words are found no more"
    assert await found(still, scope, "llama") == 1
    assert await rows(still, scope, "SELECT 1 FROM ready_queue WHERE tenant_id = $1 AND state <> 'idle'") == []


async def test_an_edit_that_adds_a_mention_is_answered_once(still: House) -> None:
    team, scope = still.teams[0], still.scopes[0]
    post = message(team, "C1", "U1", "what about lunch")
    asked = f"<@{team.bot_user_id}> what about lunch"
    await deliver(still, post, changed(team, post, asked))
    await handle(still)
    assert await said(still) == [("pending", asked)]
    # Slack tells of the new mention as well, with the post's own time.
    mention = {name: value for name, value in post["event"].items() if name != "channel_type"}
    await deliver(still, envelope(team, mention | {"type": "app_mention", "text": asked}))
    await take_turn(still)
    await send(still)
    await deliver(still, changed(team, post, f"{asked}!"), envelope(team, mention | {"type": "app_mention", "text": asked}))
    await handle(still)
    assert await rows(still, scope, "SELECT 1 FROM ready_queue WHERE tenant_id = $1 AND state <> 'idle'") == []
    assert len(still.texts(team)) == 1 and await said(still) == [("answered", f"{asked}!")]


async def test_a_mention_that_an_edit_added_may_come_before_the_edit(still: House) -> None:
    team = still.teams[0]
    post = message(team, "C1", "U1", "what about lunch")
    asked = f"<@{team.bot_user_id}> what about supper"
    edit = changed(team, post, asked)
    mention = inner(post) | {"channel": "C1", "type": "app_mention", "text": asked}
    seconds = int(post["event"]["ts"].partition(".")[0]) + 1
    await deliver(still, post, envelope(team, mention | {"edited": {"user": "U1", "ts": f"{seconds}.000000"}}))
    assert await said(still) == [("pending", asked)], "the turn must not see the old words"
    edit["event"]["event_ts"] = edit["event"]["ts"] = f"{seconds}.000100"
    await deliver(still, edit)
    await handle(still)
    assert await said(still) == [("pending", asked)]


async def test_changes_that_are_none(still: House) -> None:
    team, scope = still.teams[0], still.scopes[0]
    first = message(team, "D1", "U1", "see https://example.com")
    await deliver(still, first, changed(team, first, attachments=[{"title": "Example"}]), changed(team, first, reply_count=3))
    own = message(team, "D1", team.bot_user_id, "ours", bot_id="B1", app_id=team.app_id)
    theirs = message(team, "C1", "U7", "theirs", bot_id="B7", app_id="A7")
    await deliver(
        still, changed(team, own, "ours, longer"), deleted(team, own), changed(team, theirs, "more"), deleted(team, theirs)
    )
    assert await rows(still, scope, "SELECT 1 FROM channel_events WHERE tenant_id = $1 AND kind <> 'met'") == []
    assert await said(still) == [("pending", "see https://example.com")]


@pytest.mark.parametrize("how", [deleted, tombstone], ids=["deleted", "tombstone"])
async def test_a_deletion_leaves_no_word_anywhere(still: House, model: Puppet, cluster: Postgres, how: Any) -> None:
    """Whatever was derived is gone too: files, postings, summaries, steps and tools' arguments, the provider's bytes."""
    team, scope = still.teams[0], still.scopes[0]
    word = f"secret{scope.tenant_id.hex[:12]}"
    file = still.slack.store.add(still.slack.url, "F1", Kept(team.team_id, word.encode(), f"{word}.txt"))
    first, merged = mention_pair(team, "C1", "U1", word, files=[file])
    asks: Reply = [ToolCallDelta(0, "c1", "look", f'{{"q": "{word}"}}'), Finish("tool_calls")]
    model.says = lambda request: asks if len(model.requests) == 1 else "It is noted."
    await deliver(still, first, merged)
    await take_turn(still)
    await send(still)
    await still.db.run(scope, indexing.index_batch)
    async with still.db.tenant(scope) as session:
        await session.execute(
            "INSERT INTO summaries (tenant_id, id, conversation_id, from_seq, to_seq, text, model)"
            " SELECT $1, uuidv7(), id, 1, 1, $2, 'm' FROM conversations WHERE tenant_id = $1",
            scope.tenant_id, word,
        )  # fmt: skip
    delivery = how(team, first)
    async with overview(cluster) as view:
        assert {"messages", "steps", "tool_calls", "summaries", "message_files"} <= {
            name.rstrip("0123456789").rstrip("_") for name in await view.mentions(word)
        }
        await deliver(still, delivery, changed(team, first, f"{word} again"))
        assert await handle(still) >= 2
        await deliver(still, first, envelope(team, first["event"]), delivery, deleted(team, first))
        await handle(still)
        assert await view.mentions(word) == []
    assert await said(still) == [("withdrawn", "")] and len(still.texts(team)) == 1


async def test_deleted_before_it_is_answered(still: House) -> None:
    team = still.teams[0]
    first, second = message(team, "D1", "U1", "one question"), message(team, "D1", "U1", "another one")
    await deliver(still, first, second, deleted(team, first))
    await handle(still)
    assert await said(still) == [("withdrawn", ""), ("pending", "another one")]
    await take_turn(still)
    await send(still)
    (answer,) = still.texts(team)
    assert "another one" in answer and "one question" not in answer
    only = message(team, "D1", "U1", "never mind")
    await deliver(still, only, deleted(team, only))
    await handle(still)
    await take_turn(still)
    assert len(still.texts(team)) == 1, "nothing is left to answer"


async def test_deleted_while_it_is_answered(still: House, model: Puppet) -> None:
    """What else is asked is answered, of what is left; and nothing at all if nothing is."""
    team, scope = still.teams[0], still.scopes[0]
    first, second = message(team, "D1", "U1", "one question"), message(team, "D1", "U1", "another one")
    await deliver(still, first, second)
    await _delete_during_its_turn(still, model, first)
    request = model.requests[-1].messages[-1].content
    assert len(model.requests) == 2 and "another one" in request and "one question" not in request
    await send(still)
    alone = message(team, "D1", "U1", "a third")
    await deliver(still, alone)
    await _delete_during_its_turn(still, model, alone)
    assert len(model.requests) == 3, "there was nothing left to ask"
    turns = await rows(still, scope, "SELECT outcome, revision FROM turns WHERE tenant_id = $1 ORDER BY started_at")
    assert [tuple(row) for row in turns] == [("answered", 1), ("withdrawn", 1)]
    (answer,) = still.texts(team)
    assert "another one" in answer and "one question" not in answer
    assert await said(still) == [("withdrawn", ""), ("answered", "another one"), ("withdrawn", "")]


async def _delete_during_its_turn(house: House, model: Puppet, delivery: dict[str, Any]) -> None:
    """Let a turn ask the model, delete what `delivery` brought, and only then let the model answer."""
    model.hold.clear()
    asked = len(model.requests)
    async with working(house, await claim(house, "turn")):
        await model.asked(asked + 1)
        await deliver(house, deleted(house.teams[0], delivery))
        await handle(house)
        model.hold.set()


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))), ids=str)
async def test_a_deletion_may_come_in_any_order(still: House, cluster: Postgres, order: tuple[int, ...]) -> None:
    team, scope = still.teams[0], still.scopes[0]
    word = f"secret{scope.tenant_id.hex[:12]}"
    post = message(team, "D1", "U1", word)
    deliveries = [post, changed(team, post, f"{word} more"), deleted(team, post)]
    for place in (*order, *order):
        await deliver(still, deliveries[place])
        await handle(still)
    async with still.db.tenant(scope) as session:
        # An edit that came first has waited long enough.
        await session.execute(
            "UPDATE tenant_jobs SET due_at = now() WHERE tenant_id = $1 AND kind = 'channel_event'", scope.tenant_id
        )
    await handle(still)
    assert await said(still) in ([], [("withdrawn", "")])
    async with overview(cluster) as view:
        assert await view.mentions(word) == []
    if await rows(still, scope, "SELECT 1 FROM ready_queue WHERE tenant_id = $1 AND lane = 'turn' AND state = 'ready'"):
        await take_turn(still)
    assert still.texts(team) == []
