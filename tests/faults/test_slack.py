"""A Slack that refuses, fails, or accepts and never answers: one visible answer each, and none twice without a look-up."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

from konstruct.kit.settings import Settings
from tests.faults.plant import MARK, Plant, plant
from tests.faults.shown import verdict
from tests.support.fake_slack import Trouble, answers, hangs, resets

POST, LOOK_UP = "chat.postMessage", "conversations.replies"
BUSY = answers(429, '{"ok":false,"error":"ratelimited"}', Retry_After="1")
BROKEN = answers(500, '{"ok":false,"error":"internal_error"}')
PAGE = answers(503, "<html>busy</html>", "text/html")
SHOWN, NOT_SHOWN = True, False

POSTS: dict[int, list[Trouble]] = {
    11: [(NOT_SHOWN, BUSY), (NOT_SHOWN, BUSY)],
    12: [(SHOWN, BROKEN)],
    13: [(SHOWN, hangs)],
    14: [(NOT_SHOWN, resets)],
    21: [(SHOWN, hangs)],
    22: [(NOT_SHOWN, BROKEN)],
    23: [(SHOWN, PAGE)],
    24: [(SHOWN, resets)],
}
"""What goes wrong with the answers to these messages, one attempt after the other; from 21 on Slack shows no echo."""
LOOK_UPS: dict[int, list[Trouble]] = {24: [(NOT_SHOWN, BUSY)]}
TIMES = {11: 3, 12: 1, 13: 1, 14: 2, 21: 1, 22: 2, 23: 1, 24: 1}
"""How often each is posted in all: again only where it is certain, or looked up, that it was not shown."""


async def test_whatever_slack_answers_each_message_has_one_visible_answer(settings: Settings, tmp_path: Path) -> None:
    async with plant(settings, tmp_path, SEND_WINDOW_S="2", ECHO_WAIT_S="2", LOOK_UP_WAIT_S="30") as made:
        trouble = _Trouble()
        made.slack.trouble = trouble
        await asyncio.gather(made.start("web"), made.start("worker"))
        await made.round(1)
        await made.idle()
        await _one_each(made, 11)
        await made.idle()
        made.echoing.clear()
        await _one_each(made, 21)
        await made.idle()
        made.echoing.set()
        await made.round(50)
        await made.idle()
        await verdict(made)
        assert trouble.left == {}
        posted = Counter(_number(asked) for method, asked in made.slack.calls if method == POST)
        assert {number: posted[number] for number in TIMES} == TIMES
        assert _resent_blindly(made) == []


class _Trouble:
    """Goes through the lists above. `left` holds what was not needed, by method and message."""

    def __init__(self) -> None:
        self.left = {(POST, number): list(each) for number, each in POSTS.items()}
        self.left |= {(LOOK_UP, number): list(each) for number, each in LOOK_UPS.items()}
        self._threads: dict[str, int] = {}

    def __call__(self, method: str, asked: dict[str, Any]) -> Trouble | None:
        if method == POST:
            number = self._threads[asked["thread_ts"]] = _number(asked)
        elif method == LOOK_UP:
            number = self._threads[asked["ts"]]
        else:
            return None
        waiting = self.left.get((method, number), [])
        trouble = waiting.pop(0) if waiting else None
        if not waiting:
            self.left.pop((method, number), None)
        return trouble


async def _one_each(made: Plant, first: int) -> None:
    """Give every conversation one of the cases, and something to say after it."""
    places = [(team, channel) for team in made.teams for channel in made.channels]
    for number, (team, channel) in enumerate(places, first):
        await made.say(team, channel, number)
    await asyncio.gather(*(made.say(team, channel, first + 20) for team, channel in places))


def _number(asked: dict[str, Any]) -> int:
    """The first message that a post answers."""
    return int(MARK.findall(asked["blocks"][0]["text"])[0])


def _resent_blindly(made: Plant) -> list[int]:
    """The messages whose answers were posted again although nobody had looked, nor Slack refused."""
    found, looked_up, posted = [], set[str](), set[str]()
    for method, asked in made.slack.calls:
        if method == LOOK_UP:
            looked_up.add(asked["ts"])
        elif method == POST:
            number = _number(asked)
            refused = POSTS.get(number, [(SHOWN, hangs)])[0][1] is BUSY
            if asked["thread_ts"] in posted and asked["thread_ts"] not in looked_up and not refused:
                found.append(number)
            posted.add(asked["thread_ts"])
    return found
