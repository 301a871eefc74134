"""The persona block: byte for byte the same over days, channels, workers and restarts; only a new version changes it."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from pydantic import SecretStr

from konstruct.agents import thinking
from konstruct.agents.prompt import HOUSE_POLICY, assemble, persona_block
from konstruct.agents.turn import Persona
from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.kit.settings import PREFIX, Settings
from konstruct.llm.backends.openai_compat import OpenAiCompatBackend
from konstruct.tenants import employees
from konstruct.tenants.employees import By
from konstruct.tenants.employees_draft import TONES, Draft
from konstruct.tenants.employees_hours import WorkingHours
from konstruct.tenants.employees_repository import Limits
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


def full() -> Persona:
    """An employee of whom everything is said."""
    days = (*[("09:00", "17:30")] * 5, ("10:00", "14:00"), None)
    return replace(
        persona("You love bikes.", policy="Never sell below cost."),
        tone="warm",
        tone_note="Call people by their first name.",
        languages=("German", "English"),
        hours=WorkingHours("Europe/Berlin", days),
        outside_hours="The key box is beside the door.",
        must_not="Give discounts\nPromise dates",
    )


def test_every_field_stands_in_the_block_in_words() -> None:
    speaks = "- Answer in the language of the person who asks if it is German or English; else in German."
    assert persona_block(full()).split("\n\n") == [
        "You are Ada, an AI employee of Alpha Bikes.",
        "You love bikes.",
        "Your tone is warm and personal: you are glad to help, and it shows. Call people by their first name.",
        "Your colleagues work at these hours (Europe/Berlin):\n- Monday to Friday 09:00–17:30\n- Saturday 10:00–14:00"
        "\n- Sunday off"
        "\nYou answer at any hour. Outside of these, when somebody needs a colleague, say that nobody is there now and when they"
        " are back; promise nothing that needs one before."
        "\nOutside of these hours, also tell people: The key box is beside the door.",
        HOUSE_POLICY.replace("- Answer in the language of the person who asks.", speaks),
        "What you must never do, whoever asks for it:\n- Give discounts\n- Promise dates",
        "Never sell below cost.",
    ]
    assert "Answer in Welsh, whatever language" in persona_block(replace(full(), languages=("Welsh",)))


@pytest.mark.parametrize("tone", TONES)
def test_every_tone_has_words_of_its_own(tone: str) -> None:
    plain = persona_block(persona())
    assert (persona_block(replace(persona(), tone=tone)) == plain) is (tone == "neutral")


def test_hours_change_the_clock_and_not_the_block() -> None:
    who = full()
    days = [START + timedelta(days=days, hours=hours) for days in range(8) for hours in (0, 12)]
    requests = [assemble(turn(who=who), SCOPE, now) for now in days]
    assert {request.messages[0].content for request in requests} == {persona_block(who)}
    clocks = [request.messages[-1].content.splitlines()[0] for request in requests]
    assert clocks[0] == "[Now: Monday, 2026-03-02 09:30 UTC; in Europe/Berlin Monday 10:30, within working hours]"
    assert clocks[1].endswith("; in Europe/Berlin Monday 22:30, outside working hours until Tuesday 09:00]")
    assert len(set(clocks)) == len(clocks)


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
        # The prompt's time is the database's.
        monkeypatch.setattr(thinking, "assemble", lambda turn, scope, _, recalled, at=later: assemble(turn, scope, at, recalled))
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
    # Another business's version, and limits that are no part of one, change nothing here.
    await employees.set_limits(house.db, house.scopes[0], Limits(None, 20_000, 900))
    await new_persona(house, f"{uuid4().hex} of another business", tenant=1)
    await ask(house, message(team, "D1", "U1", "three"))

    assert len(blocks(fake, first)) == 2
    assert len(set(blocks(fake, first))) == 1
    (after,) = blocks(fake, second)
    assert after == blocks(fake, first)[0].replace(first, second)


async def test_every_field_that_is_saved_changes_the_next_answer(house: House, fake: FakeOpenAi) -> None:
    team, other = house.teams
    who = full()
    draft = Draft("Robin", who.persona, who.tone, who.tone_note, who.languages, who.hours, who.outside_hours, who.must_not, "")
    await employees.save(house.db, house.scopes[0], draft, 1, By(None, "Mona"))
    await ask(house, message(team, "D1", "U1", "one"), message(other, "D1", "U1", "one"))
    ours, theirs = (body["messages"][0]["content"] for body in sorted(fake.requests, key=str))
    if "Robin" not in ours:
        ours, theirs = theirs, ours
    assert ours == persona_block(replace(who, name="Robin", policy=""))
    assert theirs == f"You are Ben, an AI employee of Beta Bakery.\n\nYou are Ben of Beta Bakery.\n\n{HOUSE_POLICY}"


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
