"""The adapter against a strict server: what it sends, what it understands."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from aiohttp import web

from konstruct.llm.backends.openai_compat import OpenAiCompatBackend
from konstruct.llm.backends.openai_request import request_body
from konstruct.llm.collect import Collector
from konstruct.llm.port import ChatMessage, Finish, TextDelta, ToolCall, ToolSpec, Usage
from tests.llm.support import Clock, collect, request, text_of
from tests.support import fake_openai as openai
from tests.support.fake_openai import KEY, MODEL, FakeOpenAi

LOOKUP = ToolSpec("lookup", "Looks an order up", {"type": "object"})
BOOK = ToolSpec("book", "Books a table", {"type": "object"})


@asynccontextmanager
async def serving(behaviour: openai.Behaviour | None = None) -> AsyncIterator[tuple[FakeOpenAi, OpenAiCompatBackend]]:
    async with FakeOpenAi(behaviour) as fake:
        backend = OpenAiCompatBackend(fake.url, MODEL, api_key=KEY, timeout_s=5)
        try:
            yield fake, backend
        finally:
            await backend.close()


async def test_a_streamed_answer_with_its_usage() -> None:
    async with serving(openai.reply("We are open at nine.")) as (fake, backend):
        deltas = await collect(backend.stream(request("When?")))
    assert "".join(delta.text for delta in deltas if isinstance(delta, TextDelta)) == "We are open at nine."
    assert deltas[-1] == Finish("stop", Usage(1000, 600, 200), "gpt-4o-mini-2024-07-18")
    assert fake.requests[0]["messages"][-1] == {"role": "user", "content": "When?"}


async def test_the_connection_is_used_again_and_carries_no_cookie() -> None:
    ports: list[object] = []

    async def behave(fake: FakeOpenAi, req: web.Request, body: dict[str, object]) -> web.StreamResponse:
        ports.append(req.transport.get_extra_info("peername") if req.transport else None)
        if len(ports) == 1:
            return web.json_response(
                {"choices": [{"message": {"content": "one"}, "finish_reason": "stop"}]},
                headers={"Set-Cookie": "tenant=a; Path=/"},
            )
        # The end of the body comes a little after the last event, as it does over a real network.
        late = [*openai.events(openai.text_chunks("more")), b": bye\n\n"]
        return await openai.pieces(late, pause=lambda: asyncio.sleep(0.01))(fake, req, body)

    async with serving(behave) as (fake, backend):
        for _ in range(3):
            await text_of(backend, request())
    assert len(set(ports)) == 1
    assert not any("Cookie" in headers for headers in fake.headers)


async def test_tool_calls_arrive_in_pieces() -> None:
    def call(index: int, **parts: object) -> dict[str, object]:
        return {"tool_calls": [{"index": index, **parts}]}

    chunks = [
        openai.chunk(call(0, id="c1", type="function", function={"name": "lookup", "arguments": ""})),
        openai.chunk(call(0, function={"arguments": '{"id"'})),
        openai.chunk(call(1, id="c2", type="function", function={"name": "book", "arguments": "{}"})),
        openai.chunk(call(0, function={"arguments": ": 7}"})),
        openai.chunk({}, "tool_calls"),
    ]
    collector = Collector(Clock(), None)
    async with serving(openai.stream(chunks)) as (fake, backend):
        await collector.consume(backend.stream(replace(request(), tools=(LOOKUP, BOOK))))
    assert collector.tool_calls == (ToolCall("c1", "lookup", '{"id": 7}'), ToolCall("c2", "book", "{}"))
    assert collector.finish is not None
    assert collector.finish.reason == "tool_calls"
    assert [tool["function"]["name"] for tool in fake.requests[0]["tools"]] == ["book", "lookup"]


async def test_tool_results_go_back_as_the_service_wants_them() -> None:
    asked = ChatMessage("assistant", "", tool_calls=(ToolCall("c1", "lookup", "{}"),))
    result = ChatMessage("tool", "refused", tool_call_id="c1")
    base = request("Where is my order?")
    async with serving() as (_fake, backend):
        assert await text_of(backend, replace(base, messages=(*base.messages, asked, result))) == "Hello from the model."


@pytest.mark.parametrize(
    "message",
    [
        {"content": "Hello.", "refusal": None},
        {"content": [{"type": "text", "text": "Hel"}, {"type": "text", "text": "lo."}]},
        {"content": None, "refusal": "Hello."},
    ],
)
async def test_an_answer_that_was_not_streamed(message: dict[str, object]) -> None:
    payload = {"model": MODEL, "choices": [{"message": message, "finish_reason": "stop"}], "usage": openai.USAGE}
    async with serving(openai.whole(payload)) as (_fake, backend):
        deltas = await collect(backend.stream(request()))
    assert "".join(delta.text for delta in deltas if isinstance(delta, TextDelta)) == "Hello."
    assert deltas[-1] == Finish("stop", Usage(1000, 600, 200), MODEL)


async def test_whole_tool_calls_without_index_and_with_an_object_of_arguments() -> None:
    calls = [
        {"id": "a", "function": {"name": "lookup", "arguments": {"id": 7}}},
        {"id": "b", "function": {"name": "book", "arguments": "{}"}},
    ]
    payload = {"choices": [{"message": {"content": None, "tool_calls": calls}, "finish_reason": "tool_calls"}]}
    collector = Collector(Clock(), None)
    async with serving(openai.whole(payload)) as (_fake, backend):
        await collector.consume(backend.stream(request()))
    assert collector.tool_calls == (ToolCall("a", "lookup", '{"id":7}'), ToolCall("b", "book", "{}"))


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ({"prompt_tokens": 10, "completion_tokens": 2}, Usage(10, None, 2)),
        ({"prompt_tokens": 10, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 99}}, Usage(10, 10, 2)),
        ({"prompt_tokens": "many", "completion_tokens": -1, "prompt_tokens_details": None}, Usage()),
        ({"prompt_tokens": True}, Usage()),
    ],
)
async def test_usage_that_is_odd_or_missing_is_not_known(usage: dict[str, object], expected: Usage) -> None:
    async with serving(openai.reply("Hi.", usage=usage)) as (_fake, backend):
        finish = (await collect(backend.stream(request())))[-1]
    assert isinstance(finish, Finish)
    assert finish.usage == expected


async def test_slow_pieces_are_an_answer() -> None:
    async with serving(openai.pieces(openai.events(openai.text_chunks("slow but sure")), pause=lambda: asyncio.sleep(0.01))) as (
        _fake,
        backend,
    ):
        assert await text_of(backend, request()) == "slow but sure"


async def test_a_stream_left_open_after_its_end_does_not_hold_the_answer() -> None:
    async with serving(openai.hang(*openai.events(openai.text_chunks("done")))) as (_fake, backend):
        assert await text_of(backend, request()) == "done"


async def test_half_an_emoji_in_an_escape_is_no_failure() -> None:
    parts = [b'data: {"choices":[{"delta":{"content":"\\ud83d"}}]}\n\n', *openai.events([openai.chunk({}, "stop")])]
    collector = Collector(Clock(), None)
    async with serving(openai.pieces(parts)) as (_fake, backend):
        await collector.consume(backend.stream(request()))
    assert collector.text == "\N{REPLACEMENT CHARACTER}"


async def test_closing_the_stream_closes_the_call() -> None:
    first = openai.events([openai.chunk({"content": "Hel"})], done=False)
    async with serving(openai.hang(*first)) as (fake, backend):
        stream = backend.stream(request())
        async for delta in stream:
            assert delta == TextDelta("Hel")
            break
        await stream.aclose()  # type: ignore[attr-defined]  # the port promises an iterator; the adapter is a generator
        await asyncio.wait_for(fake.gone.wait(), 5)


async def test_reasoning_models_get_the_parameters_they_accept() -> None:
    async with FakeOpenAi(models=("gpt-5-mini", "gpt-oss:20b")) as fake:
        backend = OpenAiCompatBackend(fake.url + "/chat/completions/", "gpt-5-mini", api_key=KEY)
        assert await text_of(backend, request()) == "Hello from the model."
        assert await text_of(backend, replace(request(), model="gpt-oss:20b")) == "Hello from the model."
        await backend.close()
    assert fake.requests[0]["max_completion_tokens"] == 1024
    assert fake.requests[1]["max_tokens"] == 1024


def test_equal_requests_have_equal_bytes() -> None:
    one, two = replace(request("a"), tools=(LOOKUP, BOOK)), replace(request("a"), tools=(BOOK, LOOKUP))
    assert request_body(one, MODEL) == request_body(two, MODEL)
