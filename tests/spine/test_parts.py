"""What a part has besides its text: kept by the outbox, the archive and a second try, and checked by the database."""

from __future__ import annotations

import json

import asyncpg
import pytest

from konstruct.conversations import dead_letters_repository, outbox
from konstruct.conversations.outbox import Reply
from konstruct.conversations.part import Button, Part, stored
from tests.support.hand import rows, take_turn
from tests.support.house import House
from tests.support.slack_events import message

BUTTONS = (Button("a1", "Yes, do it", "primary"), Button("a2", "No", "danger"), Button("a3", "Ask me later"))
PARTS = [Part("one"), Part("two", "file"), Part("three", buttons=BUTTONS), Part("four", feedback=True)]


async def test_parts_are_kept(still: House) -> None:
    scope, other = still.scopes
    for team in still.teams:
        await still.deliver(message(team, "D1", "U1", "hello"))
        await take_turn(still)
    (first,) = await rows(still, scope, "SELECT * FROM deliveries WHERE tenant_id = $1")
    reply = Reply(first["conversation_id"], first["account_id"], "D1", None, first["owner_epoch"], "reply", "x", PARTS)
    message_id = await still.db.run(scope, lambda session: outbox.put(session, reply))
    kept = (
        "SELECT body, form, extras FROM deliveries WHERE tenant_id = $1 AND part < 9 AND message_id <> $2 ORDER BY position, part"
    )
    found = await rows(still, scope, kept, first["message_id"])
    assert [stored(*row.values()) for row in found] == PARTS
    assert [row["form"] for row in await rows(still, other, "SELECT form FROM deliveries WHERE tenant_id = $1")] == ["text"]
    async with still.db.tenant(scope) as session:
        await session.execute(
            "UPDATE deliveries SET state = 'failed', reason = 'x' WHERE tenant_id = $1 AND message_id = $2",
            scope.tenant_id,
            message_id,
        )
        failed = await session.fetch(
            "SELECT id FROM deliveries WHERE tenant_id = $1 AND message_id = $2 ORDER BY part", scope.tenant_id, message_id
        )
        for row in failed:
            assert await dead_letters_repository.send_again(session, row["id"], first["owner_epoch"])
    again = await rows(still, scope, kept + " OFFSET 4", first["message_id"])
    assert [stored(*row.values()) for row in again] == PARTS
    await _the_database_checks(still, first["id"])


BAD = [
    [], "text", {"text": "x"}, {"feedback": "yes"}, {"feedback": None}, {"buttons": {}}, {"buttons": ["a"]}, {"buttons": [{}]},
    {"buttons": [{"id": "a", "label": "b"}]}, {"buttons": [{"id": 1, "label": "b", "style": "plain"}]},
    {"buttons": [{"id": "a", "label": ["b"], "style": "plain"}]}, {"buttons": [{"id": "a", "label": "b", "style": "loud"}]},
    {"buttons": [{"id": "a", "label": "b", "style": "plain"}] * 26},
]  # fmt: skip


async def _the_database_checks(still: House, delivery_id: object) -> None:
    sql = "UPDATE deliveries SET extras = $3::jsonb WHERE tenant_id = $1 AND id = $2"
    for extras in BAD:
        with pytest.raises(asyncpg.CheckViolationError):
            async with still.db.tenant(still.scopes[0]) as session:
                await session.execute(sql, still.scopes[0].tenant_id, delivery_id, json.dumps(extras))
        assert extras is not None, extras
