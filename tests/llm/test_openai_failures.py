"""Every way a model server fails has a kind, and none repeats the prompt, the answer or the key."""

from __future__ import annotations

import asyncio
import socket
import traceback
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from konstruct.llm.backends import openai_compat
from konstruct.llm.backends.openai_compat import OpenAiCompatBackend
from konstruct.llm.backends.openai_errors import retry_after_seconds
from konstruct.llm.port import ChatMessage, ChatRequest, LlmError
from tests.llm.support import CANARY, collect, request
from tests.support import fake_openai as openai
from tests.support.fake_openai import KEY, MODEL, FakeOpenAi

HELLO = openai.chunk({"content": f"Hello {CANARY}"})


async def failure_of(
    behaviour: openai.Behaviour | None = None, *, asked: ChatRequest | None = None, key: str | None = KEY, timeout_s: float = 5
) -> LlmError:
    """The error of one call; checks that neither it nor its traceback holds the canary or the key."""
    async with FakeOpenAi(behaviour) as fake:
        backend = OpenAiCompatBackend(fake.url, MODEL, api_key=key, timeout_s=timeout_s)
        try:
            return await error_of(backend, asked or request())
        finally:
            await backend.close()


async def error_of(backend: OpenAiCompatBackend, asked: ChatRequest) -> LlmError:
    with pytest.raises(LlmError) as caught:
        await collect(backend.stream(asked))
    shown = "".join(traceback.format_exception(caught.value)) + str(caught.value) + repr(caught.value.args)
    assert CANARY not in shown
    assert "sk-fake" not in shown
    assert caught.value.__cause__ is None
    return caught.value


@pytest.mark.parametrize(
    ("behaviour", "kind", "status"),
    [
        (openai.error(429, code="rate_limit_exceeded"), "rate_limited", 429),
        (openai.error(500), "unavailable", 500),
        (openai.error(503, kind="overloaded_error"), "unavailable", 503),
        (openai.raw(b"<html>502 Bad Gateway</html>", status=502, content_type="text/html"), "unavailable", 502),
        (openai.error(400, code="context_length_exceeded"), "too_long", 400),
        (openai.error(400, message="This model's maximum context length is 8192 tokens."), "too_long", 400),
        (openai.error(400, message="the request exceeds the available context size"), "too_long", 400),
        (openai.error(413), "too_long", 413),
        (openai.error(400, kind="invalid_request_error"), "bad_request", 400),
        (openai.error(400, code=CANARY), "bad_request", 400),
        (openai.error(422), "bad_request", 422),
        (openai.error(403), "auth", 403),
        (openai.error(408), "timeout", 408),
        (openai.raw(b"", status=302, headers={"Location": "http://127.0.0.1:9/v1"}), "bad_request", 302),
        (openai.raw(b"<!doctype html><p>Sign in", content_type="text/html"), "garbage", None),
        (openai.raw(b"\x00\xff\xfe" + CANARY.encode()), "garbage", None),
        (openai.raw(b"[1, 2]"), "garbage", None),
        (openai.raw(CANARY.encode(), content_type="text/plain"), "garbage", None),
        (openai.raw(b""), "garbage", None),
        (openai.pieces([]), "garbage", None),
        (openai.pieces([b"data: not json " + CANARY.encode() + b"\n\n"]), "garbage", None),
        (openai.pieces([b"data: [DONE]\n\n"]), "garbage", None),
        (openai.whole({"choices": []}), "garbage", None),
        (openai.stream([HELLO], done=False), "garbage", None),
        (openai.stream([HELLO], done=False, die=True), "garbage", None),
        (openai.stream([{"error": {"message": CANARY, "code": "rate_limit_exceeded"}}]), "rate_limited", None),
        (openai.stream([HELLO, {"error": {"message": CANARY}}]), "unavailable", None),
        (openai.whole({"error": f"prompt is too long: {CANARY}"}), "too_long", None),
    ],
)
async def test_each_failure_has_its_kind(behaviour: openai.Behaviour, kind: str, status: int | None) -> None:
    error = await failure_of(behaviour)
    assert (error.kind, error.status) == (kind, status)


async def test_an_answer_without_text_is_whole_and_empty() -> None:
    async with FakeOpenAi(openai.stream([openai.chunk({"content": ""}), openai.chunk({}, "stop")])) as fake:
        backend = OpenAiCompatBackend(fake.url, MODEL, api_key=KEY)
        assert len(await collect(backend.stream(request()))) == 1
        await backend.close()


@pytest.mark.parametrize("key", ["sk-fake-wrong-key", None])
async def test_a_wrong_or_missing_key(key: str | None) -> None:
    assert (await failure_of(key=key)).kind == "auth"


@pytest.mark.parametrize(
    "asked",
    [
        replace(request(), model="no-such-model"),
        replace(request(), messages=()),
        replace(request(), messages=(ChatMessage("wizard", CANARY),)),  # type: ignore[arg-type]  # what the server must refuse
    ],
)
async def test_a_request_that_the_server_refuses(asked: ChatRequest) -> None:
    assert (await failure_of(asked=asked)).kind == "bad_request"


@pytest.mark.parametrize("behaviour", [openai.hang(), openai.hang(*openai.events([HELLO], done=False))])
async def test_silence_is_a_timeout(behaviour: openai.Behaviour) -> None:
    assert (await failure_of(behaviour, timeout_s=0.2)).kind == "timeout"


async def test_nobody_listens() -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        backend = OpenAiCompatBackend(f"http://127.0.0.1:{held.getsockname()[1]}/v1", MODEL)
        assert (await error_of(backend, request())).kind == "unavailable"
        await backend.close()


async def test_a_server_that_speaks_no_http() -> None:
    async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"220 mail.example ESMTP " + CANARY.encode() + b"\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(babble, "127.0.0.1", 0)
    backend = OpenAiCompatBackend(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", MODEL)
    async with server:
        assert (await error_of(backend, request())).kind == "garbage"
    await backend.close()


@pytest.mark.parametrize("streamed", [True, False])
async def test_an_answer_without_end_is_cut_off(streamed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openai_compat, "MAX_ANSWER_BYTES", 10_000)
    long = "word " * 4000
    payload = {"choices": [{"message": {"content": long}, "finish_reason": "stop"}]}
    error = await failure_of(openai.reply(long) if streamed else openai.whole(payload))
    assert error.kind == "garbage"


async def test_retry_after_is_read_and_honoured_in_both_forms() -> None:
    assert (await failure_of(openai.error(429, headers={"Retry-After": "7"}))).retry_after_s == 7.0
    assert (await failure_of(openai.error(503, headers={"Retry-After": "2.5"}))).retry_after_s == 2.5
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True)
    assert 90 <= (retry_after_seconds(soon) or 0) <= 100
    assert retry_after_seconds("Thu, 01 Jan 1970 00:00:00 GMT") == 0
    assert retry_after_seconds("soon") is None
    assert retry_after_seconds("-1") is None
