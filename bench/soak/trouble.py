"""A model and a Slack that fail now and then, for as long as they are told to."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from aiohttp import web

from tests.faults.plant import Plant
from tests.support.fake_openai import Behaviour, FakeOpenAi, chunk, error, events, hang, raw, stream
from tests.support.fake_slack import Trouble, answers, hangs, resets

BEGUN = [chunk({"role": "assistant", "content": ""}), chunk({"content": "The be"})]
MODEL: Sequence[Behaviour] = (
    error(500),
    raw(b"", status=429, headers={"Retry-After": "1"}),
    stream([], done=False, die=True),
    stream(BEGUN, done=False, die=True),
    hang(*events(BEGUN, done=False)),
    hang(),
)
BUSY = answers(429, '{"ok":false,"error":"ratelimited"}', Retry_After="1")
BROKEN = answers(500, '{"ok":false,"error":"internal_error"}')
SLACK: Sequence[Trouble] = ((False, BUSY), (True, BROKEN), (False, BROKEN), (True, hangs), (True, resets), (False, resets))
"""Shown or not, and what was answered."""


class ModelTrouble:
    """Half of the calls fail while it is `on`."""

    def __init__(self, made: Plant, chance: random.Random) -> None:
        self.on = False
        self.hits = 0
        self._chance = chance
        self._well = made.model.default
        made.model.default = self

    async def __call__(self, fake: FakeOpenAi, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        if not self.on or self._chance.random() < 0.5:
            return await self._well(fake, request, body)
        self.hits += 1
        return await self._chance.choice(MODEL)(fake, request, body)


class SlackTrouble:
    """Half of the posts fail while it is `on`; each answer once at most: one that twice nobody knows about is given up."""

    def __init__(self, made: Plant, chance: random.Random) -> None:
        self.on = False
        self.hits = 0
        self._chance = chance
        self._met: set[str] = set()
        made.slack.trouble = self

    def __call__(self, method: str, asked: dict[str, Any]) -> Trouble | None:
        if not self.on or method != "chat.postMessage" or self._chance.random() < 0.5:
            return None
        delivery = asked["metadata"]["event_payload"]["delivery_id"]
        if delivery in self._met:
            return None
        self._met.add(delivery)
        self.hits += 1
        return self._chance.choice(SLACK)
