"""Where a channel refuses the words of an answer and would take others, the person is told so, once."""

from __future__ import annotations

from typing import Any

import pytest

from konstruct.channels.delivery_post import NOT_SHOWN
from konstruct.channels.slack.outcomes import CONTENT_REFUSED
from tests.support import fake_slack
from tests.support.fake_slack import Workspace, answers
from tests.support.hand import deliveries, rows, send, take_turn
from tests.support.house import House
from tests.support.puppet import Puppet
from tests.support.slack_events import message

POST = "chat.postMessage"
LETTERS = "SELECT kind, reason, attempts FROM dead_letters WHERE tenant_id = $1"


def _tried(still: House) -> int:
    return sum(method == POST for method, _ in still.slack.requests)


def _refuse(still: House, code: str, times: int) -> None:
    still.slack.fault, still.slack.accept = answers(200, f'{{"ok":false,"error":"{code}"}}'), False
    still.slack.fault_in, still.slack.fault_times = POST, times


@pytest.mark.parametrize("code", sorted(CONTENT_REFUSED))
async def test_a_refused_answer_is_a_dead_letter_and_its_thread_is_told(still: House, code: str) -> None:
    team, scope = still.teams[0], still.scopes[0]
    asked = message(team, "C1", "U1", f"<@{team.bot_user_id}> hello", kind="app_mention")
    await still.deliver(asked)
    await take_turn(still)
    _refuse(still, code, 1)
    await send(still)
    answer, instead = await deliveries(still, scope)
    assert (answer["state"], answer["reason"], instead["state"], instead["kind"]) == ("failed", code, "sent", "fallback")
    assert (instead["turn_id"], instead["owner_epoch"]) == (None, answer["owner_epoch"])
    (post,) = still.slack.posts
    assert still.texts(team) == [NOT_SHOWN]
    assert (post["channel"], post["thread_ts"]) == ("C1", asked["event"]["ts"])
    (letter,) = await rows(still, scope, LETTERS)
    assert (letter["kind"], letter["reason"], letter["attempts"]) == ("delivery", code, 1)
    assert still.counters.snapshot().count("deliveries_total", state="failed") == 1

    # The conversation goes on.
    await still.deliver(message(team, "C1", "U1", "and now?", thread_ts=asked["event"]["ts"]))
    await take_turn(still)
    await send(still)
    assert len(still.texts(team)) == 2


async def test_a_refused_part_takes_the_rest_of_its_answer_with_it(
    still: House, model: Puppet, monkeypatch: pytest.MonkeyPatch
) -> None:
    team, scope = still.teams[0], still.scopes[0]
    model.says = lambda _: "\n\n".join(f"Paragraph {n}. " + "All work. " * 60 for n in range(40))
    await still.deliver(message(team, "D1", "U1", "tell me all"))
    await take_turn(still)
    shown = still.slack._post

    def strict(team: Workspace, body: dict[str, Any]) -> dict[str, Any]:
        if "Paragraph 20." in body["blocks"][0]["text"]:
            return {"ok": False, "error": "invalid_blocks"}
        return shown(team, body)

    monkeypatch.setattr(still.slack, "_post", strict)
    await send(still)
    assert [row["state"] for row in await deliveries(still, scope)] == ["sent", "failed", "failed", "sent"]
    first, last = still.texts(team)
    assert "Paragraph 0." in first
    assert last == NOT_SHOWN
    assert _tried(still) == 3
    letters = await rows(still, scope, f"{LETTERS} ORDER BY created_at, id")
    assert [(letter["reason"], letter["attempts"]) for letter in letters] == [("invalid_blocks", 1), ("invalid_blocks", 0)]
    assert still.counters.snapshot().count("deliveries_total", state="failed") == 2


async def test_a_limit_of_slack_that_shrinks_leaves_nobody_in_silence(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fake_slack, "MARKDOWN_MAX", 200)
    team = house.teams[0]
    await house.deliver(message(team, "D1", "U1", "long " * 100))
    await house.idle()
    assert house.texts(team) == [NOT_SHOWN]


async def test_a_refused_fallback_is_not_replaced(still: House) -> None:
    team, scope = still.teams[0], still.scopes[0]
    await still.deliver(message(team, "D1", "U1", "hello"))
    await take_turn(still)
    _refuse(still, "no_text", -1)
    await send(still)
    assert [(row["kind"], row["state"]) for row in await deliveries(still, scope)] == [
        ("reply", "failed"),
        ("fallback", "failed"),
    ]
    assert (_tried(still), len(await rows(still, scope, LETTERS))) == (2, 2)
    assert not await rows(still, scope, "SELECT 1 FROM ready_queue WHERE tenant_id = $1 AND lane = 'send' AND state <> 'idle'")


@pytest.mark.parametrize("code", ["channel_not_found", "is_archived", "not_in_channel", "restricted_action"])
async def test_where_no_words_would_be_taken_none_are_tried(still: House, code: str) -> None:
    await still.deliver(message(still.teams[0], "D1", "U1", "hello"))
    await take_turn(still)
    _refuse(still, code, 1)
    await send(still)
    assert [row["state"] for row in await deliveries(still, still.scopes[0])] == ["failed"]
    assert _tried(still) == 1
