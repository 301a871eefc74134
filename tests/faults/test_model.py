"""A model that hangs, fails or dies in the middle of its answer: one answer or one apology each, and the talk goes on."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from aiohttp import web

from konstruct.agents import fallbacks
from konstruct.kit.settings import Settings
from tests.faults.plant import MARK, Plant, plant
from tests.faults.shown import verdict
from tests.support.fake_openai import Behaviour, FakeOpenAi, chunk, error, events, hang, raw, stream

BEGUN = [chunk({"role": "assistant", "content": ""}), chunk({"content": "#0# The be"})]
AFTER_A_TOKEN: dict[int, Behaviour] = {
    11: hang(*events(BEGUN, done=False)),
    12: stream(BEGUN, done=False, die=True),
    13: stream(BEGUN, done=False),
    14: hang(),
}
"""Nobody may ask again for an answer of which a piece has come; and of the last one nothing ever comes."""
TOO_SLOW, DOWN = {11, 14}, {12, 13}
ONCE: dict[int, Behaviour] = {
    21: error(500),
    22: stream([], done=False, die=True),
    23: raw(b"", status=429, headers={"Retry-After": "1"}),
}
"""Before the first piece: asked again, and answered."""


async def test_a_model_that_hangs_fails_or_dies_costs_one_apology_at_most(settings: Settings, tmp_path: Path) -> None:
    # Without its deadline a turn would wait ten minutes for the next piece.
    async with plant(settings, tmp_path, TURN_DEADLINE_S="6", LLM_TIMEOUT_S="600") as made:
        trouble = _Trouble(made)
        await asyncio.gather(made.start("web"), made.start("worker"))
        await made.round(1)
        await made.idle()
        places = [(team, channel) for team in made.teams for channel in made.channels]
        for number, (team, channel) in zip(AFTER_A_TOKEN, places, strict=True):
            await made.say(team, channel, number)
        await made.idle()
        # One after the other: a model that fails several at once is left alone for a while, and then asked too late.
        for number in ONCE:
            await made.say(made.teams[0], "D1", number)
            await made.idle()
        await made.round(30)
        await made.idle()
        assert trouble.met == dict.fromkeys((*AFTER_A_TOKEN, *ONCE), 1)
        await verdict(made, apologies=set(AFTER_A_TOKEN))
        reasons = await _reasons(made)
        assert {reasons[number] for number in TOO_SLOW} == {fallbacks.TOO_SLOW}
        assert {reasons[number] for number in DOWN} == {fallbacks.MODEL_DOWN}
        assert await _llm_calls(made) == len(made.model.requests)


class _Trouble:
    """Lets the model fail at the messages with these numbers: always after a token, else once. `met` counts it."""

    def __init__(self, made: Plant) -> None:
        self.met: dict[int, int] = {}
        self._well = made.model.default
        made.model.default = self

    async def __call__(self, fake: FakeOpenAi, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        (number,) = map(int, MARK.findall(body["messages"][-1]["content"]))
        behave = AFTER_A_TOKEN.get(number) or (ONCE.get(number) if number not in self.met else None)
        if behave is None:
            return await self._well(fake, request, body)
        self.met[number] = self.met.get(number, 0) + 1
        return await behave(fake, request, body)


async def _reasons(made: Plant) -> dict[int, str | None]:
    found: dict[int, str | None] = {}
    for scope in made.scopes:
        async with made.db.tenant(scope) as session:
            for row in await session.fetch(
                "SELECT m.text, t.reason FROM messages m JOIN turns t ON t.tenant_id = m.tenant_id AND t.id = m.turn_id"
                " WHERE m.tenant_id = $1 AND m.direction = 'in'",
                scope.tenant_id,
            ):
                found[int(MARK.findall(row["text"])[0])] = row["reason"]
    return found


async def _llm_calls(made: Plant) -> int:
    """How many calls were written down, those that failed among them."""
    found = 0
    for scope in made.scopes:
        async with made.db.tenant(scope) as session:
            found += await session.fetchval("SELECT count(*) FROM llm_calls WHERE tenant_id = $1", scope.tenant_id)
    return found
