"""Two contacts that are one person: all that the one has the other gets, and nothing of anybody else's."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from konstruct.conversations import merging_repository as merging
from konstruct.db.database import Database
from tests.identity.conftest import Desk
from tests.support import meta_events as meta
from tests.support.meta_events import ANN

PHONE, OWN = str(ANN.phone), str(ANN.user_id)
BY_PHONE, BY_ID = replace(ANN, user_id=None), replace(ANN, phone=None)


async def _two(desk: Desk) -> None:
    """Let each business have one person as two: by phone, and by Meta's own id."""
    for number in desk.numbers:
        await desk.deliver(meta.text(number, "first", BY_PHONE), meta.text(number, "second", BY_ID, at=1_790_000_000))


async def _fill(desk: Desk, tenant: int) -> None:
    """Give both conversations of a business everything that may belong to one: answers, turns, notes, ratings, sums."""
    account = desk.accounts[tenant]
    for sql in (
        "UPDATE messages SET state = 'held' WHERE tenant_id = $1 AND text = 'second' RETURNING 1",
        "UPDATE conversations SET next_seq = 3, owner_epoch = 1 WHERE tenant_id = $1 RETURNING 1",
        "INSERT INTO messages (tenant_id, id, conversation_id, seq, direction, author, text, state, sent_at)"
        " SELECT $1, uuidv7(), id, 2, 'out', 'ai', channel_id, 'sent', now() FROM conversations WHERE tenant_id = $1 RETURNING 1",
        "INSERT INTO turns (tenant_id, id, conversation_id, agent_id, persona_version, epoch, owner_epoch, deadline_at, state,"
        " outcome, finished_at) SELECT $1, uuidv7(), c.id, c.agent_id, 1, 1, 0, now(), 'done', 'answered', now()"
        " FROM conversations c WHERE c.tenant_id = $1 RETURNING 1",
        "INSERT INTO conversation_notes (tenant_id, id, conversation_id, member_name, text)"
        " SELECT $1, uuidv7(), id, 'Eve', channel_id FROM conversations WHERE tenant_id = $1 RETURNING 1",
        "INSERT INTO conversation_events (tenant_id, conversation_id, owner_epoch, kind, member_name, message_id)"
        " SELECT $1, conversation_id, 1, 'handed_back', 'Eve', id FROM messages WHERE tenant_id = $1 AND direction = 'out'"
        " RETURNING 1",
        "INSERT INTO summaries (tenant_id, id, conversation_id, from_seq, to_seq, text, model)"
        " SELECT $1, uuidv7(), id, 1, 1, 'x', 'm' FROM conversations WHERE tenant_id = $1 RETURNING 1",
        "INSERT INTO usage_conversations (tenant_id, day, conversation_id, calls, unknown_cost_calls, input_tokens,"
        " cached_tokens, output_tokens, cost_micro) SELECT $1, '2026-01-01', id, 1, 0, 10, 0, 5, 7 FROM conversations"
        " WHERE tenant_id = $1 RETURNING 1",
        "INSERT INTO ratings (tenant_id, message_id, contact_id, conversation_id, good, pressed_at)"
        " SELECT $1, m.id, c.id, m.conversation_id, c.external_id ~ 'US', CASE WHEN c.external_id ~ 'US' THEN now()"
        "   ELSE now() - interval '1 day' END FROM messages m, contacts c WHERE m.tenant_id = $1 AND m.direction = 'out'"
        "   AND c.tenant_id = $1 RETURNING 1",
    ):  # fmt: skip
        assert await desk.rows(sql, tenant=tenant), sql
    await desk.rows(
        "INSERT INTO deliveries (tenant_id, id, conversation_id, account_id, message_id, position, part, kind, channel_id, body,"
        "   owner_epoch) SELECT $1, uuidv7(), m.conversation_id, $2, m.id, 2, 0, 'reply', m.text, 'x', 1 FROM messages m"
        " WHERE m.tenant_id = $1 AND m.direction = 'out' RETURNING 1", account, tenant=tenant,
    )  # fmt: skip
    for kind in ("delivery_failed", "human_wanted"):
        await desk.rows(
            "INSERT INTO notices (tenant_id, id, kind, subject_key, severity, title, body, action_path)"
            " SELECT $1, uuidv7(), $2, id::text, 'info', 't', 'b', '/inbox/' || id FROM conversations WHERE tenant_id = $1"
            "   AND ($2 = 'human_wanted' OR channel_id ~ 'US') RETURNING 1", kind, tenant=tenant,
        )  # fmt: skip


async def test_everything_follows(desk: Desk) -> None:
    await _two(desk)
    for tenant in (0, 1):
        await _fill(desk, tenant)
    # One message with both ids says that the two are one; in one business only.
    await desk.deliver(meta.text(desk.numbers[0], "third", ANN))
    assert await desk.work() == 0
    assert (await desk.contacts(), await desk.contacts(1)) == ([(OWN, PHONE)], [(PHONE,), (OWN,)])
    [conversation] = await desk.rows("SELECT * FROM conversations WHERE tenant_id = $1")
    assert (conversation["channel_id"], conversation["next_seq"], conversation["owner_epoch"]) == (OWN, 6, 2)
    said = await desk.rows("SELECT seq, text, contact_id IS NOT NULL AS known FROM messages WHERE tenant_id = $1 ORDER BY seq")
    # What was said in the conversation that is known longer stands first.
    assert [tuple(row) for row in said] == [
        (1, "first", True), (2, PHONE, False), (3, "second", True), (4, OWN, False), (5, "third", True)
    ]  # fmt: skip
    wanted: dict[str, tuple[str, list[Any]]] = {
        "deliveries": ("position, channel_id, owner_epoch", [(2, OWN, 2), (4, OWN, 2)]),
        "turns": ("state", [("done",), ("done",)]),
        "conversation_notes": ("text", [(PHONE,), (OWN,)]),
        "conversation_events": ("owner_epoch", [(1,), (2,)]),
        "summaries": ("text", [("x",)]),
        "usage_conversations": ("calls, cost_micro", [(2, 14)]),
        "ratings": ("good", [(True,), (True,)]),
        "notices": ("kind, resolution, action_path = '/inbox/' || subject_key", [
            ("delivery_failed", None, True), ("human_wanted", "itself", True), ("human_wanted", None, True),
        ]),
    }  # fmt: skip
    for table, (columns, expected) in wanted.items():
        about = "subject_key = $2" if table == "notices" else "conversation_id = $2::uuid"
        key = str(conversation["id"])
        rows = await desk.rows(f"SELECT {columns} FROM {table} WHERE tenant_id = $1 AND {about}", key)
        assert sorted(map(repr, map(tuple, rows))) == sorted(map(repr, expected)), table
    lanes = await desk.rows("SELECT lane, state FROM ready_queue WHERE tenant_id = $1 ORDER BY lane")
    assert [tuple(row) for row in lanes] == [("send", "ready"), ("turn", "ready")]
    for table, count in (("messages", 4), ("deliveries", 2), ("turns", 2), ("summaries", 2), ("ratings", 4)):
        assert len(await desk.rows(f"SELECT 1 FROM {table} WHERE tenant_id = $1", tenant=1)) == count, table


async def test_a_human_answers_both(desk: Desk) -> None:
    """If a person of the business answers in one of the two, nobody else does in what becomes of them."""
    await _two(desk)
    await desk.rows("UPDATE conversations SET owner = 'human' WHERE tenant_id = $1 AND channel_id ~ 'US' RETURNING 1")
    await desk.rows("UPDATE contacts SET opted_out_at = now() WHERE tenant_id = $1 AND external_id !~ 'US' RETURNING 1")
    await desk.deliver(meta.text(desk.numbers[0], "third", ANN))
    assert await desk.work() == 0
    assert [row["owner"] for row in await desk.rows("SELECT owner FROM conversations WHERE tenant_id = $1")] == ["human"]
    assert {row["state"] for row in await desk.rows("SELECT state FROM messages WHERE tenant_id = $1")} == {"human"}
    [contact] = await desk.rows("SELECT opted_out_at FROM contacts WHERE tenant_id = $1")
    assert contact["opted_out_at"] is not None, "who left under one name has left"


@pytest.mark.parametrize("busy", ["a turn", "a send"])
async def test_nothing_moves_while_somebody_is_answered(desk: Desk, busy: str) -> None:
    await _two(desk)
    sql = "UPDATE ready_queue SET state = {} WHERE tenant_id = $1 RETURNING 1"
    leased = "'leased', lease_owner = uuidv7(), lease_until = now() + interval '1 hour', lease = interval '1 hour'"
    if busy == "a turn":
        assert await desk.rows(sql.format(leased))
    else:
        await _fill(desk, 0)
        assert await desk.rows("UPDATE deliveries SET state = 'unknown', unknown_since = now() WHERE tenant_id = $1 RETURNING 1")
    await desk.deliver(meta.text(desk.numbers[0], "third", ANN))
    assert await desk.work() == 1, "it waits"
    assert len(await desk.contacts()) == 2 and len(await desk.rows("SELECT 1 FROM conversations WHERE tenant_id = $1")) == 2
    await desk.rows(sql.format("'ready', lease_owner = NULL, lease_until = NULL, lease = NULL"))
    await desk.rows("UPDATE deliveries SET state = 'pending', unknown_since = NULL WHERE tenant_id = $1 RETURNING 1")
    assert await desk.work() == 0
    assert await desk.contacts() == [(OWN, PHONE)]


async def test_every_table_is_thought_of(db: Database) -> None:
    """Whatever points at a contact or a conversation says in `merging_repository` what becomes of it."""
    async with db.fleet("test") as session:
        rows = await session.fetch(
            "SELECT confrelid::regclass::text AS pointed, conrelid::regclass::text AS pointing FROM pg_constraint"
            " WHERE contype = 'f' AND confrelid::regclass::text IN ('contacts', 'conversations')"
            "   AND NOT (SELECT relispartition FROM pg_class WHERE oid = conrelid)"
        )
    known = {
        "contacts": set(merging.FOLLOWS),
        "conversations": {*merging.NUMBERED, *merging.EPOCHS, *merging.PLAIN, *merging.ADDED, *merging.GONE_WITH_IT},
    }
    for pointed, tables in known.items():
        missing = {row["pointing"] for row in rows if row["pointed"] == pointed} - tables
        assert not missing, f"{missing}: what becomes of their rows when two {pointed} become one?"
