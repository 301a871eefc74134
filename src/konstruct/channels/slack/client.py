"""Calls of Slack's Web API: each is made once, and says whether its request was written.

The vendor's client does the encoding; its retries, its logger and its proxy from the environment are off.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, cast

import aiohttp
import structlog
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

log = structlog.get_logger()

CONNECT_TIMEOUT_S = 5.0
"""For the connection alone, so that a dead address leaves time for another attempt."""

_CONNECTIONS = 256
_KEEPALIVE_S = 20.0

# The SDK formats payloads into debug records; nothing is above this level.
_SDK_LOG = logging.getLogger("konstruct.channels.slack.sdk")
_SDK_LOG.setLevel(logging.CRITICAL + 1)


@dataclass(frozen=True, slots=True)
class Answer:
    """Slack answered with a JSON object."""

    status: int
    data: Mapping[str, Any]
    retry_after_s: float | None
    scopes: str | None = None
    """What the token may do, as Slack says beside its answer."""


@dataclass(frozen=True, slots=True)
class NotWritten:
    """The request never left: no connection, or the time was over before it stood."""

    reason: str


@dataclass(frozen=True, slots=True)
class Lost:
    """The request was written, at least in part; what became of it is not known."""

    reason: str


Result = Answer | NotWritten | Lost
Call = Callable[[AsyncWebClient], Awaitable[Any]]


@dataclass(slots=True)
class _Attempt:
    """What the trace hook tells about one request."""

    deadline: float
    written: bool = False


class _DeadlineError(Exception):
    """The time was over when the connection stood."""


class SlackClient:
    """One HTTP session for all tenants: no cookies, no environment, no redirects; tokens live in single calls only."""

    def __init__(self, base_url: str) -> None:
        self._base_url = base_url
        self._session: aiohttp.ClientSession | None = None

    async def call(self, call: Call, token: str | None, timeout_s: float) -> Result:
        """Make `call` with a client that acts as `token`, within `timeout_s`. Raises nothing but a cancellation.

        Without a token for the methods that take the app's own secret.
        """
        if token is not None and not _sendable(token):
            return Answer(200, {"ok": False, "error": "invalid_auth"}, None)
        attempt = _Attempt(deadline=time.monotonic() + timeout_s)
        client = self._client(token, attempt)
        try:
            async with asyncio.timeout(timeout_s):
                response = await call(client)
        except SlackApiError as error:
            return _answer(error.response)
        except _DeadlineError:
            return NotWritten("timeout")
        except Exception as error:
            # Whatever the transport or the SDK makes of a broken answer, only one thing decides: was the request written?
            log.debug("slack.call_failed", error=type(error).__name__, written=attempt.written)
            return Lost(_reason(error)) if attempt.written else NotWritten("no_connection")
        return _answer(response)

    async def post(self, url: str, body: Mapping[str, Any], timeout_s: float) -> Result:
        """Post `body` to an address that Slack gave for one answer, without any token. Raises nothing but a cancellation.

        Whatever is not accepted is an Answer that is not `ok`, with the status for an error.
        """
        attempt = _Attempt(deadline=time.monotonic() + timeout_s)
        try:
            async with asyncio.timeout(timeout_s):
                async with self._open().post(url, json=body, allow_redirects=False, trace_request_ctx=attempt) as response:
                    accepted = response.status == 200
                    data = {"ok": accepted, "error": f"http_{response.status}"}
                    return Answer(response.status, data, _retry_after(response.headers.get("Retry-After")))
        except _DeadlineError:
            return NotWritten("timeout")
        except Exception as error:
            log.debug("slack.post_failed", error=type(error).__name__, written=attempt.written)
            return Lost(_reason(error)) if attempt.written else NotWritten("no_connection")

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _client(self, token: str | None, attempt: _Attempt) -> AsyncWebClient:
        session = cast(aiohttp.ClientSession, _TracedSession(self._open(), attempt))
        client = AsyncWebClient(token=token, base_url=self._base_url, session=session, logger=_SDK_LOG, retry_handlers=[])
        client.proxy = None  # The SDK reads HTTPS_PROXY itself.
        return client

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


class _TracedSession:
    """The part of a session that the SDK uses, with each request tied to its attempt."""

    closed = False

    def __init__(self, session: aiohttp.ClientSession, attempt: _Attempt) -> None:
        self._session = session
        self._attempt = attempt

    def request(self, verb: str, url: str, **options: Any) -> Any:
        """Return aiohttp's request context. A redirect is not followed: it would repeat a post elsewhere."""
        return self._session.request(verb, url, allow_redirects=False, trace_request_ctx=self._attempt, **options)


async def _before_write(
    _session: aiohttp.ClientSession, context: SimpleNamespace, _params: aiohttp.TraceRequestHeadersSentParams
) -> None:
    """aiohttp fires this just before the first byte. A process that was frozen meanwhile must not write any more."""
    attempt: _Attempt = context.trace_request_ctx
    if time.monotonic() >= attempt.deadline:
        raise _DeadlineError
    attempt.written = True


def _sendable(token: str) -> bool:
    return bool(token) and token.isascii() and token.isprintable() and " " not in token


def _reason(error: Exception) -> str:
    """A name for the log and the row; the error's own text may quote the answer."""
    if isinstance(error, TimeoutError):
        return "timeout"
    return "connection_lost" if isinstance(error, aiohttp.ClientError | OSError) else "unreadable_answer"


def _answer(response: Any) -> Result:
    """`response` is the SDK's, or aiohttp's where the body was not JSON."""
    status = int(getattr(response, "status_code", 0) or getattr(response, "status", 0))
    data = getattr(response, "data", None)
    if not isinstance(data, dict):
        data = {}
    if status == 429 or isinstance(data.get("ok"), bool):
        headers = response.headers
        return Answer(status, data, _retry_after(headers.get("Retry-After")), headers.get("X-OAuth-Scopes"))
    return Lost(f"http_{status}" if status != 200 else "unreadable_answer")


def _retry_after(value: str | None) -> float | None:
    if value is None or len(value) > 6 or not (value.isascii() and value.isdigit()):
        return None
    return float(value)
