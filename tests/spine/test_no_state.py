"""Handlers and workers keep nothing of a tenant between requests and turns: not in modules, objects, tasks or contexts."""

from __future__ import annotations

import asyncio
import functools
import gc
import inspect
import re
from collections.abc import AsyncIterator, Callable
from typing import TypeVar
from uuid import uuid4

import pytest
import structlog

import konstruct.memory.window
from konstruct.channels.ingest import Ingest
from konstruct.channels.limits import SendLimits
from konstruct.channels.slack import tiers
from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.jobs.broker import ARCHIVE, COUNT, POLLS, PRUNE, WAKE, create_celery, register_tasks
from konstruct.jobs.engine import Engine
from konstruct.kit.counters import Counters
from konstruct.kit.settings import Settings
from konstruct.llm.backends.demo import DemoBackend
from konstruct.llm.backends.openai_compat import OpenAiCompatBackend
from konstruct.llm.router import Router
from konstruct.memory.documents import Documents
from konstruct.tenants.service import change_persona
from konstruct.tenants.vault import Vault
from tests.support import fake_openai as openai
from tests.support import held
from tests.support.fake_openai import KEY, MODEL, FakeOpenAi
from tests.support.fake_slack import answers
from tests.support.house import House, open_house, until
from tests.support.slack_events import Team, encode, mention_pair, message

T = TypeVar("T")
_ID = re.compile("[0-9a-f-]{36}")
SERVICE_TASKS = {
    "Engine.run",
    "Engine._repeat",
    "Engine._claim_loop",
    # The HTTP server of the web process, and those of the test's own Slack and model.
    "Server._serve",
    "LifespanOn.main",
    "RequestHandler.start",
}


def canary(kind: str, team: Team) -> str:
    """A word of one tenant that nothing else contains."""
    return f"canary-{kind}-{team.team_id.lower()}"


def canaries(house: House) -> list[str]:
    """Everything of both tenants that must not stay: texts, names, the model's words, tokens."""
    kinds = ("text", "name", "file", "answer", "document", "persona", "malformed", "tool")
    return [canary(kind, team) for team in house.teams for kind in kinds] + [team.token for team in house.teams]


@pytest.fixture(params=["openai_compat", "demo"])
async def busy(
    request: pytest.FixtureRequest, settings: Settings, db: Database, house_vault: Vault, tenants: tuple[TenantScope, TenantScope]
) -> AsyncIterator[tuple[House, FakeOpenAi]]:
    """A house on a real backend, with documents, and personas that can be told apart."""
    async with FakeOpenAi() as fake:
        compat = OpenAiCompatBackend(fake.url, MODEL, api_key=KEY, timeout_s=5)
        backend = compat if request.param == "openai_compat" else DemoBackend(Documents(db), env="dev")
        async with open_house(settings, db, house_vault, tenants, backend) as house:
            for scope, team in zip(house.scopes, house.teams, strict=True):
                await furnish(house.db, scope, team)
            yield house, fake


async def furnish(db: Database, scope: TenantScope, team: Team) -> None:
    async with db.tenant(scope) as session:
        agent = await session.fetchval("SELECT id FROM agents WHERE tenant_id = $1", scope.tenant_id)
    await change_persona(db, scope, agent, f"You know {canary('persona', team)}.")
    await Documents(db).add(scope, "Opening hours", f"The shop of {canary('document', team)} opens at nine.", source="test")


async def mixed_turns(house: House, fake: FakeOpenAi) -> None:
    """Answers, refusals, failures and duplicates of both tenants, mixed."""
    for team in house.teams:
        words = f"When does the shop open? {canary('text', team)}"
        profile = {"display_name": canary("name", team)}
        files = [{"id": "F1", "name": canary("file", team)}]
        call = {"index": 0, "id": "c1", "function": {"name": "look", "arguments": canary("tool", team)}}
        fake.script.extend(
            [
                openai.reply(f"At nine. {canary('answer', team)}"),
                openai.stream([openai.chunk({"tool_calls": [call]}), openai.chunk({}, "tool_calls")]),
                openai.error(401, message=canary("answer", team)),
            ]
        )
        direct = message(team, "D1", "U1", words, user_profile=profile, files=files)
        plain, mention = mention_pair(team, "C1", "U2", words, user_profile=profile)
        chatter = message(team, "C2", "U2", words, user_profile=profile)
        stranger = message(Team("TNOBODY", "A1", "UBOT", "x"), "D1", "U1", words)
        # Slack says of this one that there is no such channel: its answer fails for good.
        nowhere = message(team, "D3", "U1", words)
        assert await house.deliver(direct, plain, mention, mention, direct, chatter, stranger, nowhere) == [200] * 8
        assert await house.post(canary("malformed", team).encode()) == 400
        assert await house.post(encode(direct), {"X-Slack-Signature": canary("malformed", team)}) == 401
    house.engine.kick()
    await house.idle()
    house.slack.fault, house.slack.accept = answers(429, "{}", Retry_After="1"), False
    house.slack.fault_in, house.slack.fault_times = "chat.postMessage", 2
    for team in house.teams:
        assert await house.deliver(message(team, "D2", "U1", f"still there? {canary('text', team)}")) == [200]
    house.engine.kick()
    await house.idle()
    await until(lambda: house.engine.in_flight == 0)


def living(kind: type[T]) -> list[T]:
    return [found for _, found in held.objects() if isinstance(found, kind)]


async def test_nothing_of_a_tenant_stays(busy: tuple[House, FakeOpenAi]) -> None:
    house, fake = busy
    await mixed_turns(house, fake)
    gc.collect()
    words = canaries(house)
    assert [len(house.texts(team)) for team in house.teams] == [3, 3]
    assert house.slack.fault_times == 0

    assert held.search(held.modules(), words) == []
    assert held.search(held.objects(), words) == []
    assert held.search(((name, task) for name, task in held.tasks() if not name.endswith("RequestHandler.start")), words) == []
    what_queues_is_empty(house)
    # A connection that is being given back to its pool is nobody's for a moment.
    await until(lambda: strangers() <= {"PoolConnectionHolder.release"})
    await until(lambda: not strangers())
    assert structlog.contextvars.get_contextvars() == {}
    assert [place for place, value in held.task_contexts() if "structlog_" in place and value is not Ellipsis] == []
    # A connection's reader keeps the context in which it was opened: ids at most.
    assert held.search(held.contexts(), words) == []


def strangers() -> set[str]:
    """Return the tasks that no service of the house explains."""
    return {name.rpartition(": ")[2] for name, _ in held.tasks()} - SERVICE_TASKS


def what_queues_is_empty(house: House) -> None:
    """Check the places where something waits while it is under way."""
    assert [list(lane) for lane in house.engine._active.values()] == [[], []]
    for ingest in living(Ingest):
        assert (len(ingest._waiting), ingest._waiting._lines, ingest._busy) == (0, {}, {})
        assert not ingest._flushing
    for router in living(Router):
        assert len(router._slots) == 0
    for limits in living(SendLimits):
        # Ids and times only: when a channel may be written to again.
        alone = limits._alone
        for tenant, account, *names in (*alone._next, *alone._pauses, *alone._places):
            assert _ID.fullmatch(tenant) and _ID.fullmatch(account)
            assert all(name in tiers.RATES or len(name) <= 2 for name in names)
    counts = [len(living(Ingest)), len(living(Router)), len(living(SendLimits)), len(living(Engine))]
    assert 0 not in counts


def _in_a_module(word: str) -> list[str]:
    konstruct.memory.window.CACHE = {"tenant": [word]}  # type: ignore[attr-defined]
    try:
        return held.search(held.modules(), [word])
    finally:
        del konstruct.memory.window.CACHE  # type: ignore[attr-defined]


def _in_a_class(word: str) -> list[str]:
    Router.last = (word.encode(),)  # type: ignore[attr-defined]
    try:
        return held.search(held.modules(), [word])
    finally:
        del Router.last  # type: ignore[attr-defined]


def _in_an_object(word: str) -> list[str]:
    counters = Counters()
    counters.note = {1: {word}}  # type: ignore[attr-defined]
    return held.search(held.objects(), [word])


def _in_a_closure(word: str) -> list[str]:
    counters = Counters()
    counters.note = functools.partial(lambda: word)  # type: ignore[attr-defined]
    return held.search(held.objects(), [word])


def _in_a_cache(word: str) -> list[str]:
    counters = Counters()
    counters.note = functools.lru_cache(str.upper)  # type: ignore[attr-defined]
    counters.note(word)  # type: ignore[attr-defined]
    return held.search(held.objects(), [word])


@pytest.mark.parametrize("plant", [_in_a_module, _in_a_class, _in_an_object, _in_a_closure, _in_a_cache])
def test_the_search_finds_what_is_kept(plant: Callable[[str], list[str]]) -> None:
    word = f"planted-{uuid4()}"
    (line,) = plant(word)
    assert word in line


async def test_the_search_finds_what_a_task_and_a_context_keep() -> None:
    word = f"planted-{uuid4()}"

    async def wait(text: str) -> None:
        await asyncio.Event().wait()
        assert text

    with structlog.contextvars.bound_contextvars(tenant_id=word):
        task = asyncio.create_task(wait(word))
    await asyncio.sleep(0)
    try:
        assert word in str(held.search(held.tasks(), [word]))
        assert held.search(held.contexts(), [word]) != []
        (place,) = [place for place, value in held.task_contexts() if value == word]
        assert place.endswith("structlog_tenant_id")
    finally:
        task.cancel()


def test_every_celery_task_is_a_plain_function(settings: Settings) -> None:
    app = create_celery(settings)
    register_tasks(app, wake=lambda: None, prune=lambda: None, count=lambda: None, archive=lambda: None, polls=lambda: None)
    ours = {name: task for name, task in app.tasks.items() if not name.startswith("celery.")}
    assert set(ours) == {WAKE, PRUNE, COUNT, ARCHIVE, POLLS}
    for task in ours.values():
        for function in (task.run, inspect.unwrap(task.run), task.__call__):
            assert not inspect.iscoroutinefunction(function)
            assert not inspect.isasyncgenfunction(function)
        assert task.run() is None
