"""A model that fails, in every way in which one can: exactly one plain sentence to whoever asked, and a row for each call."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from konstruct.agents import fallbacks
from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.kit.settings import Settings
from konstruct.llm.backends.openai_compat import OpenAiCompatBackend
from konstruct.tenants.vault import Vault
from tests.bad_input.support import all_answered, one_answer_to, rows
from tests.support import fake_openai as openai
from tests.support.fake_openai import KEY, MODEL, FakeOpenAi
from tests.support.house import House, open_house
from tests.support.slack_events import message

SECRET = "the-text-of-the-model"
HTML = f"<!doctype html><html><body><h1>502 Bad Gateway {SECRET}</h1></body></html>".encode()
CALLS = [
    openai.chunk({"tool_calls": [{"index": 0, "id": "c1", "function": {"name": "rm\x00 -rf", "arguments": "{not json"}}]}),
    openai.chunk({}, "tool_calls"),
]
NOTHING = {
    "no words": openai.reply(""),
    "blanks": openai.reply(" \n\t "),
    "NUL characters": openai.reply("\x00\x00"),
    "invisible characters": openai.reply("\u200b\u2060\ufeff"),
    "no body": openai.raw(b"", content_type="text/event-stream"),
    "no choices": openai.whole({"choices": []}),
    "an end without a beginning": openai.stream([]),
    "a cut connection": openai.stream([openai.chunk({"content": SECRET})], done=False, die=True),
    "bytes": openai.raw(b"\x00\xff\xfe" + SECRET.encode(), content_type="application/octet-stream"),
    "broken events": openai.pieces([b"data: {" + SECRET.encode() + b"\n\n", b"data: [DONE]\n\n"]),
    "another shape": openai.whole([{"answer": SECRET}]),
    "tool calls without end": openai.stream(CALLS),
    "a page": openai.raw(HTML, content_type="text/html"),
    "a page of an error": openai.raw(HTML, status=502, content_type="text/html"),
    "429": openai.error(429, code="rate_limit_exceeded"),
    "500": openai.error(500, message=f"Traceback (most recent call last): {SECRET}"),
    "401": openai.error(401, code="invalid_api_key", message=f"Incorrect API key provided: {KEY}."),
    "404": openai.error(404, code="model_not_found"),
    "too long": openai.error(400, code="context_length_exceeded"),
    "an error inside the answer": openai.stream([{"error": {"message": SECRET, "code": "server_error"}}]),
}
EMPTY = {"no words", "blanks", "NUL characters", "invisible characters"}
REASONS = {"tool calls without end": fallbacks.TOO_MANY_STEPS, "too long": fallbacks.TOO_LONG} | dict.fromkeys(
    EMPTY, fallbacks.EMPTY
)


@asynccontextmanager
async def furnished(
    settings: Settings, db: Database, vault: Vault, tenants: tuple[TenantScope, TenantScope], fake: FakeOpenAi
) -> AsyncIterator[House]:
    """A house whose model is behind `fake`."""
    backend = OpenAiCompatBackend(fake.url, MODEL, api_key=KEY, timeout_s=30)
    async with open_house(settings, db, vault, tenants, backend) as house:
        yield house


async def one_fallback(house: House, reason: str) -> None:
    """Ask; check that one plain sentence comes, the one of `reason`, and that the turn is written down as it was."""
    text = await one_answer_to(house, house.teams[0], "D1")
    assert text == fallbacks.sentence(reason)
    assert not re.search(r"Traceback|Error|HTTP|\d{3}|[{}<>]|sk-|_", text)
    (turn,) = await rows(house, "turns")
    assert (turn["outcome"], turn["reason"]) == ("fallback", reason)
    (delivery,) = await rows(house, "deliveries")
    assert (delivery["kind"], delivery["state"]) == ("fallback", "sent")
    assert await rows(house, "dead_letters") == []
    assert len(house.slack.posts) == 1


@pytest.mark.parametrize("case", NOTHING)
async def test_a_model_that_gives_nothing_of_use(
    settings: Settings, db: Database, house_vault: Vault, tenants: tuple[TenantScope, TenantScope], case: str
) -> None:
    async with FakeOpenAi(NOTHING[case]) as fake, furnished(settings, db, house_vault, tenants, fake) as house:
        await one_fallback(house, REASONS.get(case, fallbacks.MODEL_DOWN))
        assert len(await rows(house, "llm_calls")) == len(fake.requests)
        assert fake.requests != []


@pytest.mark.parametrize("said_first", [False, True])
async def test_a_model_that_hangs_is_cut_off_at_the_turns_deadline(
    settings: Settings, db: Database, house_vault: Vault, tenants: tuple[TenantScope, TenantScope], said_first: bool
) -> None:
    first = openai.events([openai.chunk({"content": SECRET})], done=False) if said_first else []
    quick = settings.model_copy(update={"turn_deadline_s": 1.5})
    async with FakeOpenAi(openai.hang(*first)) as fake, furnished(quick, db, house_vault, tenants, fake) as house:
        await one_fallback(house, fallbacks.TOO_SLOW)
        assert [call["outcome"] for call in await rows(house, "llm_calls")] == ["timeout"]
        await fake.gone.wait()


async def test_a_model_server_that_is_not_there(
    settings: Settings, db: Database, house_vault: Vault, tenants: tuple[TenantScope, TenantScope]
) -> None:
    async with FakeOpenAi() as fake:
        pass
    async with furnished(settings, db, house_vault, tenants, fake) as house:
        await one_fallback(house, fallbacks.MODEL_DOWN)
        assert {call["outcome"] for call in await rows(house, "llm_calls")} == {"unavailable"}


async def test_what_came_meanwhile_is_answered_and_the_next_answer_is_a_real_one(
    settings: Settings, db: Database, house_vault: Vault, tenants: tuple[TenantScope, TenantScope]
) -> None:
    async with FakeOpenAi() as fake, furnished(settings, db, house_vault, tenants, fake) as house:
        fake.script.append(openai.error(401))
        await one_fallback(house, fallbacks.MODEL_DOWN)
        assert await one_answer_to(house, house.teams[0], "D1") == "Hello from the model."
        assert await one_answer_to(house, house.teams[1], "D1") == "Hello from the model."
        asked = [body["messages"][-1]["content"] for body in fake.requests]
        assert len(asked) == 3
        assert await house.deliver(message(house.teams[0], "D2", "U1", "another channel")) == [200]
        await all_answered(house)
        assert len(house.slack.posts) == 4
