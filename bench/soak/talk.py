"""People who talk to both businesses for as long as the soak lasts, and how long each of them waits."""

from __future__ import annotations

import asyncio
import random
import time
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from tests.faults.plant import MARK, Plant
from tests.support import slack_events
from tests.support.slack_events import Team

LEAST_PACE_S = 1.2
"""Between two messages of a person: more than the second that Slack wants between two answers in a channel."""
LOOK_S = 0.02
OFTEN = 3
"""One message in so many is delivered more than once."""

Said = tuple[str, str, int]
"""Team, channel and number of a message."""


@dataclass
class Talk:
    """One person in every channel of both tenants."""

    made: Plant
    random: random.Random
    said: dict[Said, float] = field(default_factory=dict)
    """When each message was written, in Unix seconds."""
    shown: dict[Said, float] = field(default_factory=dict)
    """When its answer was shown, likewise."""
    deliveries: list[dict[str, Any]] = field(default_factory=list)
    waiting: int = 0
    """Deliveries that are neither acknowledged nor refused."""
    copies: int = 0
    _numbers: dict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))
    _read: int = 0

    async def in_turn(self, turns: int) -> None:
        """Everybody says something, waits for the answer, and says the next thing, until so many have been answered."""
        wanted = len(self.shown) + turns
        talking = [asyncio.create_task(self._converse(team, channel, wanted)) for team, channel in self._places()]
        try:
            await asyncio.gather(*talking)
        finally:
            for task in talking:
                task.cancel()

    async def at_random(self, enough: asyncio.Event, longest_s: float) -> None:
        """Everybody says something every now and then, whatever becomes of it, until it is enough."""
        await asyncio.gather(*(self._chatter(team, channel, enough, longest_s) for team, channel in self._places()))

    async def say(self, team: Team, channel: str) -> Said:
        """Write one message and deliver it until it is acknowledged; some of them again, as Slack does."""
        self._numbers[team.team_id, channel] += 1
        number = self._numbers[team.team_id, channel]
        delivery = slack_events.message(team, channel, "U1", f"#{number}#")
        name = team.team_id, channel, number
        self.said[name] = time.time()
        self.waiting += 1
        try:
            await self.made.deliver(delivery)
        finally:
            self.waiting -= 1
        self.made.acked[team.team_id, channel].append(number)
        self.deliveries.append(delivery)
        if self.random.randrange(OFTEN) == 0:
            await self.repeat(delivery)
        return name

    async def repeat(self, delivery: dict[str, Any]) -> None:
        """Deliver once more what was acknowledged already."""
        self.copies += 1
        await self.made.post(delivery)

    def look(self) -> None:
        """Take note of the answers that are new."""
        for post in self.made.slack.posts[self._read :]:
            self._read += 1
            for number in MARK.findall("".join(block["text"] for block in post["blocks"])):
                self.shown.setdefault((post["team"], post["channel"], int(number)), float(post["ts"]))

    def latencies(self) -> list[float]:
        """Return the seconds that each message waited, in the order in which they were written."""
        self.look()
        answered = sorted((moment, name) for name, moment in self.said.items() if name in self.shown)
        return [self.shown[name] - moment for moment, name in answered]

    async def _converse(self, team: Team, channel: str, wanted: int) -> None:
        while len(self.shown) < wanted:
            began = time.monotonic()
            name = await self.say(team, channel)
            while name not in self.shown:
                await asyncio.sleep(LOOK_S)
                self.look()
            await asyncio.sleep(max(0.0, LEAST_PACE_S - (time.monotonic() - began)))

    async def _chatter(self, team: Team, channel: str, enough: asyncio.Event, longest_s: float) -> None:
        while not enough.is_set():
            await self.say(team, channel)
            await asyncio.sleep(self.random.uniform(0.2, longest_s))

    def _places(self) -> list[tuple[Team, str]]:
        return [(team, channel) for team in self.made.teams for channel in self.made.channels]
