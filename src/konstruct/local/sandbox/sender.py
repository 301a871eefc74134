"""Sends events to the app's webhooks: signed, with each provider's own patience and retries."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from urllib.parse import urlencode

import aiohttp
import structlog

from konstruct.local.sandbox.model import OutgoingEvent
from konstruct.local.sandbox.store import SandboxStore
from konstruct.local.sandbox.wires import SlackWire, Wire, sign

__all__ = ["EventSender", "FormAnswer", "sign"]

log = structlog.get_logger()
_Response = AbstractAsyncContextManager[aiohttp.ClientResponse]
RETRY_DELAYS_S = (0.0, 60.0, 300.0)
"""Slack's three retries: almost at once, after a minute, after five."""
START_WAIT_S = 1.0
RECENT_MAX = 100
"""Events that can be sent once more."""
ANSWER_MAX = 300_000
"""Bytes of an app's answer that are read."""


@dataclass(frozen=True, slots=True)
class FormAnswer:
    """What the app answered to an interaction or a command at once. `status` is None where it did not answer in time."""

    status: int | None
    body: bytes = b""


class EventSender:
    """Delivers events in the background. `start` and `stop` belong to one event loop; the store keeps what is not taken."""

    def __init__(
        self,
        store: SandboxStore,
        signing_secret: str,
        webhook_base: str,
        retry_delays_s: tuple[float, ...] = RETRY_DELAYS_S,
        wires: Mapping[str, Wire] | None = None,
    ) -> None:
        self._store = store
        self._slack = SlackWire(signing_secret, retry_delays_s)
        self._base = webhook_base.rstrip("/")
        self._wires: Mapping[str, Wire] = {"slack": self._slack, **(wires or {})}
        self._session: aiohttp.ClientSession | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.recent: deque[OutgoingEvent] = deque(maxlen=RECENT_MAX)

    async def start(self) -> None:
        """Open the connections, and go on with what an earlier process left behind."""
        self._session = aiohttp.ClientSession(auto_decompress=False)
        for event in self._store.outbox.pending():
            # The webhook may be a route of this very process, which does not listen yet while it starts.
            self._spawn([event], wait_s=START_WAIT_S)

    async def stop(self) -> None:
        """Stop all deliveries under way (the store keeps their events) and close the connections."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()
            self._session = None

    def publish(self, events: Iterable[OutgoingEvent], *, in_order: bool = False, wait_s: float = 0.0) -> None:
        """Store events and send each of them, `wait_s` seconds later; like the providers, without waiting for the app.

        There is no promise of order, unless `in_order`: then each is sent when the one before it has come to its end. What
        the installation has no scope for is dropped.
        """
        heard = [event for event in events if event.heard]
        for event in heard:
            self.recent.append(event)
            self._store.outbox.add(event)
        for chain in [heard] if in_order else [[event] for event in heard]:
            self._spawn(chain, wait_s)

    def repeat(self, count: int, *, shuffled: bool = False) -> None:
        """Send the latest `count` events of this process once more, as retries do when an answer got lost."""
        again = list(self.recent)[-max(1, count) :]
        if shuffled:
            random.shuffle(again)
        for event in again:
            self._spawn([replace(event, attempts=1, reason="http_timeout")])

    async def deliver_form(self, path: str, fields: Mapping[str, str]) -> FormAnswer:
        """Post a signed form (an interaction or a command) and return the answer. Slack does not try these again."""
        assert self._session is not None, "start() comes first"
        body = urlencode(fields).encode()
        headers = self._slack.signed("application/x-www-form-urlencoded", body)
        try:
            async with self._post(path, body, headers, self._slack.patience_s) as response:
                return FormAnswer(response.status, await response.content.read(ANSWER_MAX))
        except (TimeoutError, aiohttp.ClientError) as error:
            log.info("sandbox_form_refused", path=path, reason=type(error).__name__)
            return FormAnswer(None)

    def _spawn(self, chain: Sequence[OutgoingEvent], wait_s: float = 0.0) -> None:
        task = asyncio.get_running_loop().create_task(self._deliver_all(chain, wait_s))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _deliver_all(self, chain: Sequence[OutgoingEvent], wait_s: float) -> None:
        await asyncio.sleep(wait_s)
        for event in chain:
            await self._deliver(event)

    async def _deliver(self, event: OutgoingEvent) -> None:
        delays = self._wires[event.wire].delays_s
        for delay in (0.0, *delays)[event.attempts :]:
            await asyncio.sleep(delay)
            reason, wants_no_retry = await self._attempt(event)
            if reason is None:
                self._store.outbox.taken(event)
                return
            event = replace(event, attempts=event.attempts + 1, reason=reason)
            given_up = wants_no_retry or event.attempts > len(delays)
            self._store.outbox.failed(event, given_up)
            log.info("sandbox_event_refused", event_id=event.event_id, attempt=event.attempts, reason=reason, given_up=given_up)
            if given_up:
                return

    async def _attempt(self, event: OutgoingEvent) -> tuple[str | None, bool]:
        """Make one attempt.

        Return None if the app took it, else why not in the words of X-Slack-Retry-Reason; and whether its answer said, with
        X-Slack-No-Retry, that there shall be no other attempt.
        """
        assert self._session is not None, "start() comes first"
        wire = self._wires[event.wire]
        try:
            async with self._post(wire.path, event.body, wire.headers(event), wire.patience_s) as response:
                await response.read()
                if 200 <= response.status < 300:
                    return None, False
                return "http_error", response.headers.get("X-Slack-No-Retry") == "1"
        except TimeoutError:
            return "http_timeout", False
        except aiohttp.ClientConnectionError:
            return "connection_failed", False
        except aiohttp.ClientError:
            return "unknown_error", False

    def _post(self, path: str, body: bytes, headers: Mapping[str, str], patience_s: float) -> _Response:
        assert self._session is not None, "start() comes first"
        limit = aiohttp.ClientTimeout(total=patience_s)
        return self._session.post(self._base + path, data=body, headers=headers, allow_redirects=False, timeout=limit)
