"""Two engines on one database, and a provider that repeats itself and mixes things up."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator

import pytest

from konstruct.jobs.engine import Engine
from tests.support.hand import rows
from tests.support.house import House
from tests.support.puppet import Puppet
from tests.support.slack_events import Team, mention_pair, message

ROUNDS = 3
SCRIPT = ("D1", "D2", "C1")


@pytest.fixture
async def pair(house: House) -> AsyncIterator[House]:
    """The house with a second worker."""
    second = Engine(house.db, {"turn": house.turns, "send": house.sends}, lease_s=house.settings.lease_s, capacity=100)
    running = asyncio.create_task(second.run())
    yield house
    second.drain()
    await running


def _written(team: Team, number: int, threads: dict[str, str]) -> list[dict[str, object]]:
    """One message in each conversation of a team, as all the deliveries that Slack makes of it."""
    made: list[dict[str, object]] = []
    for channel in SCRIPT:
        text = f"{team.team_id} {channel} round {number};"
        if channel.startswith("D"):
            made.append(message(team, channel, "U1", text))
        elif channel not in threads:
            first, mention = mention_pair(team, channel, "U1", text)
            threads[channel] = str(first["event"]["ts"])
            made += [first, mention]
        else:
            made.append(message(team, channel, "U2", text, thread_ts=threads[channel]))
    return made


async def test_exactly_one_reply_a_burst_in_order_over_two_workers(pair: House, model: Puppet) -> None:
    shuffle = random.Random(7)
    threads: dict[Team, dict[str, str]] = {team: {} for team in pair.teams}
    for number in range(ROUNDS):
        wave = [delivery for team in pair.teams for delivery in _written(team, number, threads[team])] * 3
        shuffle.shuffle(wave)
        assert await asyncio.gather(*(pair.deliver(delivery) for delivery in wave)) == [[200]] * len(wave)
        # A later round must find the earlier one answered: then there is one burst a round and conversation.
        await pair.idle()

    for scope, team in zip(pair.scopes, pair.teams, strict=True):
        posts = [post for post in pair.slack.posts if post["team"] == team.team_id]
        assert len(posts) == ROUNDS * len(SCRIPT)
        for channel in SCRIPT:
            texts = [post["blocks"][0]["text"] for post in posts if post["channel"] == channel]
            assert len(texts) == ROUNDS
            for number, text in enumerate(texts):
                assert f"{team.team_id} {channel} round {number};" in text
                assert "round" not in text.replace(f"{team.team_id} {channel} round {number};", "")
        assert len({post["metadata"]["event_payload"]["delivery_id"] for post in posts}) == len(posts)
        counts = await rows(
            pair,
            scope,
            "SELECT (SELECT count(*) FROM turns WHERE tenant_id = $1) AS turns,"
            " (SELECT count(*) FROM messages WHERE tenant_id = $1 AND direction = 'in' AND state = 'answered') AS answered",
        )
        assert (counts[0]["turns"], counts[0]["answered"]) == (len(posts), len(posts))


async def test_a_flood_in_one_conversation_is_answered_in_order_each_message_once(pair: House, model: Puppet) -> None:
    shuffle = random.Random(11)
    team, other = pair.teams
    written = [message(team, "D1", "U1", f"<{n:02}>") for n in range(12)]
    await pair.deliver(message(other, "D1", "U1", "<99>"))
    for start in range(0, 12, 4):
        wave = written[start : start + 4] * 2
        shuffle.shuffle(wave)
        await asyncio.gather(*(pair.deliver(delivery) for delivery in wave))
    await pair.idle()
    told = [int(word.strip("<>")) for text in pair.texts(team) for word in text.split() if word.startswith("<")]
    assert sorted(told) == list(range(12))
    assert [word for text in pair.texts(other) for word in text.split() if word.startswith("<")] == ["<99>"]
    turns = await rows(
        pair,
        pair.scopes[0],
        "SELECT t.id, array_agg(m.seq ORDER BY m.seq) AS seqs FROM turns t JOIN messages m ON m.tenant_id = t.tenant_id"
        " AND m.turn_id = t.id AND m.direction = 'in' WHERE t.tenant_id = $1 GROUP BY t.id ORDER BY min(t.started_at)",
    )
    assert [seq for turn in turns for seq in turn["seqs"]] == sorted(seq for turn in turns for seq in turn["seqs"])
    assert len(turns) == len(pair.texts(team))
