"""Any server that speaks OpenAI's chat completions: hosted models, gateways, vLLM, Ollama, llama.cpp."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager

import aiohttp

from konstruct.llm.backends.openai_answer import AnswerReader
from konstruct.llm.backends.openai_errors import error_from_status
from konstruct.llm.backends.openai_request import request_body
from konstruct.llm.backends.sse import SseParser
from konstruct.llm.port import ChatRequest, Delta, LlmError

MAX_ANSWER_BYTES = 8 << 20
"""Cap of one answer as sent: about 30,000 streamed tokens of 270 bytes each, above any reply we ask for."""
MAX_ERROR_BYTES = 1 << 16
_READ_BUFFER = 1 << 14
_LINGER_S = 0.25
_ERROR_BODY_S = 2.0


class OpenAiCompatBackend:
    """One base URL, one model. Keeps nothing between calls but the connections of one HTTP session."""

    name = "openai_compat"

    def __init__(self, url: str, model: str, *, api_key: str | None = None, timeout_s: float = 60.0) -> None:
        """`url` is the base, such as `https://host/v1`. `timeout_s` is the longest wait for a connection or the next piece."""
        self.model = model
        self._endpoint = url.rstrip("/").removesuffix("/chat/completions") + "/chat/completions"
        self._headers = {"Content-Type": "application/json", "Accept": "text/event-stream", "Accept-Encoding": "identity"}
        if api_key:
            self._headers["Authorization"] = f"Bearer {api_key}"
        self._timeout_s = timeout_s
        self._session: aiohttp.ClientSession | None = None

    async def stream(self, request: ChatRequest) -> AsyncIterator[Delta]:
        """Yield the answer's pieces, the last a Finish. Raises LlmError. Closing the generator closes the HTTP call."""
        model = request.model or self.model
        reader = AnswerReader()
        async with self._call(request_body(request, model)) as response:
            content_type = response.headers.get("Content-Type", "").lower()
            if "html" in content_type:
                raise LlmError("garbage", "the model server answered with a web page")
            if "json" in content_type:
                for delta in reader.whole(await _body(response)):
                    yield delta
            else:
                async with aclosing(_events(response)) as events:
                    async for event in events:
                        for delta in reader.chunk(event):
                            yield delta
                        if reader.done:
                            break
                await _drain(response)
        yield reader.finish()

    async def close(self) -> None:
        """Close the session and its connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    @asynccontextmanager
    async def _call(self, body: bytes) -> AsyncIterator[aiohttp.ClientResponse]:
        """One POST whose every failure, up to the end of the answer, is an LlmError without any of its text."""
        answered = False
        try:
            async with self._open_session().post(
                self._endpoint, data=body, headers=self._headers, allow_redirects=False
            ) as response:
                if response.status != 200:
                    raise error_from_status(response.status, await _error_body(response), response.headers.get("Retry-After"))
                answered = True
                yield response
        except TimeoutError:
            raise LlmError("timeout", f"the model server sent nothing for {self._timeout_s:g} s") from None
        except (aiohttp.ClientPayloadError, aiohttp.ClientResponseError):
            raise LlmError("garbage", "the model server's answer is cut off or is not HTTP") from None
        except (aiohttp.ClientError, OSError) as error:
            if answered:
                raise LlmError("garbage", "the connection was lost in the middle of the answer") from None
            raise LlmError("unavailable", f"cannot reach the model server ({type(error).__name__})") from None

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None or self._session.closed:
            self._session = aiohttp.ClientSession(
                # Thousands of turns wait at once; the per-tenant cap and the engine bound them, not the connector.
                connector=aiohttp.TCPConnector(limit=0, limit_per_host=0),
                timeout=aiohttp.ClientTimeout(
                    total=None, connect=self._timeout_s, sock_connect=self._timeout_s, sock_read=self._timeout_s
                ),
                # A cookie would be state that one tenant's call leaves for the next.
                cookie_jar=aiohttp.DummyCookieJar(),
                read_bufsize=_READ_BUFFER,
                trust_env=False,
            )
        return self._session


async def _events(response: aiohttp.ClientResponse) -> AsyncGenerator[bytes, None]:
    parser = SseParser()
    size = 0
    async for chunk in response.content.iter_any():
        size += len(chunk)
        if size > MAX_ANSWER_BYTES:
            raise LlmError("garbage", "the answer is larger than 8 MiB")
        for event in parser.feed(chunk):
            yield event
    for event in parser.finish():
        yield event


async def _body(response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > MAX_ANSWER_BYTES:
            raise LlmError("garbage", "the answer is larger than 8 MiB")
    return bytes(body)


async def _error_body(response: aiohttp.ClientResponse) -> bytes:
    """Return the start of an error's body. The status alone says enough, so trouble with the body is no error of its own."""
    body = bytearray()
    try:
        async with asyncio.timeout(_ERROR_BODY_S):
            async for chunk in response.content.iter_any():
                body += chunk
                if len(body) > MAX_ERROR_BYTES:
                    break
    except (TimeoutError, aiohttp.ClientError, OSError):
        return bytes(body)
    return bytes(body)


async def _drain(response: aiohttp.ClientResponse) -> None:
    """Read past the last event so that the connection can be used again; where that fails or takes long, close it."""
    try:
        async with asyncio.timeout(_LINGER_S):
            while await response.content.readany():
                continue
    except (TimeoutError, aiohttp.ClientError, OSError):
        response.close()
