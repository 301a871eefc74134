"""Calls of Meta's Graph API: each is made once, and says whether its request was written.

Nothing is tried again here, no redirect is followed, and a token lives in a single call only.
"""

from __future__ import annotations

import asyncio
import json as json_
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, Literal
from urllib.parse import quote

import aiohttp
import structlog

from konstruct.channels.whatsapp.graph_errors import GraphError, error_of, wait_of

log = structlog.get_logger()

CONNECT_TIMEOUT_S = 5.0
"""For the connection alone, so that a dead address leaves time for another attempt."""
ANSWER_MAX = 4 << 20
"""Bytes of an answer; the largest that is known, a page of templates, has some hundred thousand."""
BAD_TOKEN = GraphError(190, None, "OAuthException")
"""What Meta says of a token that is none; such a one is not sent at all."""

_CONNECTIONS = 256
_KEEPALIVE_S = 20.0
_PIECE = 1 << 16


@dataclass(frozen=True, slots=True)
class Answer:
    """Meta, or something before it, answered."""

    status: int
    data: Mapping[str, Any] = field(repr=False)
    """The JSON object; empty if the body was none."""
    readable: bool
    """Whether the body was a JSON object."""
    error: GraphError | None = None
    """What the body says went wrong."""
    wait_s: float | None = None
    """For how long the answer asks to wait: `Retry-After`, or the time until the account may call again."""

    @property
    def ok(self) -> bool:
        """Whether the call did what it was to do."""
        return 200 <= self.status < 300 and self.readable and self.error is None


@dataclass(frozen=True, slots=True)
class NotWritten:
    """The request never left: no connection, or the time was over before it stood."""

    reason: str


@dataclass(frozen=True, slots=True)
class Lost:
    """The request was written, at least in part; what became of it is not known."""

    reason: str


Result = Answer | NotWritten | Lost
Verb = Literal["GET", "POST", "DELETE"]


@dataclass(slots=True)
class _Attempt:
    """What the trace hook tells about one request."""

    deadline: float
    written: bool = False


class _DeadlineError(Exception):
    """The time was over when the connection stood."""


class _RepeatedError(Exception):
    """The transport would write a request again whose connection broke: a call is made once."""


class TooLargeError(Exception):
    """The answer is longer than any that makes sense."""


class GraphClient:
    """One HTTP session for all tenants: no cookies, no environment, no redirects."""

    def __init__(self, base_url: str) -> None:
        """`base_url`: where the paths of `call` begin, with or without a version, with or without a slash at its end."""
        self.base_url = base_url.rstrip("/")
        self._session: aiohttp.ClientSession | None = None

    async def call(
        self,
        verb: Verb,
        path: str,
        token: str | None,
        *,
        timeout_s: float,
        params: Mapping[str, str] | None = None,
        json: Mapping[str, Any] | None = None,
        form: aiohttp.FormData | None = None,
    ) -> Result:
        """Call `path` (below the base, without a version) as `token`. Raises nothing but a cancellation.

        `timeout_s` is for the whole call, and also the latest moment at which the request may be written. Without a token
        for what takes the app's own secret.
        """
        if token is not None and not sendable(token):
            return Answer(401, {}, True, BAD_TOKEN)
        attempt = _Attempt(deadline=time.monotonic() + timeout_s)
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        address = f"{self.base_url}/{quote(path.lstrip('/'), safe='/')}"
        try:
            async with asyncio.timeout(timeout_s):
                asking = self._open().request(
                    verb, address, params=params, json=json, data=form, headers=headers, allow_redirects=False,
                    trace_request_ctx=attempt,
                )  # fmt: skip
                async with asking as response:
                    return _answer(response, await read(response, ANSWER_MAX))
        except _DeadlineError:
            return NotWritten("timeout")
        except Exception as error:
            # Whatever the transport makes of a broken answer, only one thing decides: was the request written?
            log.debug("whatsapp.call_failed", error=type(error).__name__, written=attempt.written)
            return Lost(_reason(error)) if attempt.written else NotWritten("no_connection")

    def download(self, url: str, token: str) -> Any:
        """Return aiohttp's context of an answer from `url`, which the caller has found to be Meta's own. No redirects."""
        attempt = _Attempt(deadline=float("inf"))
        headers = {"Authorization": f"Bearer {token}"}
        return self._open().get(url, headers=headers, allow_redirects=False, trace_request_ctx=attempt)

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            trace = aiohttp.TraceConfig()
            trace.on_request_headers_sent.append(_before_write)
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=_CONNECTIONS, keepalive_timeout=_KEEPALIVE_S),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT_S),
                trace_configs=[trace],
                trust_env=False,
            )
        return self._session


async def read(response: aiohttp.ClientResponse, most: int) -> bytes:
    """Return the body. Raises an error if it has more than `most` bytes: what it says of its length proves nothing."""
    content = bytearray()
    async for piece in response.content.iter_chunked(_PIECE):
        content += piece
        if len(content) > most:
            raise TooLargeError
    return bytes(content)


def sendable(token: str) -> bool:
    """Whether `token` can stand in a header."""
    return bool(token) and token.isascii() and token.isprintable() and " " not in token


async def _before_write(
    _session: aiohttp.ClientSession, context: SimpleNamespace, _params: aiohttp.TraceRequestHeadersSentParams
) -> None:
    """aiohttp fires this just before the first byte. A process that was frozen meanwhile must not write any more."""
    attempt: _Attempt = context.trace_request_ctx
    if attempt.written:
        # aiohttp does so by itself for GET and DELETE, where a kept connection broke.
        raise _RepeatedError
    if time.monotonic() >= attempt.deadline:
        raise _DeadlineError
    attempt.written = True


def _reason(error: Exception) -> str:
    """A name for the log and the row; the error's own text may quote the answer."""
    if isinstance(error, TimeoutError):
        return "timeout"
    return "connection_lost" if isinstance(error, aiohttp.ClientError | OSError) else "unreadable_answer"


def _answer(response: aiohttp.ClientResponse, content: bytes) -> Answer:
    try:
        data = json_.loads(content)
    except (ValueError, RecursionError):
        data = None
    known = data if isinstance(data, dict) else {}
    return Answer(response.status, known, isinstance(data, dict), error_of(known), wait_of(response.headers))
