"""Forgetting a person: confirmed by that person alone, of one workspace, everywhere, and nothing of anybody else."""

from __future__ import annotations

from typing import Any

from konstruct.conversations import indexing, notes_repository
from konstruct.db.scope import TenantScope
from tests.desk.test_commands import work_off
from tests.desk.test_feedback import answered
from tests.support.desk import command, forget, press, words
from tests.support.fake_interactive import pressables
from tests.support.hand import rows, take_turn
from tests.support.house import House
from tests.support.inbox import add_colleague
from tests.support.slack_events import message
from tests.tenants.filled import overview

SECRET = "canary-of-one-person"


async def live(house: House, number: int) -> dict[str, Any]:
    """Let U1 say something of their own in a direct message and in a thread in which U2 is as well; return the first post."""
    team, scope = house.teams[number], house.scopes[number]
    post = await answered(house, team, "D1", "U1", f"direct {SECRET}")
    shown = await answered(house, team, "C1", "U1", f"thread {SECRET}")
    await house.deliver(message(team, "C1", "U2", "mine stays", thread_ts=shown["thread_ts"]))
    await work_off(house, "turn")
    await work_off(house, "send")
    await answered(house, team, "D2", "U2", "direct of another")
    maria, where = await add_colleague(house.db, scope), await _direct_of(house, scope, "U1")
    async with house.db.tenant(scope) as session:
        await session.execute("UPDATE contacts SET display_name = $2 WHERE tenant_id = $1 AND external_id = 'U1'",
                              scope.tenant_id, f"Name {SECRET}")  # fmt: skip
        await notes_repository.add(session, where, where, f"note {SECRET}", maria)
        await session.execute("INSERT INTO summaries (tenant_id, id, conversation_id, from_seq, to_seq, text, model)"
                              " VALUES ($1, uuidv7(), $2, 1, 1, $3, 'm')", scope.tenant_id, where, SECRET)  # fmt: skip
    await indexing.notice(house.db)
    await indexing.index_due(house.db)
    await press(house, team, "U1", pressables(post["controls"])["Helpful"], post)
    return post


async def _direct_of(house: House, scope: TenantScope, person: str) -> Any:
    (row,) = await rows(house, scope, "SELECT id FROM conversations WHERE tenant_id = $1 AND kind = 'direct'"
                        " AND audience_key = $2", person)  # fmt: skip
    return row["id"]


async def test_a_person_is_forgotten_in_one_workspace_and_nobody_else_is(still: House, cluster: Any) -> None:
    ours, theirs = still.scopes
    team, notes = still.teams[0], still.slack.interactive.notes
    for number in (0, 1):
        await live(still, number)
    async with overview(cluster) as seen:
        before = await seen.checksums(theirs)
        asked = await command(still, team, "U1", "forget me", "D1")
        buttons = pressables(asked["blocks"])
        assert "cannot be undone" in words(asked) and set(buttons) == {"Forget me", "Keep it"}
        await press(still, team, "U2", buttons["Forget me"], channel="D1")
        assert "You may not decide this" in words(notes[-1]) and await forget(still) == []
        await press(still, team, "U1", buttons["Keep it"], channel="D1")
        assert words(notes[-1]) == "Nothing was forgotten." and notes[-1]["replace_original"] and await forget(still) == []
        asked = await command(still, team, "U1", "forget me", "D1")
        await press(still, team, "U1", pressables(asked["blocks"])["Forget me"], channel="D1")
        assert "I am forgetting" in words(notes[-1])
        assert await forget(still) == [None]
        assert (
            "I have forgotten you" in words(notes[-1]) and notes[-1]["user"] == "U1" and notes[-1]["via"] == "chat.postEphemeral"
        )

        held = await seen.mentions(SECRET)
        for table in held:
            found = f"SELECT count(*) FROM {table} t WHERE tenant_id = $1 AND (t::text LIKE $2 OR t::text LIKE $3)"
            marks = (f"%{SECRET}%", f"%{SECRET.encode().hex()}%")
            assert await seen.connection.fetchval(found, theirs.tenant_id, *marks) > 0, table
            # What the employee said in the channel stands there for the others.
            left = await seen.connection.fetchval(found, ours.tenant_id, *marks)
            assert left == 0 or table.startswith(("messages", "deliveries", "steps")), table
        after = await seen.checksums(theirs)
        assert {name for name in before if before[name] != after[name]} <= {"tenant_jobs", "search_progress"}
    kept = await rows(still, ours, "SELECT text FROM messages WHERE tenant_id = $1 AND text LIKE '%' || $2 || '%'", SECRET)
    assert [row["text"].count("thread") for row in kept] == [1], "the answer in the thread"
    others = await rows(still, ours, "SELECT text FROM messages WHERE tenant_id = $1 AND direction = 'in' ORDER BY seq, id")
    assert {row["text"] for row in others} == {"", "mine stays", "direct of another"}
    terms = await rows(still, ours, "SELECT 1 FROM message_terms p JOIN messages m ON m.tenant_id = p.tenant_id AND m.id ="
                       " p.message_id WHERE p.tenant_id = $1 AND m.text = '' AND p.term <> ''")  # fmt: skip
    assert terms == [] and await rows(still, ours, "SELECT 1 FROM ratings WHERE tenant_id = $1") == []


async def test_what_is_being_answered_is_forgotten_afterwards_and_what_comes_later_stays(still: House) -> None:
    team, scope = still.teams[0], still.scopes[0]
    await still.deliver(message(team, "D1", "U1", f"question {SECRET}"))
    await take_turn(still)
    asked = await command(still, team, "U1", "forget me", "D1")
    await press(still, team, "U1", pressables(asked["blocks"])["Forget me"], channel="D1")
    assert await forget(still) == [30.0], "its answer is on its way"
    await work_off(still, "send")
    await still.deliver(message(team, "D1", "U1", "a new beginning"))
    assert await forget(still) == [None]
    texts = await rows(still, scope, "SELECT text FROM messages WHERE tenant_id = $1")
    assert [row["text"] for row in texts] == ["a new beginning"]
    await work_off(still, "turn")
    await work_off(still, "send")
    assert "a new beginning" in still.texts(team)[-1]
