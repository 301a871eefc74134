"""kill -9 while answers grow, each at another point of its way: one visible answer each, whole, judged by what Slack shows."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from aiohttp import web

from konstruct.kit.settings import Settings
from tests.faults.plant import MARK, Plant, plant
from tests.faults.shown import verdict
from tests.support.fake_openai import FakeOpenAi, chunk, events, pieces, reply
from tests.support.fake_slack import Trouble, hangs
from tests.support.house import until

SHOWN, NOT_SHOWN = True, False
START, APPEND = "chat.startStream", "chat.appendStream"
BEFORE_IT_BEGAN, BEFORE_IT_WAS_KNOWN, BETWEEN, WHILE_ADDING = 11, 12, 13, 14
POINTS: dict[tuple[int, str], Trouble] = {
    (BEFORE_IT_BEGAN, START): (NOT_SHOWN, hangs),
    (BEFORE_IT_WAS_KNOWN, START): (SHOWN, hangs),
    (WHILE_ADDING, APPEND): (SHOWN, hangs),
}
MORE = "which takes a while to say, word after word, until nobody knows any more how it had begun. " * 4


async def test_a_kill_at_any_point_leaves_one_whole_answer(settings: Settings, tmp_path: Path) -> None:
    async with plant(settings, tmp_path, ECHO_WAIT_S="2", LOOK_UP_WAIT_S="30", SEND_WINDOW_S="2") as made:
        made.model.default = _speaks(made)
        reached: set[int] = set()
        made.slack.trouble = _trouble(made, reached)
        _, worker = await asyncio.gather(made.start("web"), made.start("worker"))
        made.thinking.clear()
        places = [(team, channel) for team in made.teams for channel in made.channels]
        numbers = (BEFORE_IT_BEGAN, BEFORE_IT_WAS_KNOWN, BETWEEN, WHILE_ADDING)
        await asyncio.gather(*(made.say(team, channel, number) for number, (team, channel) in zip(numbers, places, strict=True)))
        await until(lambda: reached == {BEFORE_IT_BEGAN, BEFORE_IT_WAS_KNOWN, WHILE_ADDING} and _grows(made, BETWEEN), 60)
        await worker.kill()
        made.slack.trouble = None
        made.thinking.set()
        await made.start("worker")
        await made.idle()
        await verdict(made)
        assert len(made.slack.posts) == 4
        assert not any(post.get("streaming") or post.get("broken") for post in made.slack.posts)
        # What people saw before the kill is the message that says it all now.
        assert {_number(post) for post in made.slack.posts if "started" in post} >= {BEFORE_IT_WAS_KNOWN, BETWEEN, WHILE_ADDING}


def _speaks(made: Plant) -> Any:
    """A model that says the number it is asked and a lot more, and thinks on before its end while it is told to."""

    async def behave(fake: FakeOpenAi, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        number = MARK.findall(body["messages"][-1]["content"])[-1]
        words = [{"role": "assistant", "content": f"#{number}# {MORE}"}, {"content": MORE}]
        if made.thinking.is_set():
            return await reply(f"#{number}# {MORE}{MORE}end.")(fake, request, body)
        said: list[bytes] = []

        async def pause() -> None:
            said.append(b"")
            if len(said) == 2:
                # What comes now is added to a message that people see.
                await until(lambda: _grows(made, int(number)) or int(number) in (BEFORE_IT_BEGAN, BEFORE_IT_WAS_KNOWN), 60)
            if len(said) == 3:
                await made.thinking.wait()

        parts = [*events([chunk(word) for word in words], done=False), *events([chunk({"content": "end."}), chunk({}, "stop")])]
        return await pieces(parts, pause=pause)(fake, request, body)

    return behave


def _trouble(made: Plant, reached: set[int]) -> Any:
    def trouble(method: str, asked: dict[str, Any]) -> Trouble | None:
        if method not in (START, APPEND):
            return None
        found = MARK.findall(asked["markdown_text"]) or [
            _number(post) for post in made.slack.posts if (post["channel"], post["ts"]) == (asked["channel"], asked.get("ts"))
        ]
        fault = POINTS.get((int(found[0]), method))
        if fault is not None:
            reached.add(int(found[0]))
        return fault

    return trouble


def _grows(made: Plant, number: int) -> bool:
    return any(post.get("streaming") and _number(post) == number for post in made.slack.posts)


def _number(post: dict[str, Any]) -> int:
    return int(MARK.findall(post["blocks"][0]["text"])[0])
