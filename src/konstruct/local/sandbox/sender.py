"""Sends events to the app's webhook: signed, with Slack's patience and Slack's retries."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import random
import time
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from urllib.parse import urlencode

import aiohttp
import structlog

from konstruct.local.sandbox.model import OutgoingEvent
from konstruct.local.sandbox.store import SandboxStore

log = structlog.get_logger()
PATIENCE_S = 3.0
"""How long Slack waits for a 2xx."""
RETRY_DELAYS_S = (0.0, 60.0, 300.0)
"""Slack's three retries: almost at once, after a minute, after five."""
START_WAIT_S = 1.0
PATH = "/webhooks/slack/events"
RECENT_MAX = 100
"""Events that can be sent once more."""
ANSWER_MAX = 300_000
"""Bytes of an app's answer that are read."""


@dataclass(frozen=True, slots=True)
class FormAnswer:
    """What the app answered to an interaction or a command at once. `status` is None where it did not answer in time."""

    status: int | None
    body: bytes = b""


def sign(signing_secret: str, timestamp: str, body: bytes) -> str:
    """Return X-Slack-Signature: version 0, HMAC-SHA-256 over version, timestamp and raw body."""
    digest = hmac.new(signing_secret.encode(), b"v0:" + timestamp.encode() + b":" + body, hashlib.sha256)
    return "v0=" + digest.hexdigest()


class EventSender:
    """Delivers events in the background. `start` and `stop` belong to one event loop; the store keeps what is not taken."""

    def __init__(
        self, store: SandboxStore, signing_secret: str, webhook_base: str, retry_delays_s: tuple[float, ...] = RETRY_DELAYS_S
    ) -> None:
        self._store = store
        self._secret = signing_secret
        self._base = webhook_base.rstrip("/")
        self._delays = retry_delays_s
        self._session: aiohttp.ClientSession | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.recent: deque[OutgoingEvent] = deque(maxlen=RECENT_MAX)

    async def start(self) -> None:
        """Open the connections, and go on with what an earlier process left behind."""
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=PATIENCE_S), auto_decompress=False)
        for event in self._store.outbox.pending():
            # The webhook may be a route of this very process, which does not listen yet while it starts.
            self._spawn(event, wait_s=START_WAIT_S)

    async def stop(self) -> None:
        """Stop all deliveries under way (the store keeps their events) and close the connections."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()
            self._session = None

    def publish(self, events: Iterable[OutgoingEvent]) -> None:
        """Store events and send each of them; like Slack, without waiting and without any promise of order."""
        for event in events:
            self.recent.append(event)
            self._store.outbox.add(event)
            self._spawn(event)

    def repeat(self, count: int, *, shuffled: bool = False) -> None:
        """Send the latest `count` events of this process once more, as Slack's retries do when an answer got lost."""
        again = list(self.recent)[-max(1, count) :]
        if shuffled:
            random.shuffle(again)
        for event in again:
            self._spawn(replace(event, attempts=1, reason="http_timeout"))

    async def deliver_form(self, path: str, fields: Mapping[str, str]) -> FormAnswer:
        """Post a signed form (an interaction or a command) and return the answer. Slack does not try these again."""
        assert self._session is not None, "start() comes first"
        body = urlencode(fields).encode()
        headers = self._headers("application/x-www-form-urlencoded", body)
        try:
            async with self._session.post(self._base + path, data=body, headers=headers, allow_redirects=False) as response:
                return FormAnswer(response.status, await response.content.read(ANSWER_MAX))
        except (TimeoutError, aiohttp.ClientError) as error:
            log.info("sandbox_form_refused", path=path, reason=type(error).__name__)
            return FormAnswer(None)

    def _headers(self, content_type: str, body: bytes) -> dict[str, str]:
        timestamp = str(int(time.time()))
        return {
            "Content-Type": content_type,
            "User-Agent": "Slackbot 1.0 (+https://api.slack.com/robots)",
            "X-Slack-Request-Timestamp": timestamp,
            "X-Slack-Signature": sign(self._secret, timestamp, body),
        }

    def _spawn(self, event: OutgoingEvent, wait_s: float = 0.0) -> None:
        task = asyncio.get_running_loop().create_task(self._deliver(event, wait_s))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _deliver(self, event: OutgoingEvent, wait_s: float) -> None:
        await asyncio.sleep(wait_s)
        for delay in (0.0, *self._delays)[event.attempts :]:
            await asyncio.sleep(delay)
            reason, wants_no_retry = await self._attempt(event)
            if reason is None:
                self._store.outbox.taken(event)
                return
            event = replace(event, attempts=event.attempts + 1, reason=reason)
            given_up = wants_no_retry or event.attempts > len(self._delays)
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
        headers = self._headers("application/json", event.body)
        if event.attempts:
            headers |= {"X-Slack-Retry-Num": str(event.attempts), "X-Slack-Retry-Reason": event.reason or "unknown_error"}
        try:
            async with self._session.post(self._base + PATH, data=event.body, headers=headers, allow_redirects=False) as response:
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
