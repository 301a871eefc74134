"""Trying a draft out: the thinking of real turns, over the tenant's own documents, and no live conversation is touched."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, get_args
from uuid import UUID

import pytest

from konstruct.agents import fallbacks, tool_ledger, tryouts_repository
from konstruct.agents.mind import LazyMind, Mind, open_mind
from konstruct.agents.persona import persona_block, persona_of
from konstruct.agents.try_out import AT_ONCE, QUESTION_MAX, BusyError, TryOut
from konstruct.agents.turn import Persona
from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.db.session import Record
from konstruct.kit.counters import Counters
from konstruct.kit.errors import KonstructError, NotFoundError, SettingsError
from konstruct.kit.ids import uuid7
from konstruct.kit.settings import Settings
from konstruct.llm.budget import PostgresBudget
from konstruct.llm.port import ChatRequest, Finish, LlmError, LlmErrorKind, TextDelta, ToolCallDelta, Usage
from konstruct.llm.prices import load_prices
from konstruct.llm.router import Router
from konstruct.memory.documents import Documents
from konstruct.tenants import employees
from konstruct.tenants.employees_draft import Draft
from konstruct.tenants.vault import Vault
from tests.agents.support import contents
from tests.support.hand import rows, take_turn
from tests.support.house import House, open_house
from tests.support.puppet import Puppet
from tests.support.slack_events import message

LIVE = ("conversations", "messages", "turns", "steps", "tool_calls", "deliveries", "ready_queue", "contacts", "persona_versions")
DRAFT = Draft("Robin", "You only whisper.", must_not="Shout")


@pytest.fixture
def model() -> Puppet:
    return Puppet()


@pytest.fixture
async def house(
    settings: Settings, db: Database, house_vault: Vault, tenants: tuple[TenantScope, TenantScope], model: Puppet
) -> AsyncIterator[House]:
    quick = settings.model_copy(update={"burst_s": 0.0})
    async with open_house(quick, db, house_vault, tenants, model, run_engine=False) as opened:
        yield opened


@pytest.fixture
def mind(db: Database, model: Puppet) -> Mind:
    return Mind(Router([model], prices=load_prices(), budget=PostgresBudget(db), sleep=lambda _: asyncio.sleep(0)), Documents(db))


@pytest.fixture
def try_out(db: Database, mind: Mind) -> TryOut:
    return TryOut(db, mind, Counters())


async def member(db: Database, scope: TenantScope) -> UUID:
    made = uuid7()
    async with db.tenant(scope) as session:
        await session.execute(
            "INSERT INTO members (tenant_id, id, role, name) VALUES ($1, $2, 'owner', 'Mona')", scope.tenant_id, made
        )
    return made


async def draft(db: Database, scope: TenantScope) -> Persona:
    employee = await db.run(scope, employees.get_current)
    return persona_of(employee.agent_id, employee.current.number, employee.business, DRAFT, employee.limits)


async def tried(db: Database, scope: TenantScope, who: UUID) -> list[tuple[str, str | None]]:
    found = await db.run(scope, lambda session: tryouts_repository.recent(session, who))
    return [(each.question, each.answer) for each in found]


async def live(db: Database, scope: TenantScope) -> dict[str, list[Record]]:
    """Everything of the tenant's that real conversations are made of."""
    async with db.tenant(scope) as session:
        return {
            table: await session.fetch(
                f"SELECT t.*, t.xmin::text FROM {table} t WHERE tenant_id = $1 ORDER BY t::text", scope.tenant_id
            )
            for table in LIVE
        }


async def test_no_live_row_is_touched(house: House, model: Puppet, try_out: TryOut) -> None:
    scope, other = house.scopes
    model.says = lambda _: "at nine"
    await house.deliver(message(house.teams[0], "D1", "U1", "when?"), message(house.teams[0], "D2", "U2", "where?"))
    held = await house.db.run(
        scope, lambda s: s.fetchval("SELECT count(*) FROM ready_queue WHERE tenant_id = $1", scope.tenant_id)
    )
    assert held == 2
    before = await live(house.db, scope), await live(house.db, other)
    assert before[0]["messages"]
    who = await member(house.db, scope)
    asked_at: list[dict[str, list[Record]]] = []

    async def look(_: ChatRequest) -> None:
        # While it thinks, too.
        asked_at.append(await live(house.db, scope))

    model._delay = look
    await try_out.ask(scope, who, await draft(house.db, scope), "when do you open?")
    assert asked_at == [before[0]]
    assert (await live(house.db, scope), await live(house.db, other)) == before


async def test_it_thinks_as_a_turn_does(house: House, model: Puppet, try_out: TryOut) -> None:
    """The same draft in force, asked the same in a direct message, makes the same prompt, to the byte but for the clock."""
    scope = house.scopes[0]
    await Documents(house.db).add(scope, "Opening hours", "The shop opens at nine o'clock.", source="test")
    await Documents(house.db).add(house.scopes[1], "Opening hours", "The bakery opens at five.", source="test")
    model.says = lambda _: "at nine"
    who = await member(house.db, scope)
    answer = await try_out.ask(scope, who, await draft(house.db, scope), "when does the shop open?")
    assert (answer.text, answer.outcome) == ("at nine", "answered")
    await try_out.ask(scope, who, await draft(house.db, scope), "and on Sundays, does it open?")

    await employees.save(house.db, scope, DRAFT, 1, employees.By(None, "Mona"))
    for text in ("when does the shop open?", "and on Sundays, does it open?"):
        await house.deliver(message(house.teams[0], "D1", "U1", text))
        await take_turn(house)
    trials, turns = model.requests[:2], model.requests[2:]
    assert [without_clock(request) for request in trials] == [without_clock(request) for request in turns]
    first = contents(trials[0])
    assert first[0] == persona_block(await draft(house.db, scope))
    assert "You only whisper." in first[0]
    assert "nine o'clock" in first[1]
    assert contents(trials[1])[1:3] == ["when does the shop open?", "at nine"]
    assert not any("bakery" in text for request in model.requests for text in contents(request))
    settings = [(r.scope, r.model, r.max_output_tokens, r.temperature, r.tools) for r in model.requests]
    assert len(set(settings)) == 1


def without_clock(request: ChatRequest) -> list[str]:
    return [text.partition("]\n")[2] if text.startswith("[Now: ") else text for text in contents(request)]


async def test_the_history_is_the_members_own(house: House, model: Puppet, try_out: TryOut) -> None:
    scope, other = house.scopes
    mona, ben, stranger = await member(house.db, scope), await member(house.db, scope), await member(house.db, other)
    model.says = lambda request: f"to {contents(request)[-1].splitlines()[-1]}"
    for which, who, text in ((scope, mona, "one"), (scope, ben, "two"), (other, stranger, "three"), (scope, mona, "four")):
        await try_out.ask(which, who, await draft(house.db, which), text)
    assert await tried(house.db, scope, mona) == [("one", "to one"), ("four", "to four")]
    assert await tried(house.db, scope, ben) == [("two", "to two")]
    assert await tried(house.db, scope, stranger) == []
    assert await tried(house.db, other, mona) == []
    assert contents(model.requests[-1])[1:3] == ["one", "to one"]
    with pytest.raises(NotFoundError):
        await try_out.ask(scope, stranger, await draft(house.db, scope), "five")
    async with house.db.tenant(scope) as session:
        await tryouts_repository.forget(session, mona)
    assert await tried(house.db, scope, mona) == []
    assert await tried(house.db, scope, ben) != []


async def test_what_is_old_is_forgotten(house: House, model: Puppet, try_out: TryOut) -> None:
    scope = house.scopes[0]
    who = await member(house.db, scope)
    await try_out.ask(scope, who, await draft(house.db, scope), "one")
    async with house.db.tenant(scope) as session:
        await session.execute(
            "UPDATE tryouts SET asked_at = asked_at - interval '2 days', expires_at = now() WHERE tenant_id = $1", scope.tenant_id
        )
    assert await tried(house.db, scope, who) == []
    await try_out.ask(scope, who, await draft(house.db, scope), "two")
    assert len(contents(model.requests[-1])) == 2
    assert len(await rows(house, scope, "SELECT 1 FROM tryouts WHERE tenant_id = $1")) == 1


async def test_two_at_a_time_and_no_connection_is_held(house: House, model: Puppet, try_out: TryOut) -> None:
    scope = house.scopes[0]
    who, colleague = await member(house.db, scope), await member(house.db, scope)
    persona = await draft(house.db, scope)
    model.hold.clear()
    asked = [asyncio.create_task(try_out.ask(scope, who, persona, f"question {n}")) for n in range(AT_ONCE)]
    await model.asked(AT_ONCE)
    assert house.db._app.get_idle_size() == house.db._app.get_size()
    with pytest.raises(BusyError):
        await try_out.ask(scope, who, persona, "one more")
    asked.append(asyncio.create_task(try_out.ask(scope, colleague, persona, "a colleague's")))
    await model.asked(AT_ONCE + 1)
    model.hold.set()
    assert [answer.outcome for answer in await asyncio.gather(*asked)] == ["answered"] * (AT_ONCE + 1)
    assert len(await tried(house.db, scope, who)) == AT_ONCE


async def test_a_question_that_a_dead_process_left_holds_nobody_up(house: House, model: Puppet, try_out: TryOut) -> None:
    scope = house.scopes[0]
    who = await member(house.db, scope)
    async with house.db.tenant(scope) as session:
        for _ in range(AT_ONCE):
            await session.execute(
                "INSERT INTO tryouts (tenant_id, id, member_id, question, asked_at, expires_at)"
                " VALUES ($1, $2, $3, 'lost', now() - interval '2 minutes', now() + interval '1 day')",
                scope.tenant_id,
                uuid7(),
                who,
            )
    await try_out.ask(scope, who, await draft(house.db, scope), "and now?")
    # What was never answered is no part of the talk.
    assert len(contents(model.requests[-1])) == 2


@pytest.mark.parametrize("kind", get_args(LlmErrorKind))
async def test_it_fails_in_one_sentence_as_a_turn_does(house: House, model: Puppet, try_out: TryOut, kind: LlmErrorKind) -> None:
    scope = house.scopes[0]
    who = await member(house.db, scope)
    model.says = lambda _: LlmError(kind, "the server said so", status=500)
    answer = await try_out.ask(scope, who, await draft(house.db, scope), "hello?")
    assert (answer.outcome, answer.text) == ("fallback", fallbacks.sentence(fallbacks.reason_of(kind)))
    assert await tried(house.db, scope, who) == [("hello?", answer.text)]
    assert len(await calls(house, scope)) == len(model.requests)


async def calls(house: House, scope: TenantScope) -> list[Record]:
    return await rows(house, scope, "SELECT * FROM llm_calls WHERE tenant_id = $1")


async def test_a_slow_model_and_a_bug_of_ours_have_their_sentences(house: House, model: Puppet, mind: Mind) -> None:
    scope = house.scopes[0]
    who = await member(house.db, scope)
    model.hold.clear()
    hasty = TryOut(house.db, mind, Counters(), deadline_s=0.8)
    answer = await hasty.ask(scope, who, await draft(house.db, scope), "hello?")
    assert answer.reason == fallbacks.TOO_SLOW
    (call,) = await calls(house, scope)
    assert (call["outcome"], call["turn_id"]) == ("timeout", None)
    model.hold.set()

    def burst(_: Any) -> str:
        raise RuntimeError("a bug of ours")

    model.says = burst
    assert (await hasty.ask(scope, who, await draft(house.db, scope), "hello?")).reason == fallbacks.BROKEN


async def test_what_it_costs_is_counted_and_bounded_by_the_budget(house: House, model: Puppet, try_out: TryOut) -> None:
    scope, other = house.scopes
    who = await member(house.db, scope)
    model.model = "gpt-4o-mini"
    model.says = lambda _: [TextDelta("hi"), Finish("stop", Usage(1000, 0, 200), "gpt-4o-mini")]
    await try_out.ask(scope, who, await draft(house.db, scope), "hello?")
    (call,) = await calls(house, scope)
    assert (call["turn_id"], call["input_tokens"], call["output_tokens"]) == (None, 1000, 200)
    assert call["cost_micro"] > 0
    async with house.db.tenant(scope) as session:
        spent = await session.fetchval("SELECT spent_micro FROM llm_budgets WHERE tenant_id = $1", scope.tenant_id)
        assert spent == call["cost_micro"]
        await session.execute("UPDATE llm_budgets SET limit_micro = spent_micro WHERE tenant_id = $1", scope.tenant_id)
    answer = await try_out.ask(scope, who, await draft(house.db, scope), "again?")
    assert answer.reason == fallbacks.OVER_BUDGET
    assert len(model.requests) == 1
    assert await calls(house, other) == []


async def test_tools_are_refused_likewise(house: House, model: Puppet, try_out: TryOut) -> None:
    scope = house.scopes[0]
    who = await member(house.db, scope)

    def says(request: ChatRequest) -> Any:
        used = any(message.role == "tool" for message in request.messages)
        return "without, then" if used else [ToolCallDelta(0, "call_a", "refund", "{}"), Finish("tool_calls")]

    model.says = says
    assert (await try_out.ask(scope, who, await draft(house.db, scope), "refund me")).text == "without, then"
    assert contents(model.requests[1])[-1] == tool_ledger.REFUSED
    assert await rows(house, scope, "SELECT 1 FROM tool_calls WHERE tenant_id = $1") == []
    assert len(await calls(house, scope)) == 2


@pytest.mark.parametrize("question", ["", " \x00\n", "x" * (QUESTION_MAX + 1)])
async def test_no_question_and_too_long_a_question(house: House, model: Puppet, try_out: TryOut, question: str) -> None:
    scope = house.scopes[0]
    with pytest.raises(KonstructError):
        await try_out.ask(scope, await member(house.db, scope), await draft(house.db, scope), question)
    assert model.requests == []


async def test_a_mind_is_made_once_and_only_when_it_is_needed(settings: Settings, db: Database) -> None:
    lazy = LazyMind(settings, db)
    await lazy.close()
    first, second = await asyncio.gather(lazy.get(), lazy.get())
    assert first is second
    assert first.router.targets[0].name == "demo"
    await lazy.close()
    unset = settings.model_copy(update={"llm_backend": None})
    with pytest.raises(SettingsError):
        await LazyMind(unset, db).get()
    with pytest.raises(SettingsError):
        await open_mind(unset, db)
