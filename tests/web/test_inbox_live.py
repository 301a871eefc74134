"""The live thread: everything that happens, without a gap over a lost connection, for as long as one may see it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

import aiohttp
import pytest

from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.kit.settings import Settings
from konstruct.tenants.service import set_status
from konstruct.tenants.vault import Vault
from konstruct.web.portal.inbox import live
from konstruct.web.portal.inbox.streams import Streams
from tests.support.hand import conversation, send, take_turn
from tests.support.house import House, open_house, until
from tests.support.inbox import add_colleague, hand_back, take_over
from tests.support.portal import SAME_SITE, Person, open_portal
from tests.support.puppet import Puppet
from tests.support.slack_events import message


@pytest.fixture
async def house(
    settings: Settings,
    db: Database,
    house_vault: Vault,
    tenants: tuple[TenantScope, TenantScope],
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[House]:
    monkeypatch.setattr(live, "POLL_S", 0.02)
    monkeypatch.setattr(live, "CHECK_S", 0.1)
    quick = settings.model_copy(update={"burst_s": 0.0})
    async with open_house(quick, db, house_vault, tenants, Puppet(), run_engine=False) as opened:
        opened.app.state.streams = Streams()
        yield opened
        # Streams that a test left open would keep the server from stopping.
        opened.app.state.streams.close()


@pytest.fixture
async def maria(house: House) -> AsyncIterator[Person]:
    async with open_portal(house, house.scopes[0], "operator", name="Maria") as person:
        yield person


@pytest.fixture
async def asked(house: House) -> UUID:
    await say(house, "one")
    return await conversation(house, house.scopes[0])


async def say(house: House, *texts: str) -> None:
    await house.deliver(*(message(house.teams[0], "D1", "U1", text) for text in texts))


@dataclass
class Event:
    """What a browser makes of one event."""

    id: str
    kind: str
    data: str


@dataclass
class Stream:
    """An open stream, as an EventSource reads it. `last_id` is what it would send when it comes back."""

    answer: aiohttp.ClientResponse
    last_id: str = ""

    async def next(self, kind: str) -> Event:
        """Return the next event of a kind."""
        async with asyncio.timeout(10):
            while True:
                event = await self._read()
                if event.kind == kind:
                    return event

    async def rows_with(self, text: str) -> str:
        """Return the first rows that hold `text`, as they came."""
        while text not in (rows := (await self.next("rows")).data):
            pass
        return rows

    async def _read(self) -> Event:
        fields: dict[str, list[str]] = {}
        while line := (await self._line()):
            name, _, value = line.partition(":")
            fields.setdefault(name, []).append(value.removeprefix(" "))
        self.last_id = fields.get("id", [self.last_id])[-1]
        return Event(self.last_id, fields.get("event", [""])[-1], "\n".join(fields.get("data", [])))

    async def _line(self) -> str:
        raw = await self.answer.content.readline()
        if not raw:
            raise EOFError
        return raw.decode().rstrip("\n")


@asynccontextmanager
async def streaming(person: Person, found: UUID, *, after: str = "", last_id: str = "") -> AsyncIterator[Stream]:
    headers = SAME_SITE | ({"Last-Event-ID": last_id} if last_id else {})
    async with person.http.get(f"{person.url}/inbox/{found}/events?after={after}", headers=headers) as answer:
        assert answer.status == 200
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        yield Stream(answer, last_id)


async def cursor_of(person: Person, found: UUID) -> str:
    """Return the cursor that the page opens its stream with."""
    page = await person.get(f"/inbox/{found}")
    (found,) = re.findall(r'data-events="[^"]*after=([0-9.]+)"', page.text)
    return str(found)


def texts(html: str) -> list[str]:
    return re.findall(r'<p class="text">(.*?)</p>', html, re.DOTALL)


async def test_what_happens_is_shown_as_it_happens(house: House, maria: Person, asked: UUID) -> None:
    async with streaming(maria, asked, after=await cursor_of(maria, asked)) as stream:
        assert texts((await stream.next("rows")).data) == ["one"], "it is still waiting, so it may have changed"
        await say(house, "two")
        assert "two" in texts(await stream.rows_with("two"))
        await take_turn(house)
        rows = await stream.rows_with("Sending…")
        assert "/turns/" in rows and "Waiting for an answer" not in rows
        await send(house)
        rows = await stream.rows_with("/turns/")
        while "Sending…" in rows:
            rows = await stream.rows_with("/turns/")


async def test_a_lost_connection_leaves_no_gap(house: House, maria: Person, asked: UUID) -> None:
    async with streaming(maria, asked, after=await cursor_of(maria, asked)) as stream:
        await stream.next("seen")
        lost = stream.last_id
    await say(house, *(f"number {n}" for n in range(40)))
    await take_turn(house)
    await send(house)
    async with streaming(maria, asked, last_id=lost) as stream:
        rows = (await stream.next("rows")).data
        found = texts(rows)
        assert found[:41] == ["one", *(f"number {n}" for n in range(40))]
        assert len(found) == 42 and "Waiting for an answer" not in rows
        await stream.next("seen")
        later = stream.last_id
    assert tuple(map(int, later.split("."))) > tuple(map(int, lost.split(".")))


async def test_between_the_page_and_its_stream_nothing_is_lost(house: House, maria: Person, asked: UUID) -> None:
    await take_turn(house)
    await send(house)
    cursor = await cursor_of(maria, asked)
    await say(house, "between")
    async with streaming(maria, asked, after=cursor) as stream:
        assert texts((await stream.next("rows")).data) == ["between"]


@pytest.mark.parametrize("cursor", ["x", "1.2", "-1.0.0", "9" * 60, "0.0.0", "99999.99999.0"])
async def test_a_cursor_of_nobodys_making_is_as_good_as_none(house: House, maria: Person, asked: UUID, cursor: str) -> None:
    async with streaming(maria, asked, last_id=cursor) as stream:
        await say(house, "two")
        assert "two" in texts(await stream.rows_with("two"))


async def test_another_owner_brings_another_desk(house: House, maria: Person, asked: UUID) -> None:
    anna = await add_colleague(house.db, house.scopes[0], "Anna")
    async with streaming(maria, asked, after=await cursor_of(maria, asked)) as stream:
        await take_over(house.db, house.scopes[0], asked, anna)
        desk = (await stream.next("desk")).data
        assert "<strong>Anna</strong> took over" in desk and 'data-epoch="1"' in desk
        await stream.rows_with("Anna from Alpha Bikes has joined")
        await stream.next("seen")
        lost = stream.last_id
    await hand_back(house.db, house.scopes[0], asked, anna)
    async with streaming(maria, asked, last_id=lost) as stream:
        assert 'data-epoch="2"' in (await stream.next("desk")).data


async def test_a_stream_ends_with_the_session(house: House, maria: Person, asked: UUID) -> None:
    async with streaming(maria, asked) as stream:
        await maria.post("/sign-out", follow=False)
        await stream.next("bye")
        with pytest.raises(EOFError):
            await stream.next("rows")


async def test_a_stream_ends_when_the_member_is_removed(house: House, maria: Person, asked: UUID) -> None:
    async with streaming(maria, asked) as stream:
        async with house.db.tenant(house.scopes[0]) as session:
            await session.execute(
                "DELETE FROM members WHERE tenant_id = $1 AND id = $2", house.scopes[0].tenant_id, maria.member.id
            )
        await stream.next("bye")


async def test_a_stream_ends_when_the_business_is_suspended(house: House, maria: Person, asked: UUID) -> None:
    async with streaming(maria, asked) as stream:
        await set_status(house.db, house.scopes[0].tenant_id, "suspended")
        await stream.next("bye")


async def test_a_stream_shows_what_the_role_may_do_now(house: House, maria: Person, asked: UUID) -> None:
    anna = await add_colleague(house.db, house.scopes[0], "Anna")
    async with streaming(maria, asked) as stream:
        async with house.db.tenant(house.scopes[0]) as session:
            await session.execute(
                "UPDATE members SET role = 'viewer' WHERE tenant_id = $1 AND id = $2", house.scopes[0].tenant_id, maria.member.id
            )
        await asyncio.sleep(0.3)
        await take_over(house.db, house.scopes[0], asked, anna)
        assert "hand-back" not in (await stream.next("desk")).data


async def test_a_stream_does_not_keep_a_session_awake(house: House, maria: Person, asked: UUID) -> None:
    age = "UPDATE sessions SET seen_at = now() - interval '1 hour' WHERE tenant_id = $1 AND member_id = $2"
    async with streaming(maria, asked) as stream:
        await stream.next("")
        async with house.db.tenant(house.scopes[0]) as session:
            await session.execute(age, house.scopes[0].tenant_id, maria.member.id)
        await asyncio.sleep(0.4)
        async with house.db.tenant(house.scopes[0]) as session:
            seen = await session.fetchval(
                "SELECT seen_at < now() - interval '50 minutes' FROM sessions WHERE tenant_id = $1 AND member_id = $2",
                house.scopes[0].tenant_id,
                maria.member.id,
            )
    assert seen


async def test_streams_are_bounded_and_counted_down(house: House, maria: Person, asked: UUID) -> None:
    house.app.state.streams = streams = Streams(most=2, most_of_one=1)
    async with streaming(maria, asked) as stream:
        await stream.next("")
        refused = await maria.get(f"/inbox/{asked}/events")
        assert (refused.status, refused.headers["Retry-After"]) == (503, "5")
        async with open_portal(house, house.scopes[0], "viewer") as other, streaming(other, asked) as second:
            await second.next("")
            async with open_portal(house, house.scopes[0], "viewer") as third:
                assert (await third.get(f"/inbox/{asked}/events")).status == 503
    await until(lambda: not streams.full(maria.member.id))


async def test_a_process_that_stops_ends_its_streams(house: House, maria: Person, asked: UUID) -> None:
    async with streaming(maria, asked) as stream:
        await stream.next("")
        house.app.state.streams.close()
        with pytest.raises(EOFError):
            await stream.next("never")


async def test_the_other_business_hears_nothing(house: House, maria: Person, asked: UUID) -> None:
    await house.deliver(message(house.teams[1], "D1", "U1", "elsewhere"))
    async with open_portal(house, house.scopes[1]) as other:
        assert (await other.get(f"/inbox/{asked}/events")).status == 404
        own = await conversation(house, house.scopes[1])
        async with streaming(other, own, after="1.1.0") as stream:
            await say(house, "two")
            await house.deliver(message(house.teams[1], "D1", "U1", "elsewhere too"))
            found = texts((await stream.next("rows")).data)
            while "elsewhere too" not in found:
                found += texts((await stream.next("rows")).data)
    assert "two" not in found


def test_an_event_carries_lines_of_every_kind() -> None:
    assert live.event("rows", "a\r\nb\rc\n\u2028d".encode()) == "event: rows\ndata: a\ndata: b\ndata: c\ndata: \u2028d\n\n"
