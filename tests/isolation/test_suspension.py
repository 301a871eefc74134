"""Suspending a business stops everything of it at once, also what is under way; resuming brings it back, and nothing is lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import aiohttp
import pytest

from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.jobs import queue
from konstruct.kit.errors import LeaseLostError
from konstruct.kit.ids import uuid7
from konstruct.kit.settings import Settings
from konstruct.tenants import sign_in
from konstruct.tenants.service import set_status
from konstruct.tenants.vault import Vault
from konstruct.web.portal.inbox import live
from konstruct.web.portal.inbox.streams import Streams
from tests.support.api import open_api
from tests.support.hand import abandon, claim, conversation, deliveries, make_due, rows, send, take_turn, working
from tests.support.house import House, open_house, until
from tests.support.portal import SAME_SITE, Person, open_portal
from tests.support.puppet import Puppet
from tests.support.slack_events import message

Tenants = tuple[TenantScope, TenantScope]


@pytest.fixture
def model() -> Puppet:
    return Puppet()


@pytest.fixture
async def still(settings: Settings, db: Database, house_vault: Vault, tenants: Tenants, model: Puppet) -> AsyncIterator[House]:
    """The whole house; the test claims and works by hand."""
    quick = settings.model_copy(update={"burst_s": 0.0, "turn_attempts": 3})
    async with open_house(quick, db, house_vault, tenants, model, run_engine=False) as opened:
        yield opened


@pytest.fixture
async def house(settings: Settings, db: Database, house_vault: Vault, tenants: Tenants, model: Puppet) -> AsyncIterator[House]:
    """The whole house at work."""
    async with open_house(settings, db, house_vault, tenants, model) as opened:
        yield opened


async def _suspend(house: House) -> None:
    await set_status(house.db, house.scopes[0].tenant_id, "suspended")


async def _resume(house: House) -> None:
    await set_status(house.db, house.scopes[0].tenant_id, "active")


async def _count(house: House, table: str) -> int:
    (row,) = await rows(house, house.scopes[0], f"SELECT count(*) AS n FROM {table} WHERE tenant_id = $1")
    return int(row["n"])


async def test_nothing_of_a_turn_under_way_is_kept_and_it_is_answered_after_the_return(still: House, model: Puppet) -> None:
    scope, team = still.scopes[0], still.teams[0]
    model.hold.clear()
    await still.deliver(message(team, "D1", "U1", "are you open?"))
    held = await claim(still, "turn")
    lost = False
    try:
        async with working(still, held):
            await model.asked(1)
            await _suspend(still)
            model.hold.set()
    except LeaseLostError:
        lost = True
    assert lost
    assert (await _count(still, "steps"), await _count(still, "deliveries"), await _count(still, "llm_calls")) == (0, 0, 0)
    await abandon(still, held)
    assert await queue.claim(still.db, "turn", uuid7(), 100, 5.0) == []
    # A suspension outlasts every deadline.
    async with still.db.tenant(scope) as session:
        await session.execute("UPDATE turns SET deadline_at = now() - interval '1 second' WHERE tenant_id = $1", scope.tenant_id)
    await _resume(still)
    await take_turn(still)
    await send(still)
    (text,) = still.texts(team)
    assert "are you open?" in text
    assert len(model.requests) == 2


async def test_a_turn_has_its_time_again_once_only(still: House, model: Puppet) -> None:
    """One that crashes again and again after a suspension ends as any other does."""
    scope = still.scopes[0]
    await still.deliver(message(still.teams[0], "D1", "U1", "hello"))
    held = await claim(still, "turn")
    model.hold.clear()
    async with working(still, held) as task:
        await model.asked(1)
        task.cancel()
    await abandon(still, held)
    await _suspend(still)
    await _resume(still)
    times: list[object] = []
    for _ in range(2):
        held = await claim(still, "turn")
        async with working(still, held) as task:
            await model.asked(len(times) + 2)
            task.cancel()
        await abandon(still, held)
        (turn,) = await rows(still, scope, "SELECT deadline_at FROM turns WHERE tenant_id = $1")
        times.append(turn["deadline_at"])
    assert times[0] == times[1]


async def test_the_engine_cuts_a_running_model_call_short(house: House, model: Puppet) -> None:
    team = house.teams[0]
    model.hold.clear()
    await house.deliver(message(team, "D1", "U1", "hello"))
    await model.asked(1)
    assert house.engine.in_flight == 1
    await _suspend(house)
    stopped = True
    try:
        await until(lambda: house.engine.in_flight == 0)
    except TimeoutError:
        stopped = False
    model.hold.set()
    assert stopped and await _count(house, "steps") == 0
    await _resume(house)
    await house.idle()
    assert len(house.texts(team)) == 1


async def test_of_an_answer_that_is_being_sent_the_part_under_way_is_the_last(
    still: House, model: Puppet, monkeypatch: pytest.MonkeyPatch
) -> None:
    scope, team = still.scopes[0], still.teams[0]
    model.says = lambda _: "\n\n".join(f"Paragraph {n}. " + "All work. " * 60 for n in range(30))
    await still.deliver(message(team, "D1", "U1", "tell me all"))
    await take_turn(still)
    real = still.slack._answer

    async def suspended_meanwhile(method: str, token: str, request: Any) -> Any:
        answer = await real(method, token, request)
        if method == "chat.postMessage":
            await _suspend(still)
        return answer

    with monkeypatch.context() as patch:
        patch.setattr(still.slack, "_answer", suspended_meanwhile)
        await send(still)
    states = [row["state"] for row in await deliveries(still, scope)]
    assert len(states) > 1 and states == ["sent", *["pending"] * (len(states) - 1)]
    assert len(still.texts(team)) == 1
    await _resume(still)
    await make_due(still, scope, "send")
    await send(still)
    assert {row["state"] for row in await deliveries(still, scope)} == {"sent"}
    assert len(still.texts(team)) == len(set(still.texts(team))) == len(states)


@pytest.fixture
def slow_checks(still: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Live pages look at once, and at their session hardly ever."""
    monkeypatch.setattr(live, "POLL_S", 0.02)
    monkeypatch.setattr(live, "CHECK_S", 3600.0)
    still.app.state.streams = Streams()


@pytest.mark.usefixtures("slow_checks")
async def test_sessions_keys_links_live_pages_and_messages_stop_and_come_back(still: House) -> None:
    scope, team = still.scopes[0], still.teams[0]
    await still.deliver(message(team, "D1", "U1", "before"))
    found = await conversation(still, scope)
    async with open_portal(still, scope, "owner") as person, open_portal(still, still.scopes[1], "owner") as other:
        async with open_api(still, scope) as program, _streaming(person, found) as stream:
            assert await _next(stream) == "retry: 1000"
            for _ in range(2):
                await _suspend(still)
                link = await sign_in.create_link(still.db, scope, "https://konstruct.example")
                assert (await person.get("/inbox", follow=False)).path.startswith("/sign-in")
                assert (await program.get("/me")).status == 401
                assert await sign_in.use_link(still.db, link.rpartition("/")[2], "", "Test") is None
                assert await still.deliver(message(team, "D1", "U1", "meanwhile")) == [200]
                assert await _count(still, "messages") == 1
                assert (await other.get("/inbox", follow=False)).status == 200
                await _resume(still)
                assert (await person.get("/inbox", follow=False)).status == 200
                assert (await program.get("/me")).status == 200
            await _suspend(still)
            # What is written while a page is still open must not reach it.
            async with still.db.tenant(scope) as session:
                await session.execute(
                    "UPDATE conversations SET owner = 'human', owner_epoch = 7 WHERE tenant_id = $1", scope.tenant_id
                )
            while (line := await _next(stream)) not in ("event: bye", "event: desk"):
                pass
            assert line == "event: bye"
    still.app.state.streams.close()


def _streaming(person: Person, found: UUID) -> Any:
    return person.http.get(f"{person.url}/inbox/{found}/events?after=1.1.0", headers=SAME_SITE)


async def _next(answer: aiohttp.ClientResponse) -> str:
    async with asyncio.timeout(20):
        return (await answer.content.readline()).decode().rstrip("\n")
