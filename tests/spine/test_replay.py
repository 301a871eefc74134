"""A day's deliveries, each of them twice and in any order: one answer to each who asked, and to nobody else."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest

from konstruct.jobs import queue
from konstruct.kit.ids import uuid7
from tests.conftest import SIGNING_SECRET
from tests.support import slack_events
from tests.support.fake_slack_store import Kept
from tests.support.hand import rows
from tests.support.happened import handle
from tests.support.house import House
from tests.support.queueing import HOUR_S
from tests.support.slack_corpus import Day, a_day, body_of


def arranged(day: Day, order: str) -> list[dict[str, Any]]:
    """Return every delivery twice: as they came, the wrong way round, or mixed."""
    twice = [*day.deliveries, *day.deliveries]
    if order == "backwards":
        return twice[::-1]
    if order != "as_they_came":
        random.Random(order).shuffle(twice)
    return twice


async def replay(house: House, deliveries: list[dict[str, Any]]) -> Counter[int]:
    """Deliver; a second time as Slack's own retry. Return how often each status was answered."""
    seen: Counter[str] = Counter()
    statuses: Counter[int] = Counter()
    for delivery in deliveries:
        body = body_of(delivery)
        headers = slack_events.sign(body, SIGNING_SECRET)
        if seen[key := str(delivery.get("event_id"))]:
            headers |= {"X-Slack-Retry-Num": "1", "X-Slack-Retry-Reason": "http_timeout"}
        seen[key] += 1
        statuses[await house.post(body, headers)] += 1
    return statuses


async def settle(house: House) -> None:
    """Handle every event and answer everything, until nothing is left to do."""
    for _ in range(3):
        for scope in house.scopes:
            async with house.db.tenant(scope) as session:
                sql = "UPDATE tenant_jobs SET due_at = now() WHERE tenant_id = $1 AND kind = 'channel_event'"
                await session.execute(sql, scope.tenant_id)
        await handle(house)
    while claims := [
        *await queue.claim(house.db, "turn", uuid7(), 50, HOUR_S),
        *await queue.claim(house.db, "send", uuid7(), 50, HOUR_S),
    ]:
        for claim in claims:
            await (house.turns if claim.lane == "turn" else house.sends)(claim)
            # The pace of a channel is not this test's matter.
            async with house.db.tenant(claim.scope) as session:
                sql = "UPDATE ready_queue SET due_at = now() WHERE tenant_id = $1 AND state = 'ready'"
                await session.execute(sql, claim.scope.tenant_id)


@pytest.mark.parametrize("order", ["as_they_came", "backwards", "mixed", "mixed again"])
async def test_each_question_has_one_answer_however_it_is_delivered(still: House, order: str) -> None:
    team, organisation = still.teams
    add = still.slack.store.add
    files = [
        add(still.slack.url, "F1", Kept(team.team_id, b"words of the first file", "first.txt")),
        {"id": add(still.slack.url, "F2", Kept(team.team_id, b"a;b", "second.csv"))["id"], "file_access": "check_file_info"},
    ]
    day = a_day(team, organisation, files)
    assert await replay(still, arranged(day, order)) == {200: 2 * len(day.deliveries)}
    await settle(still)
    shown = "\n".join(still.texts(team) + still.texts(organisation))
    assert {word: shown.count(word) for word in day.answered} == dict.fromkeys(day.answered, 1)
    assert [word for word in day.silent if word in shown] == []
    greetings = [text for text in still.texts(team) if "Mention me" in text]
    assert len(greetings) == 1
    for scope in still.scopes:
        turns = await rows(
            still, scope, "SELECT m.id, count(DISTINCT m.turn_id) AS turns FROM messages m WHERE m.tenant_id = $1"
            " AND m.direction = 'in' AND m.state = 'answered' GROUP BY m.id"
        )  # fmt: skip
        assert turns and all(row["turns"] == 1 for row in turns)
        answers = await rows(still, scope, "SELECT turn_id FROM deliveries WHERE tenant_id = $1 AND turn_id IS NOT NULL")
        assert len(answers) == len({row["turn_id"] for row in answers})
        open_ = await rows(still, scope, "SELECT state FROM messages WHERE tenant_id = $1 AND state IN ('pending', 'in_turn')")
        assert open_ == []
