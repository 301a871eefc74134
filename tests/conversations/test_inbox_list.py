"""The list of conversations: states, filters, pages, and only the tenant's own."""

from __future__ import annotations

import pytest

from konstruct.conversations.colleague import Colleague
from konstruct.conversations.inbox_repository import Filter, Listed, Show, accounts, list_conversations
from konstruct.db.scope import TenantScope
from konstruct.kit.ids import uuid7
from tests.support.hand import rows, send, take_turn
from tests.support.house import House
from tests.support.inbox import hand_back, reply, take_over
from tests.support.queueing import make_conversations
from tests.support.slack_events import message


async def listed(still: House, wanted: Filter | None = None, scope: TenantScope | None = None) -> list[Listed]:
    found, _ = await still.db.run(scope or still.scopes[0], lambda s: list_conversations(s, wanted or Filter()))
    return found


async def age_queue(still: House) -> None:
    """Let whatever waits have waited for a minute."""
    async with still.db.tenant(still.scopes[0]) as session:
        await session.execute(
            "UPDATE ready_queue SET ready_since = now() - interval '1 minute' WHERE tenant_id = $1", still.scopes[0].tenant_id
        )


async def test_a_conversation_shows_its_person_channel_and_last_line(still: House) -> None:
    team = still.teams[0]
    await still.deliver(
        message(team, "D1", "U1", "one"),
        message(team, "D1", "U1", "<script>alert(1)</script>" + "x" * 5000),
        message(still.teams[1], "D1", "U1", "elsewhere"),
    )
    (only,) = await listed(still)
    assert (only.channel, only.account, only.kind, only.person, only.author) == ("slack", team.team_id, "direct", "U1", "contact")
    assert only.line.startswith("<script>") and len(only.line) == 200
    (other,) = await listed(still, scope=still.scopes[1])
    assert other.line == "elsewhere"


async def test_states_follow_what_happens(still: House, maria: Colleague) -> None:
    scope = still.scopes[0]
    await still.deliver(message(still.teams[0], "D1", "U1", "one"))
    (only,) = await listed(still)
    assert only.state == "ai", "an answer takes a moment"
    await age_queue(still)
    (only,) = await listed(still)
    assert only.state == "waiting"
    await take_turn(still)
    await send(still)
    (only,) = await listed(still)
    assert (only.state, only.author) == ("ai", "ai")
    await take_over(still.db, scope, only.id, maria)
    (only,) = await listed(still)
    assert (only.state, only.answered_by, only.needs_me) == ("human", "Maria", False)
    await still.deliver(message(still.teams[0], "D1", "U1", "two"))
    (only,) = await listed(still)
    assert only.needs_me
    await reply(still.db, scope, only.id, maria, "It is ready.")
    (only,) = await listed(still)
    assert (only.needs_me, only.author, only.line) == (False, "human", "It is ready.")
    await hand_back(still.db, scope, only.id, maria)
    (only,) = await listed(still)
    assert (only.state, only.answered_by, only.needs_me) == ("ai", None, False)


async def test_filters_show_what_they_say(still: House, maria: Colleague) -> None:
    scope, team = still.scopes[0], still.teams[0]
    for channel in ("D1", "D2", "D3", "D4"):
        await still.deliver(message(team, channel, f"U{channel}", channel))
    kept = {item.line: item.id for item in await listed(still)}
    for channel in ("D3", "D4"):
        await take_over(still.db, scope, kept[channel], maria)
    await reply(still.db, scope, kept["D4"], maria, "It is ready.")
    async with still.db.tenant(scope) as session:
        await session.execute("UPDATE ready_queue SET state = 'idle' WHERE conversation_id = $1", kept["D1"])
    await age_queue(still)

    async def shows(show: Show) -> set[str]:
        names = {value: key for key, value in kept.items()}
        return {names[item.id] for item in await listed(still, Filter(show))}

    assert await shows("all") == {"D1", "D2", "D3", "D4"}
    assert await shows("ai") == {"D1"}
    assert await shows("waiting") == {"D2"}
    assert await shows("human") == {"D3", "D4"}
    assert await shows("needs_me") == {"D3"}


async def test_filters_by_channel_account_and_person(still: House) -> None:
    scope, other = still.scopes
    await still.deliver(message(still.teams[0], "D1", "U1", "one"), message(still.teams[0], "D2", "U2", "two"))
    await still.deliver(message(still.teams[1], "D1", "U1", "elsewhere"))
    (account,) = await still.db.run(scope, accounts)
    (foreign,) = await still.db.run(other, accounts)
    (person,) = await rows(still, scope, "SELECT id FROM contacts WHERE tenant_id = $1 AND external_id = 'U1'")
    assert [item.line for item in await listed(still, Filter(channel="slack"))] == ["two", "one"]
    assert await listed(still, Filter(channel="whatsapp")) == []
    assert len(await listed(still, Filter(account_id=account.id))) == 2
    assert [item.line for item in await listed(still, Filter(contact_id=person["id"]))] == ["one"]
    for unknown in (foreign.id, uuid7()):
        assert await listed(still, Filter(account_id=unknown)) == []
        assert await listed(still, Filter(contact_id=unknown)) == []


@pytest.mark.parametrize("show", ["all", "ai"])
async def test_pages_show_each_conversation_once_even_at_one_moment(still: House, show: Show) -> None:
    scope = still.scopes[0]
    (account,) = await still.db.run(scope, accounts)
    made = await make_conversations(still.db, scope, account.id, 25)
    (foreign,) = await still.db.run(still.scopes[1], accounts)
    await make_conversations(still.db, still.scopes[1], foreign.id, 25)
    async with still.db.tenant(scope) as session:
        # Pairs of one moment, so that a page ends between the two.
        await session.execute(
            "UPDATE conversations c SET last_message_at = now() - make_interval(mins => (n / 2)::int)"
            " FROM unnest($2::uuid[]) WITH ORDINALITY AS o (id, n) WHERE c.tenant_id = $1 AND c.id = o.id",
            scope.tenant_id,
            made,
        )
    seen, cursor = [], None
    while True:
        page, cursor = await still.db.run(scope, lambda s, at=cursor: list_conversations(s, Filter(show), at, 4))  # type: ignore[misc]
        seen += [item.id for item in page]
        if cursor is None:
            break
    assert len(seen) == 25
    assert set(seen) == set(made)
