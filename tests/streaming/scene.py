"""One conversation whose answer grows, played by hand: the test stops between any two moments of it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from konstruct.db.scope import TenantScope
from konstruct.db.session import Record
from konstruct.jobs.queue import Claim
from tests.support import hand, slack_events
from tests.support.fake_streams import LIFETIME_S
from tests.support.house import House, until
from tests.support.passing import pass_time
from tests.support.slack_events import message
from tests.support.talker import Talker

START, APPEND, STOP, UPDATE, POST = (
    "chat.startStream", "chat.appendStream", "chat.stopStream", "chat.update", "chat.postMessage",
)  # fmt: skip


class Scene:
    """The first tenant's conversation with U1, its model, and what Slack shows of it."""

    def __init__(self, house: House, talker: Talker) -> None:
        self.house = house
        self.talker = talker
        self.scope: TenantScope = house.scopes[0]
        self.team = house.teams[0]
        self.told = ""
        self.settled = True
        """Whether to wait until the message's name is stored, too."""

    @asynccontextmanager
    async def case(self, name: str) -> AsyncIterator[None]:
        """Play another one, as if nothing had been before. A failure says which."""
        slack = self.house.slack
        async with self.house.db.tenant(self.scope) as session:
            await session.execute("DELETE FROM conversations WHERE tenant_id = $1", self.scope.tenant_id)
        await pass_time(self.house, self.scope, 3600)
        slack.trouble, slack.fault = None, None
        slack.streams.lifetime_s = LIFETIME_S
        for log in (slack.posts, slack.calls, slack.requests, slack.statuses, slack.streams.changes):
            log.clear()
        try:
            yield
        except BaseException as error:
            error.add_note(f"case: {name}")
            raise

    async def ask(self, text: str = "tell me", channel: str = "D1") -> dict[str, Any]:
        """Let U1 ask; in a channel, by a mention."""
        if channel.startswith("D"):
            asked = message(self.team, channel, "U1", text)
            assert await self.house.deliver(asked) == [200]
        else:
            asked, second = slack_events.mention_pair(self.team, channel, "U1", text)
            assert await self.house.deliver(asked, second) == [200, 200]
        return asked

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[asyncio.Task[None]]:
        """A turn at work for the block, whose model has been asked; at its end the turn has ended."""
        held = await hand.claim(self.house, "turn")
        times = len(self.talker.requests) + 1
        async with hand.working(self.house, held) as task:
            self.held, self.told = held, ""
            await until(lambda: len(self.talker.requests) >= times or task.done())
            yield task

    async def crash(self, task: asyncio.Task[None]) -> None:
        """Let the turn's worker die where it stands, and its lease end."""
        task.cancel()
        await asyncio.wait([task])
        await self.house.surface.settled()
        await hand.abandon(self.house, self.held)

    async def resume(self, *pieces: str) -> Claim:
        """Let another worker take the turn up, whose model says `pieces`."""
        async with self.turn():
            self.talker.say(*pieces)
            self.talker.end()
        return self.held

    async def send(self) -> None:
        """Send what is due now; a lane that waits is given back."""
        await hand.make_due(self.house, self.scope, "send")
        await hand.send(self.house)

    async def sent(self, rounds: int = 10) -> None:
        """Send until nothing is left to do, whatever the waits."""
        for _ in range(rounds):
            if not await self.rows("SELECT 1 FROM ready_queue WHERE tenant_id = $1 AND lane = 'send' AND state <> 'idle'"):
                return
            await self.send()
        raise AssertionError(f"after {rounds} rounds there is still to do: {await self.rows(_OPEN)}")

    async def age(self, seconds: float) -> None:
        """Let the answer have been begun so much earlier."""
        async with self.house.db.tenant(self.scope) as session:
            await session.execute(
                "UPDATE streams SET begun_at = begun_at - make_interval(secs => $2) WHERE tenant_id = $1",
                self.scope.tenant_id,
                seconds,
            )

    async def rows(self, sql: str, *args: Any) -> list[Record]:
        return await hand.rows(self.house, self.scope, sql, *args)

    async def seen(self, text: str) -> None:
        """Wait until the one message in the workspace says this."""
        await until(lambda: self.texts == [text])

    async def streaming(self, text: str) -> dict[str, Any]:
        """Let the model say more, and wait until all that it said is shown, but for a last word that may go on; return it."""
        self.told += text
        self.talker.say(text)
        await self.seen(self.told.rpartition(" ")[0])
        if self.settled:
            named = "SELECT 1 FROM streams WHERE tenant_id = $1 AND external_id IS NOT NULL"
            with contextlib.suppress(TimeoutError):
                await until(lambda: self.rows(named), 5)
            assert await self.rows(named), "the message's name is not stored"
        return self.posts[-1]

    def shows(self, characters: int) -> bool:
        """Whether the first message shows so many."""
        return bool(self.texts) and len(self.texts[0]) >= characters

    def counted(self, outcome: str) -> bool:
        """Whether an answer has come to rest so."""
        return ("streams_total", (("outcome", outcome),)) in self.house.counters.snapshot().counts

    @property
    def posts(self) -> list[dict[str, Any]]:
        return [post for post in self.house.slack.posts if post["team"] == self.team.team_id]

    @property
    def texts(self) -> list[str]:
        return self.house.texts(self.team)

    def calls(self, *methods: str) -> list[str]:
        """The calls of chat methods (or of `methods`) that arrived, in order."""
        wanted = methods or (START, APPEND, STOP, UPDATE, POST)
        return [method for method, _ in self.house.slack.calls if method in wanted]

    async def echo(self, post: dict[str, Any]) -> None:
        """Let Slack show our bot a message of its own."""
        shown = slack_events.echo(self.team, {"metadata": {}, **post})
        shown["event"]["thread_ts"] = post["thread_ts"]
        assert await self.house.deliver(shown) == [200]

    async def whole(self, text: str) -> None:
        """Everything has been sent, and the one visible message is this answer, whole, and known to be."""
        await self.sent()
        (post,) = self.posts
        (row,) = await self.rows(
            "SELECT id, state, external_id, body FROM deliveries WHERE tenant_id = $1 AND state <> 'cancelled'"
        )
        assert self.texts == [text]
        assert not post.get("streaming") and not post.get("broken")
        assert post["metadata"]["event_payload"]["delivery_id"] == str(row["id"])
        assert (row["state"], row["external_id"], row["body"]) == ("sent", post["ts"], text)
        assert await self.rows("SELECT 1 FROM streams WHERE tenant_id = $1") == []


_OPEN = "SELECT state, reason, attempt FROM deliveries WHERE tenant_id = $1"


def when(method: str, do: Callable[[int], Any]) -> Callable[[str, dict[str, Any]], Any]:
    """Trouble with one method: `do` says which, by how many of its calls came before."""
    before = 0

    def trouble(called: str, _asked: dict[str, Any]) -> Any:
        nonlocal before
        if called != method:
            return None
        before += 1
        return do(before - 1)

    return trouble
