"""What the tests of bad input ask of a house."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from typing import Any

import aiohttp

from konstruct.db.session import TenantSession
from tests.conftest import SIGNING_SECRET
from tests.support import slack_events
from tests.support.house import House
from tests.support.slack_events import Team

PATH = "/webhooks/slack/events"


async def post(
    house: House, body: bytes | AsyncIterator[bytes], headers: dict[str, str] | None = None, *, method: str = "POST"
) -> tuple[int, str]:
    """Send any body, signed unless `headers` are given; return status and text, after a look at the text."""
    if headers is None:
        assert isinstance(body, bytes)
        headers = slack_events.sign(body, SIGNING_SECRET)
    # aiohttp warns of large bytes in one piece.
    data = io.BytesIO(body) if isinstance(body, bytes) else body
    async with aiohttp.ClientSession() as http, http.request(method, house.url + PATH, data=data, headers=headers) as answer:
        text = await answer.text()
    assert "Traceback" not in text
    assert text.count("\n") == 0
    return answer.status, text


async def rows(house: House, table: str, scope: int = 0) -> list[dict[str, Any]]:
    """Return the rows of one of our tables, as the tenant sees them."""
    return await house.db.run(house.scopes[scope], lambda s: _rows(s, table))


async def _rows(session: TenantSession, table: str) -> list[dict[str, Any]]:
    return [dict(row) for row in await session.fetch(f"SELECT * FROM {table} WHERE tenant_id = $1", session.scope.tenant_id)]


async def nothing_was_taken(house: House) -> None:
    """Check that neither tenant has anything of a delivery."""
    for scope in range(2):
        for table in ("messages", "inbound_events", "dedupe_keys", "conversations", "ready_queue"):
            assert await rows(house, table, scope) == []


async def all_answered(house: House) -> None:
    """Wait until everything accepted is answered. The kick is what a worker gets from the broker."""
    house.engine.kick()
    await house.idle()


async def one_answer_to(house: House, team: Team, channel: str, text: str = "are you still there?") -> str:
    """Ask a plain question; check that it gets exactly one answer, and return that."""
    before = len(house.slack.posts)
    assert await house.deliver(slack_events.message(team, channel, "U9", text)) == [200]
    await all_answered(house)
    (post,) = house.slack.posts[before:]
    assert (post["team"], post["channel"]) == (team.team_id, channel)
    return "".join(block["text"] for block in post["blocks"])
