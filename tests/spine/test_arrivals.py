"""What happens around the employee: one greeting a channel, what people look at, and people of other companies."""

from __future__ import annotations

from typing import Any

from konstruct.channels import accounts
from tests.support.hand import claim, rows, send, take_turn
from tests.support.happened import handle
from tests.support.house import House
from tests.support.puppet import Puppet
from tests.support.slack_events import Team, changed, deleted, envelope, mention_pair, message, new_ts


def joined(team: Team, member: str, channel: str = "C1") -> dict[str, Any]:
    event = {"type": "member_joined_channel", "user": member, "channel": channel, "channel_type": "C", "team": team.team_id}
    return envelope(team, event | {"inviter": "U1", "event_ts": new_ts()})


def looked(team: Team, user: str, *channels: str) -> dict[str, Any]:
    entities = [{"type": "slack#/types/channel_id", "value": channel, "team_id": team.team_id} for channel in channels]
    event = {"type": "app_context_changed", "user": user, "channel": "D1", "context": {"entities": entities}}
    return envelope(team, event | {"event_ts": new_ts()})


def from_elsewhere(delivery: dict[str, Any]) -> dict[str, Any]:
    """Return the delivery as of a person of another company, in a channel that is shared with it."""
    event = {**delivery["event"], "user_team": "T0ELSEWHERE", "source_team": "T0ELSEWHERE"}
    return {**delivery, "event": event, "is_ext_shared_channel": True, "team_id": "T0ELSEWHERE"}


async def test_a_channel_is_greeted_once(still: House) -> None:
    team, other = still.teams
    once = joined(team, team.bot_user_id)
    assert await still.deliver(once, once, joined(team, team.bot_user_id), joined(team, "U5")) == [200] * 4
    await handle(still)
    await send(still)
    bare = joined(other, "U5")
    del bare["authorizations"]
    assert await still.deliver(bare, {**joined(other, other.bot_user_id), "api_app_id": None}) == [200] * 2
    await handle(still)
    await handle(still)
    await send(still)
    for number, names in enumerate((("Ada", "Alpha Bikes"), ("Ben", "Beta Bakery"))):
        (text,) = still.texts(still.teams[number])
        assert all(name in text for name in names) and "Mention me" in text
    assert [(post["channel"], post.get("thread_ts")) for post in still.slack.posts] == [("C1", None)] * 2
    # Left and invited again, long after its event's key is gone.
    assert await still.deliver(joined(team, team.bot_user_id), joined(team, team.bot_user_id, "C2")) == [200] * 2
    await handle(still)
    await send(still)
    assert [post["channel"] for post in still.slack.posts] == ["C1", "C1", "C2"]


async def test_what_somebody_looks_at_is_told_with_the_message(still: House, model: Puppet) -> None:
    team, scope = still.teams[0], still.scopes[0]
    direct = {"entities": [{"type": "slack#/types/channel_id", "value": "C7", "name": "secret-plans"}, {"type": 5}, "x"]}
    assert await still.deliver(message(team, "D1", "U1", "what is this", app_context=direct)) == [200]
    await take_turn(still)
    asked = model.requests[-1].messages[-1].content
    assert "[looking at: channel C7]" in asked and "secret-plans" not in asked
    await send(still)
    assert await still.deliver(looked(team, "U1", "C8", "C9"), looked(team, "U2", "C8")) == [200] * 2
    await handle(still)
    assert len(await rows(still, scope, "SELECT 1 FROM contacts WHERE tenant_id = $1")) == 1, "nothing is kept of others"
    await still.deliver(message(team, "D1", "U1", "and this"))
    await take_turn(still)
    assert "[looking at: channel C8, channel C9]" in model.requests[-1].messages[-1].content
    await send(still)
    await still.deliver(looked(team, "U1"))
    await handle(still)
    await still.deliver(message(team, "D1", "U1", "and now"))
    await take_turn(still)
    assert "looking at" not in model.requests[-1].messages[-1].content.partition("and now")[2]


async def test_strangers_are_neither_answered_nor_kept(still: House) -> None:
    team, scope = still.teams[0], still.scopes[0]
    for delivery in (*mention_pair(team, "C1", "U0STRANGER", "hello"), message(team, "D1", "U0STRANGER", "hello")):
        asked = from_elsewhere(delivery)
        assert await still.deliver(asked, changed(team, asked, "hello again"), deleted(team, asked)) == [200] * 3
    await handle(still)
    for table in ("messages", "contacts", "conversations", "ready_queue", "message_terms"):
        assert await rows(still, scope, f"SELECT 1 FROM {table} WHERE tenant_id = $1") == [], table
    bodies = await rows(still, scope, "SELECT 1 FROM inbound_events WHERE tenant_id = $1")
    assert bodies == [] and still.slack.posts == []
    colleague = mention_pair(team, "C1", "U1", "hello")
    assert await still.deliver(*({**each, "is_ext_shared_channel": True} for each in colleague)) == [200] * 2
    await take_turn(still)
    await send(still)
    assert len(still.texts(team)) == 1


async def test_an_account_may_answer_strangers(still: House) -> None:
    (account,) = await rows(still, still.scopes[1], "SELECT id FROM channel_accounts WHERE tenant_id = $1")
    await accounts.answer_strangers(still.db, still.scopes[1], account["id"], True)
    for team in still.teams:
        asked = [from_elsewhere(each) for each in mention_pair(team, "C1", "U0STRANGER", "hello")]
        assert await still.deliver(*asked, *asked) == [200] * 4
    taken = await claim(still, "turn")
    assert taken.scope == still.scopes[1]
    await still.turns(taken)
    await send(still)
    assert [post["team"] for post in still.slack.posts] == [still.teams[1].team_id]
