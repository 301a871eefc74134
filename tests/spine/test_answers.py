"""A signed message gets exactly one answer, in the right thread, with the right tenant's token."""

from __future__ import annotations

from tests.support.house import House
from tests.support.slack_events import mention_pair, message


async def test_direct_message_is_answered_once_in_its_thread(house: House) -> None:
    team, other = house.teams
    asked = message(team, "D1", "U1", "when do you open?")
    assert await house.deliver(asked) == [200]
    await house.idle()

    (post,) = house.slack.posts
    assert post["team"] == team.team_id
    assert post["channel"] == "D1"
    assert post["thread_ts"] == asked["event"]["ts"]
    assert "when do you open?" in house.texts(team)[0]
    assert house.texts(other) == []


async def test_each_tenant_answers_with_its_own_token(house: House) -> None:
    for team in house.teams:
        await house.deliver(message(team, "D1", "U1", f"hello from {team.team_id}"))
    await house.idle()

    for team in house.teams:
        (text,) = house.texts(team)
        assert team.team_id in text
    sent = {token for method, token in house.slack.requests if method == "chat.postMessage"}
    assert sent == {team.token for team in house.teams}


async def test_redelivery_and_both_events_of_a_mention_are_one_message(house: House) -> None:
    team, _ = house.teams
    plain, mention = mention_pair(team, "C1", "U1", "are you there?")
    assert await house.deliver(plain, mention, plain, mention, mention) == [200] * 5
    await house.idle()
    assert len(house.slack.posts) == 1

    # The other order, for another post.
    plain, mention = mention_pair(team, "C1", "U1", "and now?")
    assert await house.deliver(mention, plain, mention) == [200] * 3
    await house.idle()
    assert len(house.slack.posts) == 2
    assert house.slack.posts[1]["thread_ts"] == plain["event"]["ts"]


async def test_a_burst_is_answered_by_one_reply(house: House) -> None:
    team, _ = house.teams
    burst = [message(team, "D1", "U1", f"part {n}") for n in range(3)]
    await house.deliver(*burst)
    await house.idle()

    (text,) = house.texts(team)
    assert text.index("part 0") < text.index("part 1") < text.index("part 2")
    assert house.slack.posts[0]["thread_ts"] == burst[-1]["event"]["ts"]


async def test_channel_chatter_is_not_answered_but_replies_in_a_joined_thread_are(house: House) -> None:
    team, _ = house.teams
    await house.deliver(message(team, "C1", "U2", "lunch, anyone?"))
    await house.idle()
    assert house.slack.posts == []

    plain, mention = mention_pair(team, "C1", "U1", "what is open?")
    await house.deliver(plain, mention)
    await house.idle()
    await house.deliver(message(team, "C1", "U2", "and on Sunday?", thread_ts=plain["event"]["ts"]))
    await house.idle()
    assert [post["thread_ts"] for post in house.slack.posts] == [plain["event"]["ts"]] * 2
    assert "and on Sunday?" in house.texts(team)[1]


async def test_unknown_workspace_is_acknowledged_and_counted(house: House) -> None:
    team, _ = house.teams
    stranger = message(team, "D1", "U1", "hello?")
    stranger["team_id"] = stranger["authorizations"][0]["team_id"] = f"TX{team.team_id}"
    assert await house.deliver(stranger) == [200]
    async with house.db.fleet("test") as session:
        row = await session.fetchrow("SELECT * FROM unrouted_events WHERE account_key = $1", f"TX{team.team_id}")
    assert row is not None
    assert (row["reason"], row["deliveries"]) == ("unknown_account", 1)
    assert house.slack.posts == []
