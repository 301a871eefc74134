"""The persona block: byte for byte the same over days, channels, workers and restarts; only a new version changes it."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from pydantic import SecretStr

from konstruct.agents import loop
from konstruct.agents.prompt import HOUSE_POLICY, assemble, persona_block
from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.kit.settings import PREFIX, Settings
from konstruct.llm.backends.openai_compat import OpenAiCompatBackend
from konstruct.tenants.service import change_persona
from konstruct.tenants.vault import Vault
from tests.agents.support import SCOPE, START, line, persona, turn
from tests.conftest import SIGNING_SECRET
from tests.support.fake_openai import KEY, MODEL, FakeOpenAi
from tests.support.house import House, open_house
from tests.support.slack_events import Team, mention_pair, message


def test_the_block_holds_who_what_and_the_rules() -> None:
    block = persona_block(persona("You love bikes.", policy="Never sell below cost."))
    assert block == f"You are Ada, an AI employee of Alpha Bikes.\n\nYou love bikes.\n\n{HOUSE_POLICY}\n\nNever sell below cost."


def test_the_block_is_the_same_whenever_and_wherever_it_is_rendered() -> None:
    who = persona("You love bikes.")
    history = [line(n, f"message {n}", name="Mona") for n in range(1, 30)]
    turns = [turn(who=who), turn(history, who=who, several=True, channel="C1"), turn(history, who=who, number=99)]
    heads = {
        assemble(each, SCOPE, START + timedelta(days=days, hours=days)).messages[0]
        for each in turns
        for days in (0, 1, 30, 365, 3650)
    }
    assert [message.content for message in heads] == [persona_block(who)]


@pytest.fixture
async def fake() -> AsyncIterator[FakeOpenAi]:
    async with FakeOpenAi() as opened:
        yield opened


@pytest.fixture
async def house(
    settings: Settings, db: Database, house_vault: Vault, tenants: tuple[TenantScope, TenantScope], fake: FakeOpenAi
) -> AsyncIterator[House]:
    backend = OpenAiCompatBackend(fake.url, MODEL, api_key=KEY, timeout_s=10)
    async with open_house(settings, db, house_vault, tenants, backend) as opened:
        yield opened


async def new_persona(house: House, text: str, tenant: int = 0) -> int:
    scope = house.scopes[tenant]
    async with house.db.tenant(scope) as session:
        agent: UUID = await session.fetchval("SELECT id FROM agents WHERE tenant_id = $1", scope.tenant_id)
    return await change_persona(house.db, scope, agent, text)


def blocks(fake: FakeOpenAi, mark: str) -> list[str]:
    """The system messages of all calls of the tenant whose persona holds `mark`."""
    heads = [body["messages"][0] for body in fake.requests]
    assert {head["role"] for head in heads} == {"system"}
    return [head["content"] for head in heads if mark in head["content"]]


async def ask(house: House, *deliveries: dict[str, Any]) -> None:
    assert await house.deliver(*deliveries) == [200] * len(deliveries)
    house.engine.kick()
    await house.idle()


async def test_over_days_channels_and_people(house: House, fake: FakeOpenAi, monkeypatch: pytest.MonkeyPatch) -> None:
    team, other = house.teams
    mark = uuid4().hex
    await new_persona(house, f"You are patient. {mark}")
    for day, channel in enumerate(("D1", "C1", "D2", "C2")):
        later = datetime(2027, 1, 30, 23, 59, tzinfo=UTC) + timedelta(days=day)
        monkeypatch.setattr(loop, "datetime", type("Later", (datetime,), {"now": classmethod(lambda _, tz, at=later: at)}))
        if channel.startswith("C"):
            await ask(house, *mention_pair(team, channel, f"U{day}", "hello?"))
        else:
            await ask(house, message(team, channel, f"U{day}", "hello?"), message(other, channel, f"U{day}", "hello?"))

    assert len(blocks(fake, mark)) == 4
    assert len(set(blocks(fake, mark))) == 1
    clocks = {body["messages"][-1]["content"].splitlines()[0] for body in fake.requests}
    assert len(clocks) == 4
    theirs = set(blocks(fake, "Beta Bakery"))
    assert len(theirs) == 1
    assert mark not in theirs.pop()


async def test_it_changes_with_a_new_version_only(house: House, fake: FakeOpenAi) -> None:
    team, other = house.teams
    first, second = uuid4().hex, uuid4().hex
    assert await new_persona(house, first) == 2
    await ask(house, message(team, "D1", "U1", "one"), message(other, "D1", "U1", "one"))
    await ask(house, message(team, "D1", "U1", "two"))
    assert await new_persona(house, second) == 3
    await new_persona(house, f"{uuid4().hex} of another business", tenant=1)
    await ask(house, message(team, "D1", "U1", "three"))

    assert len(blocks(fake, first)) == 2
    assert len(set(blocks(fake, first))) == 1
    (after,) = blocks(fake, second)
    assert after == blocks(fake, first)[0].replace(first, second)


async def test_a_turn_that_is_taken_up_again_keeps_the_version_it_began_with(
    settings: Settings, db: Database, house_vault: Vault, tenants: tuple[TenantScope, TenantScope]
) -> None:
    first, second = uuid4().hex, uuid4().hex

    class Dies(OpenAiCompatBackend):
        """Ends its first call as a bug would, after a new version has come into force."""

        calls = 0

        async def stream(self, request: Any) -> AsyncIterator[Any]:
            Dies.calls += 1
            if Dies.calls == 1:
                await new_persona(opened, second)
                raise RuntimeError("a bug")
            async for delta in super().stream(request):
                yield delta

    async with FakeOpenAi() as fake:
        backend = Dies(fake.url, MODEL, api_key=KEY, timeout_s=10)
        async with open_house(settings, db, house_vault, tenants, backend) as opened:
            await new_persona(opened, first)
            await ask(opened, message(opened.teams[0], "D1", "U1", "one"))
            await ask(opened, message(opened.teams[0], "D1", "U1", "two"))
        assert (len(blocks(fake, first)), len(blocks(fake, second))) == (1, 1)
        assert first in fake.requests[0]["messages"][0]["content"]


def environment(house: House, fake: FakeOpenAi, changes: Mapping[str, str]) -> dict[str, str]:
    """The variables of a worker process that belongs to the house."""
    settings = house.settings
    values = {
        "DATABASE_URL": settings.database_url,
        "FLEET_DATABASE_URL": settings.fleet_database_url,
        "BROKER_URL": settings.broker_url,
        "REDIS_URL": settings.redis_url,
        "LLM_API_KEY": KEY,
        "KEYRING": settings.keyring,
        "SLACK_SIGNING_SECRET": SIGNING_SECRET,
        "SLACK_API_URL": settings.slack_api_url,
        "LLM_BACKEND": "openai_compat",
        "LLM_URL": fake.url,
        "LLM_MODEL": MODEL,
        "LEASE_S": "2",
    }
    plain = {name: value.get_secret_value() if isinstance(value, SecretStr) else str(value) for name, value in values.items()}
    return {"PATH": os.defpath, **{PREFIX + name: value for name, value in plain.items()}, **changes}


@asynccontextmanager
async def worker(env: dict[str, str]) -> AsyncIterator[None]:
    """A real worker process, killed at the end."""
    command = [sys.executable, "-m", "konstruct.cli.main", "worker"]
    process = await asyncio.create_subprocess_exec(*command, env=env)
    try:
        yield
    finally:
        process.kill()
        await process.wait()


async def test_over_workers_and_restarts(
    settings: Settings,
    db: Database,
    house_vault: Vault,
    tenants: tuple[TenantScope, TenantScope],
    fake: FakeOpenAi,
) -> None:
    mark = uuid4().hex
    backend = OpenAiCompatBackend(fake.url, MODEL, api_key=KEY, timeout_s=10)
    async with open_house(settings, db, house_vault, tenants, backend, run_engine=False) as house:
        await new_persona(house, f"You are patient. {mark}")
        team: Team = house.teams[0]
        for number, changes in enumerate(
            [
                {"PYTHONHASHSEED": "0", "TZ": "UTC", "LC_ALL": "C"},
                {"PYTHONHASHSEED": "12345", "TZ": "Pacific/Kiritimati", "LC_ALL": "C.UTF-8", "PYTHONOPTIMIZE": "1"},
            ]
        ):
            assert await house.deliver(message(team, f"D{number + 1}", "U1", "hello?")) == [200]
            async with worker(environment(house, fake, changes)):
                await house.idle()
    async with open_house(settings, db, house_vault, tenants, backend) as house:
        await ask(house, message(house.teams[0], "C1", "U1", f"<@{house.teams[0].bot_user_id}> hello?"))

    assert len(blocks(fake, mark)) == 3
    assert len(set(blocks(fake, mark))) == 1
