"""The storm: one fault after the other, each in the middle of turns, in an order that the seed decides."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress

import redis.asyncio

from bench.soak.talk import Talk
from bench.soak.trouble import ModelTrouble, SlackTrouble
from tests.faults.crew import LEASE_S, Crew
from tests.faults.plant import Unit, kill_server
from tests.support.house import until

PATIENCE_S = 60.0
LONGEST_PAUSE_S = 4.0
TROUBLE_S = 4.0
COPIES = 30


class Storm:
    """`hits` counts for each fault what it struck: turns or deliveries that were under way, calls that failed, copies."""

    def __init__(self, crew: Crew, talk: Talk, chance: random.Random, tell: Callable[[str], None]) -> None:
        self.hits: Counter[str] = Counter()
        self.times: Counter[str] = Counter()
        self._crew = crew
        self._talk = talk
        self._chance = chance
        self._tell = tell
        self._model = ModelTrouble(crew.made, chance)
        self._slack = SlackTrouble(crew.made, chance)
        self._began = time.monotonic()
        self.kinds: dict[str, Callable[[], Awaitable[int]]] = {
            "worker killed": self._worker_killed,
            "worker frozen": self._worker_frozen,
            "web killed": self._web_killed,
            "postgres killed": self._postgres_killed,
            "valkey killed": self._valkey_killed,
            "valkey flushed": self._valkey_flushed,
            "model fails": self._model_fails,
            "slack fails": self._slack_fails,
            "delivered again": self._delivered_again,
        }

    async def rage(self, seconds: float) -> None:
        """Go through all faults in an order of chance, again and again, while people talk; every one comes at least once."""
        end = time.monotonic() + seconds
        while time.monotonic() < end or not self.times:
            for name in self._chance.sample(sorted(self.kinds), len(self.kinds)):
                if time.monotonic() >= end and len(self.times) == len(self.kinds):
                    return
                struck = await self.kinds[name]()
                self.times[name] += 1
                self.hits[name] += struck
                self._tell(f"{time.monotonic() - self._began:6.1f} s  {name}: {struck} under way")
                await asyncio.sleep(self._chance.uniform(0.5, LONGEST_PAUSE_S))

    async def _in_a_turn(self) -> tuple[Unit, int]:
        """Freeze a worker that has turns under way; return it, and how many."""
        caught: list[tuple[Unit, int]] = []

        async def found() -> bool:
            unit = self._chance.choice(self._crew.workers())
            unit.freeze()
            if turns := await self._crew.made.turns(unit):
                caught.append((unit, turns))
            else:
                unit.thaw()
            return bool(caught)

        await until(found, PATIENCE_S)
        return caught[0]

    async def _worker_killed(self) -> int:
        worker, turns = await self._in_a_turn()
        await worker.kill()
        await self._crew.complete()
        return turns

    async def _worker_frozen(self) -> int:
        worker, turns = await self._in_a_turn()
        await asyncio.sleep(LEASE_S + self._chance.uniform(0.5, 3.0))
        worker.thaw()
        return turns

    async def _web_killed(self) -> int:
        await until(lambda: self._talk.waiting, PATIENCE_S)
        struck = self._talk.waiting
        await self._crew.web.kill()
        await self._crew.complete()
        return struck

    async def _postgres_killed(self) -> int:
        struck = await self._under_way()
        await kill_server(self._crew.server)
        await asyncio.sleep(self._chance.uniform(0.0, 2.0))
        await self._crew.server.start()
        return struck

    async def _valkey_killed(self) -> int:
        struck = await self._under_way()
        await kill_server(self._crew.valkey)
        await asyncio.sleep(self._chance.uniform(0.5, 4.0))
        await self._crew.valkey.start()
        return struck

    async def _valkey_flushed(self) -> int:
        struck = await self._under_way()
        client = redis.asyncio.Redis.from_url(self._crew.valkey.url(0))
        try:
            await client.flushall()
        finally:
            await client.aclose()
        return struck

    async def _model_fails(self) -> int:
        before, self._model.on = self._model.hits, True
        await asyncio.sleep(TROUBLE_S)
        self._model.on = False
        return self._model.hits - before

    async def _slack_fails(self) -> int:
        before, self._slack.on = self._slack.hits, True
        await asyncio.sleep(TROUBLE_S)
        self._slack.on = False
        return self._slack.hits - before

    async def _delivered_again(self) -> int:
        """What was said long ago and a moment ago, all at once."""
        known = self._talk.deliveries
        again = self._chance.sample(known, min(COPIES, len(known))) + known[-COPIES:]
        await asyncio.gather(*(self._talk.repeat(delivery) for delivery in again))
        return len(again)

    async def _under_way(self) -> int:
        """Wait until a turn is under way anywhere; return how many are."""
        struck: list[int] = []

        async def any_turn() -> bool:
            with suppress(IndexError):
                struck.append(sum([await self._crew.made.turns(unit) for unit in self._crew.workers()]))
            return bool(struck and struck[-1])

        await until(any_turn, PATIENCE_S)
        return struck[-1]
