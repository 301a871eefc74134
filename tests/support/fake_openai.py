"""A strict stand-in for OpenAI's chat completions on loopback: it refuses what the real service refuses, and fails on order."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Self

from aiohttp import web

KEY = "sk-fake-0123456789"
MODEL = "gpt-4o-mini"
USAGE = {"prompt_tokens": 1000, "completion_tokens": 200, "prompt_tokens_details": {"cached_tokens": 600}}
ROLES = {"system", "developer", "user", "assistant", "tool"}

Behaviour = Callable[["FakeOpenAi", web.Request, dict[str, Any]], Awaitable[web.StreamResponse]]


class FakeOpenAi:
    """`async with FakeOpenAi() as fake`: serves `fake.url`. Each valid request takes the next behaviour of `fake.script`,
    else `fake.default`. `requests` holds the valid bodies, `gone` is set when a client leaves before its answer is whole."""

    def __init__(self, default: Behaviour | None = None, *, key: str | None = KEY, models: Sequence[str] = (MODEL,)) -> None:
        self.default = default or reply("Hello from the model.")
        self.script: deque[Behaviour] = deque()
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.arrived = asyncio.Event()
        self.gone = asyncio.Event()
        self.url = ""
        self.port = 0
        self._key = key
        self._models = models
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_post("/v1/chat/completions", self._complete)
        app.router.add_get("/v1/models", self._list)
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.port = self._runner.addresses[0][1]
        self.url = f"http://127.0.0.1:{self.port}/v1"
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    async def _list(self, _request: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": [{"id": model, "object": "model"} for model in self._models]})

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        if self._key is not None and request.headers.get("Authorization") != f"Bearer {self._key}":
            given = request.headers.get("Authorization", "")
            return failure(401, f"Incorrect API key provided: {given}.", "invalid_request_error", "invalid_api_key")
        try:
            body = json.loads(await request.read())
        except ValueError:
            return failure(400, "We could not parse the JSON body of your request.", "invalid_request_error", None)
        refused = self._validate(body)
        if refused is not None:
            return refused
        self.requests.append(body)
        self.headers.append(dict(request.headers))
        self.arrived.set()
        behaviour = self.script.popleft() if self.script else self.default
        try:
            return await behaviour(self, request, body)
        except (asyncio.CancelledError, ConnectionError):
            self.gone.set()
            raise

    def _validate(self, body: Any) -> web.Response | None:
        if not isinstance(body, dict) or not isinstance(body.get("model"), str) or not body["model"]:
            return failure(400, "you must provide a model parameter", "invalid_request_error", None)
        if body["model"] not in self._models:
            return failure(404, f"The model `{body['model']}` does not exist", "invalid_request_error", "model_not_found")
        problem = _messages_problem(body.get("messages")) or _parameters_problem(body)
        return failure(400, problem, "invalid_request_error", "invalid_type") if problem else None


def failure(status: int, message: str, kind: str, code: str | None, headers: dict[str, str] | None = None) -> web.Response:
    """The error body of the real service."""
    return web.json_response(
        {"error": {"message": message, "type": kind, "param": None, "code": code}}, status=status, headers=headers
    )


def _messages_problem(messages: Any) -> str | None:
    if not isinstance(messages, list) or not messages:
        return "Invalid 'messages': empty array. Expected an array with minimum length 1."
    asked: set[str] = set()
    for message in messages:
        if not isinstance(message, dict) or message.get("role") not in ROLES:
            return "Invalid value: unknown role."
        calls = message.get("tool_calls") or []
        if not isinstance(message.get("content"), str) and not (message["role"] == "assistant" and calls):
            return "Invalid value for 'content': expected a string, got null."
        asked |= {call["id"] for call in calls}
        if message["role"] == "tool" and message.get("tool_call_id") not in asked:
            return "messages with role 'tool' must be a response to a preceding message with 'tool_calls'."
    return None


def _parameters_problem(body: dict[str, Any]) -> str | None:
    known = {
        "model", "messages", "stream", "stream_options", "max_tokens", "max_completion_tokens", "temperature", "tools",
    }  # fmt: skip
    unknown = set(body) - known
    if unknown:
        return "Unrecognized request argument supplied."
    if "stream_options" in body and not body.get("stream"):
        return "The 'stream_options' parameter is only allowed when 'stream' is enabled."
    if body["model"].startswith(("gpt-5", "o3")) and ("max_tokens" in body or body.get("temperature", 1) != 1):
        return "Unsupported parameter: 'max_tokens' is not supported with this model."
    return None


def chunk(delta: dict[str, Any] | None = None, finish: str | None = None, **extra: Any) -> dict[str, Any]:
    """One chat.completion.chunk; without a delta it has no choices, as the last one with the usage."""
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish}]
    return {"id": "chatcmpl-1", "object": "chat.completion.chunk", "model": f"{MODEL}-2024-07-18", "choices": choices, **extra}


def events(chunks: Sequence[dict[str, Any]], *, done: bool = True) -> list[bytes]:
    """The chunks as server-sent events."""
    lines = [b"data: " + json.dumps(each).encode() + b"\n\n" for each in chunks]
    return [*lines, b"data: [DONE]\n\n"] if done else lines


def text_chunks(text: str, usage: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    """The chunks of a whole answer, word by word, as the real service cuts it."""
    words = [chunk({"role": "assistant", "content": ""})]
    words += [chunk({"content": word}) for word in text.split(" ") for word in (word, " ")][:-1]
    return [*words, chunk({}, "stop"), chunk(usage=USAGE if usage is None else usage)]


def pieces(parts: Sequence[bytes], *, pause: Callable[[], Awaitable[None]] | None = None, die: bool = False) -> Behaviour:
    """Send `parts` as an event stream, awaiting `pause` before each; `die` cuts the connection instead of ending it."""

    async def behave(_fake: FakeOpenAi, request: web.Request, _body: dict[str, Any]) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream; charset=utf-8"})
        await response.prepare(request)
        for part in parts:
            if pause is not None:
                await pause()
            await response.write(part)
        if die:
            assert request.transport is not None
            request.transport.abort()
        return response

    return behave


def reply(text: str, *, usage: dict[str, Any] | None = None) -> Behaviour:
    """A whole streamed answer."""
    return pieces(events(text_chunks(text, usage)))


def stream(chunks: Sequence[dict[str, Any]], *, done: bool = True, die: bool = False) -> Behaviour:
    """A stream of these chunks."""
    return pieces(events(chunks, done=done), die=die)


def whole(payload: Any, *, content_type: str = "application/json") -> Behaviour:
    """An answer in one piece, from a server that does not stream."""
    return raw(json.dumps(payload).encode(), content_type=content_type)


def raw(
    body: bytes, *, status: int = 200, content_type: str = "application/json", headers: dict[str, str] | None = None
) -> Behaviour:
    """Any bytes under any status."""

    async def behave(_fake: FakeOpenAi, _request: web.Request, _body: dict[str, Any]) -> web.StreamResponse:
        return web.Response(status=status, body=body, headers={"Content-Type": content_type, **(headers or {})})

    return behave


def error(
    status: int, *, code: str | None = None, kind: str = "server_error", message: str = "", headers: dict[str, str] | None = None
) -> Behaviour:
    """The service's own error. Like the real one, it may quote the request in its message."""

    async def behave(_fake: FakeOpenAi, _request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        return failure(status, message or f"trouble with {body['messages'][-1]['content']}", kind, code, headers)

    return behave


def hang(*first: bytes) -> Behaviour:
    """Send `first` (if anything), then nothing until the client leaves."""

    async def behave(_fake: FakeOpenAi, request: web.Request, _body: dict[str, Any]) -> web.StreamResponse:
        if first:
            response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
            await response.prepare(request)
            for part in first:
                await response.write(part)
        await asyncio.Event().wait()
        raise AssertionError("a hanging answer never ends")

    return behave
