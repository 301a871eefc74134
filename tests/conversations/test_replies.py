"""A human's reply: through the outbox, once per form, only while a human owns the conversation."""

from __future__ import annotations

import asyncio

import pytest

from konstruct.conversations.colleague import Colleague
from konstruct.conversations.ownership import OwnerChangedError
from konstruct.conversations.replies import REPLY_MAX, ReplyError
from konstruct.kit.errors import ConflictError, NotFoundError
from konstruct.kit.ids import uuid7
from tests.support.hand import conversation, deliveries, rows, send
from tests.support.house import House
from tests.support.inbox import hand_back, reply, take_over
from tests.support.slack_events import message


async def test_a_reply_is_shown_in_the_thread_of_the_last_message_asked(still: House, maria: Colleague) -> None:
    team, scope = still.teams[0], still.scopes[0]
    last = message(team, "D1", "U1", "two")
    await still.deliver(message(team, "D1", "U1", "one"), last, message(still.teams[1], "D1", "U1", "elsewhere"))
    found = await conversation(still, scope)
    await take_over(still.db, scope, found, maria)
    await reply(still.db, scope, found, maria, "  It is **ready**.\r\nCome by.  ")
    await send(still)
    post = still.slack.posts[-1]
    assert (post["team"], post["thread_ts"]) == (team.team_id, last["event"]["ts"])
    assert still.texts(team)[-1] == "It is **ready**.\nCome by."
    (kept,) = await rows(
        still,
        scope,
        "SELECT m.author, h.member_id, h.member_name, d.kind, d.state FROM human_messages h"
        " JOIN messages m ON m.tenant_id = h.tenant_id AND m.id = h.message_id"
        " JOIN deliveries d ON d.tenant_id = h.tenant_id AND d.message_id = h.message_id WHERE h.tenant_id = $1",
    )
    assert tuple(kept) == ("human", maria.id, "Maria", "human", "sent")


async def test_a_form_sent_many_times_is_one_reply(still: House, maria: Colleague) -> None:
    scope, token = still.scopes[0], uuid7()
    await still.deliver(message(still.teams[0], "D1", "U1", "one"))
    found = await conversation(still, scope)
    await take_over(still.db, scope, found, maria)
    sent = await asyncio.gather(*(reply(still.db, scope, found, maria, "Once.", token=token, epoch=1) for _ in range(5)))
    assert len(set(sent)) == 1
    await hand_back(still.db, scope, found, maria)
    # The page may not have heard of the first time.
    assert await reply(still.db, scope, found, maria, "Once.", token=token, epoch=1) == sent[0]
    await send(still)
    assert still.texts(still.teams[0]).count("Once.") == 1


async def test_a_token_of_one_conversation_sends_nothing_in_another(still: House, maria: Colleague) -> None:
    scope, token = still.scopes[0], uuid7()
    await still.deliver(message(still.teams[0], "D1", "U1", "one"), message(still.teams[0], "D2", "U2", "two"))
    one, two = [row["id"] for row in await rows(still, scope, "SELECT id FROM conversations WHERE tenant_id = $1 ORDER BY id")]
    for found in (one, two):
        await take_over(still.db, scope, found, maria)
    await reply(still.db, scope, one, maria, "For one.", token=token)
    with pytest.raises(ConflictError, match="another conversation"):
        await reply(still.db, scope, two, maria, "For two.", token=token)
    assert [row["body"] for row in await deliveries(still, scope) if row["kind"] == "human"] == ["For one."]


async def test_nobody_replies_to_what_the_employee_answers(still: House, maria: Colleague) -> None:
    scope = still.scopes[0]
    await still.deliver(message(still.teams[0], "D1", "U1", "one"))
    found = await conversation(still, scope)
    for epoch in (0, 1):
        with pytest.raises(OwnerChangedError):
            await reply(still.db, scope, found, maria, "Hello.", epoch=epoch)
    await take_over(still.db, scope, found, maria)
    with pytest.raises(OwnerChangedError):
        await reply(still.db, scope, found, maria, "Hello.", epoch=0)
    assert [row["kind"] for row in await deliveries(still, scope)] == ["notice"]


@pytest.mark.parametrize(
    ("text", "says"), [("", "write something"), (" \n\t ", "write something"), ("x" * (REPLY_MAX + 1), "8,001 characters")]
)
async def test_a_text_that_cannot_be_sent_says_why(still: House, maria: Colleague, text: str, says: str) -> None:
    scope = still.scopes[0]
    await still.deliver(message(still.teams[0], "D1", "U1", "one"))
    found = await conversation(still, scope)
    await take_over(still.db, scope, found, maria)
    with pytest.raises(ReplyError, match=says):
        await reply(still.db, scope, found, maria, text)
    assert len(await deliveries(still, scope)) == 1


async def test_the_longest_text_and_unstorable_characters_go_out(still: House, maria: Colleague) -> None:
    scope = still.scopes[0]
    await still.deliver(message(still.teams[0], "D1", "U1", "one"))
    found = await conversation(still, scope)
    await take_over(still.db, scope, found, maria)
    await reply(still.db, scope, found, maria, "x" * REPLY_MAX)
    await reply(still.db, scope, found, maria, "a\x00b\ud800c")
    assert [len(row["body"]) for row in await deliveries(still, scope) if row["kind"] == "human"] == [REPLY_MAX, 4]


async def test_another_business_cannot_reply(still: House, maria: Colleague, boris: Colleague) -> None:
    await still.deliver(message(still.teams[0], "D1", "U1", "one"))
    found = await conversation(still, still.scopes[0])
    await take_over(still.db, still.scopes[0], found, maria)
    with pytest.raises(NotFoundError):
        await reply(still.db, still.scopes[1], found, boris, "Hello.", epoch=1)
    assert [row["kind"] for row in await deliveries(still, still.scopes[0])] == ["notice"]
