"""The window of a send begins when the database is asked, not while the sender waits for a connection."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest

from konstruct.channels.patience import Patience
from tests.support.hand import deliveries, send, take_turn
from tests.support.house import House
from tests.support.slack_events import message

POOL = 4


async def test_a_wait_for_a_connection_uses_up_nothing_of_the_window(still: House, monkeypatch: pytest.MonkeyPatch) -> None:
    scope, team = still.scopes[0], still.teams[0]
    await still.deliver(message(team, "D1", "U1", "hello"))
    await take_turn(still)
    monkeypatch.setattr(still.sends, "_patience", Patience(send_s=0.3))
    respected = still.sends._respect_limits
    waits: list[asyncio.Task[None]] = []

    async def then_take_every_connection(*args: object) -> None:
        await respected(*args)  # type: ignore[arg-type]  # passed on as they came
        taken = AsyncExitStack()
        for _ in range(POOL):
            await taken.enter_async_context(still.db.tenant(still.scopes[1]))

        async def release() -> None:
            await asyncio.sleep(0.6)
            await taken.aclose()

        waits.append(asyncio.create_task(release()))

    monkeypatch.setattr(still.sends, "_respect_limits", then_take_every_connection)
    await send(still)
    await asyncio.gather(*waits)

    (only,) = await deliveries(still, scope)
    assert (only["state"], only["attempt"]) == ("sent", 1)
    assert len(still.slack.posts) == 1
