"""Webhooks: verified, parsed, committed, and only then acknowledged.

They are bare ASGI: on this path, the busiest, a request object and the application's middleware cost more than our own
work (docs/performance.md).
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

import structlog
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from konstruct.channels import echoes
from konstruct.channels.port import ChannelAdapter, Echo, Ignored, Inbound, InboundMessage
from konstruct.channels.port_abilities import ReadsForms
from konstruct.channels.port_events import ChannelEvent
from konstruct.db.database import TRANSIENT_ERRORS
from konstruct.db.session import UniqueViolation
from konstruct.kit.errors import StorageUnavailableError
from konstruct.web.deps import Deps

log = structlog.get_logger()

BODY_MAX = 1 << 20
"""Slack's events are far smaller; what is larger is not one."""

Answer = tuple[int, bytes, str]
"""Status, body and content type."""
_TEXT = "text/plain; charset=utf-8"
_OK: Answer = (200, b"", _TEXT)


class BodyTooLargeError(Exception):
    """The request holds more than BODY_MAX bytes."""


class DisconnectedError(Exception):
    """The client left before its body was complete."""


class Webhook:
    """The ASGI application of one channel's deliveries; `scope["app"].state.deps` must hold the web process's parts."""

    def __init__(self, kind: str, *, forms: bool = False) -> None:
        """`forms`: what is posted here are the forms of buttons, dialogs and commands."""
        self._kind = kind
        self.forms = forms

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request. 2xx means: committed, or nothing to commit."""
        if scope["method"] == "GET":
            await _send(send, *_asked(scope))
            return
        started = time.perf_counter()
        deps: Deps = scope["app"].state.deps
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        try:
            body = await _body(headers, receive)
        except BodyTooLargeError:
            answer, outcome = _plain(413, f"a webhook's body has at most {BODY_MAX} bytes"), "too_large"
        except DisconnectedError:
            answer, outcome = _plain(400, "the body did not arrive"), "disconnected"
        else:
            take = _take_form if self.forms else _take
            answer, outcome = await take(deps, deps.adapters[self._kind], body, headers)
        status = answer[0]
        if status == 200:
            deps.counters.observe("ack_s", time.perf_counter() - started)
        else:
            log.warning("webhook_refused", channel=self._kind, status=status, outcome=outcome)
        deps.counters.inc("webhooks_total", channel=self._kind, outcome=outcome)
        await _send(send, *answer)


def endpoints() -> dict[str, Webhook]:
    """Return the webhooks' applications by path."""
    return {
        "/webhooks/slack/events": Webhook("slack"),
        "/webhooks/slack/interactivity": Webhook("slack", forms=True),
        "/webhooks/slack/commands": Webhook("slack", forms=True),
    }


def routes(webhooks: dict[str, Webhook]) -> Iterable[Route]:
    """Yield a route for each of `webhooks`, for whatever does not take the short way (another method, a trailing slash)."""
    return [Route(path, webhook, methods=["POST", "GET"] if webhook.forms else ["POST"]) for path, webhook in webhooks.items()]


def _asked(scope: Scope) -> Answer:
    """Return the answer to a GET: Slack looks from time to time whether the certificate of a command's address holds."""
    return _OK if b"ssl_check=1" in scope["query_string"].split(b"&") else _plain(405, "post a form here")


async def _send(send: Send, status: int, content: bytes, media_type: str) -> None:
    fields = [(b"content-length", b"%d" % len(content)), (b"content-type", media_type.encode("latin-1"))]
    await send({"type": "http.response.start", "status": status, "headers": fields})
    await send({"type": "http.response.body", "body": content})


async def _take(deps: Deps, adapter: ChannelAdapter, body: bytes, headers: dict[str, str]) -> tuple[Answer, str]:
    """Return the answer to a request and a word for the metrics."""
    if (refused := _unverified(adapter, body, headers)) is not None:
        return refused
    if (handshake := adapter.handshake(body, headers)) is not None:
        return (handshake.status, handshake.body, handshake.content_type), "handshake"
    try:
        inbound = adapter.parse(body)
    except ValueError as error:
        return _plain(400, str(error)), "malformed"
    return await _store(deps, adapter.kind, inbound, body, _OK)


async def _take_form(deps: Deps, adapter: ChannelAdapter, body: bytes, headers: dict[str, str]) -> tuple[Answer, str]:
    """Return the answer to a posted form and a word for the metrics."""
    assert isinstance(adapter, ReadsForms)
    if adapter.is_check(body):
        return _OK, "handshake"
    if (refused := _unverified(adapter, body, headers)) is not None:
        return refused
    try:
        form = adapter.parse_form(body)
    except ValueError as error:
        return _plain(400, str(error)), "malformed"
    return await _store(deps, adapter.kind, form.inbound, body, (200, form.body, form.content_type))


def _unverified(adapter: ChannelAdapter, body: bytes, headers: dict[str, str]) -> tuple[Answer, str] | None:
    refused = adapter.verify(body, headers, time.time())
    if refused is None:
        return None
    log.info("webhook_not_verified", channel=adapter.kind, reason=refused)
    return _plain(401, "the signature does not fit"), "unverified"


async def _store(deps: Deps, kind: str, inbound: Sequence[Inbound], body: bytes, answer: Answer) -> tuple[Answer, str]:
    """Return `answer` once all that came is committed, and a word for the metrics."""
    messages = [item for item in inbound if isinstance(item, InboundMessage)]
    try:
        if own := [item for item in inbound if isinstance(item, Echo)]:
            await _settle(deps, kind, own)
        results: list[str] = []
        if events := _events(inbound):
            results += await deps.events.accept(kind, events, body)
        if messages:
            results += await deps.ingest.accept(kind, messages, body)
        if not results:
            return answer, "echo" if own else "ignored"
    except (StorageUnavailableError, *TRANSIENT_ERRORS) as error:
        _tell_refused(kind, messages, type(error).__name__)
        return _plain(503, "not stored; please deliver again"), "storage"
    return answer, results[0] if len(results) == 1 else "batch"


def _events(inbound: Sequence[Inbound]) -> list[ChannelEvent]:
    return [item for item in inbound if not isinstance(item, InboundMessage | Echo | Ignored)]


def _tell_refused(kind: str, messages: Sequence[InboundMessage], error: str) -> None:
    """Say which posts were refused, by their ids: the log is then the only place that knows of them (`channels/missed.py`)."""
    if not messages:
        log.error("webhook_not_stored", channel=kind, error=error)
    for message in messages:
        log.error(
            "webhook_not_stored",
            channel=kind,
            error=error,
            account_id=message.account_key,
            channel_id=message.channel_id,
            post_id=message.external_id,
            sent_at=message.sent_at,
            addressed=message.addressed,
        )


async def _settle(deps: Deps, kind: str, own: Sequence[Echo]) -> None:
    """Note what the provider shows of our own. An echo that names another delivery's post proves nothing, and harms nothing."""
    try:
        await echoes.settle(deps.db, kind, own)
    except UniqueViolation:
        log.warning("echo_contradicts", channel=kind)


async def _body(headers: dict[str, str], receive: Receive) -> bytes:
    """Return the raw body. Raises BodyTooLargeError as soon as that is known, DisconnectedError if it does not come."""
    declared = headers.get("content-length", "")
    if declared.isascii() and declared.isdigit() and int(declared[:12]) > BODY_MAX:
        raise BodyTooLargeError
    whole = b""
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise DisconnectedError
        chunk: bytes = message.get("body", b"")
        more = message.get("more_body", False)
        whole = whole + chunk if whole else chunk
        if len(whole) > BODY_MAX:
            raise BodyTooLargeError
    return whole


def _plain(status: int, text: str) -> Answer:
    return status, text.encode(), _TEXT
