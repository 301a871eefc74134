"""Webhooks: verified, parsed, committed, and only then acknowledged."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from konstruct.channels import echoes
from konstruct.channels.port import ChannelAdapter, Echo, InboundMessage
from konstruct.db.database import STORAGE_ERRORS
from konstruct.kit.errors import StorageUnavailableError
from konstruct.web.deps import Deps

log = structlog.get_logger()

BODY_MAX = 1 << 20
"""Slack's events are far smaller; what is larger is not one."""


class BodyTooLargeError(Exception):
    """The request holds more than BODY_MAX bytes."""


def routes() -> list[Route]:
    """Return the webhook routes. They are plain Starlette routes: nothing of FastAPI's validation is on this path."""
    return [Route("/webhooks/slack/events", _endpoint("slack"), methods=["POST"], name="slack_events")]


def _endpoint(kind: str) -> Callable[[Request], Awaitable[Response]]:
    async def receive(request: Request) -> Response:
        started = time.perf_counter()
        deps: Deps = request.app.state.deps
        try:
            body = await _body(request)
        except BodyTooLargeError:
            response, outcome = _plain(413, f"a webhook's body has at most {BODY_MAX} bytes"), "too_large"
        except ClientDisconnect:
            response, outcome = _plain(400, "the body did not arrive"), "disconnected"
        else:
            response, outcome = await _take(deps, deps.adapters[kind], body, request)
            if response.status_code == 200:
                deps.counters.observe("ack_s", time.perf_counter() - started)
        deps.counters.inc("webhooks_total", channel=kind, outcome=outcome)
        if response.status_code != 200:
            log.warning("webhook_refused", channel=kind, status=response.status_code, outcome=outcome)
        return response

    return receive


async def _take(deps: Deps, adapter: ChannelAdapter, body: bytes, request: Request) -> tuple[Response, str]:
    """Return the answer to a request and a word for the metrics. 2xx means: committed, or nothing to commit."""
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in request.headers.raw}
    refused = adapter.verify(body, headers, time.time())
    if refused is not None:
        log.info("webhook_not_verified", channel=adapter.kind, reason=refused)
        return _plain(401, "the signature does not fit"), "unverified"
    if (handshake := adapter.handshake(body, headers)) is not None:
        return Response(handshake.body, handshake.status, media_type=handshake.content_type), "handshake"
    try:
        inbound = adapter.parse(body)
    except ValueError as error:
        return _plain(400, str(error)), "malformed"
    messages = [item for item in inbound if isinstance(item, InboundMessage)]
    try:
        if own := [item for item in inbound if isinstance(item, Echo)]:
            await echoes.settle(deps.db, adapter.kind, own)
        if not messages:
            return Response(status_code=200), "echo" if own else "ignored"
        results = await deps.ingest.accept(adapter.kind, messages, body)
    except (StorageUnavailableError, *STORAGE_ERRORS) as error:
        log.error("webhook_not_stored", channel=adapter.kind, error=type(error).__name__)
        return _plain(503, "not stored; please deliver again"), "storage"
    return Response(status_code=200), results[0] if len(results) == 1 else "batch"


async def _body(request: Request) -> bytes:
    """Return the raw body. Raises BodyTooLargeError as soon as that is known."""
    declared = request.headers.get("content-length", "")
    if declared.isascii() and declared.isdigit() and int(declared[:12]) > BODY_MAX:
        raise BodyTooLargeError
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > BODY_MAX:
            raise BodyTooLargeError
        chunks.append(chunk)
    return b"".join(chunks)


def _plain(status: int, text: str) -> Response:
    return Response(text, status, media_type="text/plain")
