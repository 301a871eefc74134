"""What people write in a fault run: direct messages and threads of both tenants, delivered three times and shuffled."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.faults.plant import Plant
from tests.support import slack_events
from tests.support.slack_events import Team

COPIES = 3
PLACES = ("D1", "D2", "C1/a", "C1/b")
"""Two people's direct messages, and two threads of one channel."""

Said = tuple[str, str, str]
"""Team, channel and time of a message: its name at Slack."""


@dataclass
class Traffic:
    """Speaks in every place of both tenants; `acked` holds the number of each message that was acknowledged."""

    made: Plant
    shuffle: random.Random = field(default_factory=lambda: random.Random(7))
    acked: dict[Said, int] = field(default_factory=dict)
    waves: int = 0
    _said: int = 0
    _threads: dict[tuple[Team, str], str] = field(default_factory=dict)

    async def wave(self, messages: int = 1, places: Sequence[str] = PLACES) -> None:
        """Say something new everywhere. Returns when every delivery of it has been acknowledged."""
        self.waves += 1
        deliveries = [
            delivery
            for _ in range(messages)
            for team in self.made.teams
            for place in places
            for delivery in self._write(team, place)
        ]
        deliveries *= COPIES
        self.shuffle.shuffle(deliveries)
        await asyncio.gather(*(self._deliver(delivery) for delivery in deliveries))

    async def say(self, team: Team, place: str) -> None:
        """Say something new in one place."""
        await self.deliver(self.write(team, place))

    async def deliver(self, delivery: dict[str, Any]) -> None:
        """Deliver what `write` wrote, in all its copies, until each is acknowledged."""
        await asyncio.gather(*(self._deliver(delivery) for _ in range(COPIES)))

    def write(self, team: Team, place: str) -> dict[str, Any]:
        """Return a direct message that nobody has delivered yet."""
        (only,) = self._write(team, place)
        return only

    @asynccontextmanager
    async def flowing(self) -> AsyncIterator[None]:
        """Say something everywhere, again and again, for the block."""
        enough = asyncio.Event()

        async def flow() -> None:
            while not enough.is_set():
                await self.wave()
                # Not faster than the answers may go out, a second a channel: there would be nothing but a queue.
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(1.0):
                        await enough.wait()

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(flow())
            yield
            enough.set()

    async def _deliver(self, delivery: dict[str, Any]) -> None:
        await self.made.deliver(delivery)
        event = delivery["event"]
        self.acked[delivery["team_id"], event["channel"], event["ts"]] = int(event["text"].split("#")[1])

    def _write(self, team: Team, place: str) -> Sequence[dict[str, Any]]:
        """One message. A thread is opened by a mention, which comes as two events; so does every second one of its replies."""
        self._said += 1
        channel, _, thread = place.partition("/")
        text = f"#{self._said}#"
        if not thread:
            return (slack_events.message(team, channel, "U1", text),)
        opened = self._threads.get((team, place))
        if opened is None:
            pair = slack_events.mention_pair(team, channel, "U1", text)
            self._threads[team, place] = pair[0]["event"]["ts"]
            return pair
        if self.waves % 2:
            return slack_events.mention_pair(team, channel, "U2", text, thread_ts=opened)
        return (slack_events.message(team, channel, "U2", text, thread_ts=opened),)
