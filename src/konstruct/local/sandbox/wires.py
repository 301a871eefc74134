"""The ways to the app's webhooks: where each leads, how it signs, and how often it tries."""

from __future__ import annotations

import hashlib
import hmac
import time
from typing import Protocol

from konstruct.local.sandbox.model import OutgoingEvent


class Wire(Protocol):
    """One provider's way to one webhook."""

    path: str
    delays_s: tuple[float, ...]
    """Seconds before each retry; their number is the number of retries."""
    patience_s: float
    """How long it waits for a 2xx."""

    def headers(self, event: OutgoingEvent) -> dict[str, str]:
        """Return the headers of one attempt. `event.attempts`: how many failed before it."""
        ...


def sign(signing_secret: str, timestamp: str, body: bytes) -> str:
    """Return X-Slack-Signature: version 0, HMAC-SHA-256 over version, timestamp and raw body."""
    digest = hmac.new(signing_secret.encode(), b"v0:" + timestamp.encode() + b":" + body, hashlib.sha256)
    return "v0=" + digest.hexdigest()


class SlackWire:
    """Slack's events: three seconds of patience, three retries."""

    path = "/webhooks/slack/events"
    patience_s = 3.0

    def __init__(self, signing_secret: str, delays_s: tuple[float, ...]) -> None:
        self._secret = signing_secret
        self.delays_s = delays_s

    def headers(self, event: OutgoingEvent) -> dict[str, str]:
        """See `Wire.headers`."""
        retry = {"X-Slack-Retry-Num": str(event.attempts), "X-Slack-Retry-Reason": event.reason or "unknown_error"}
        return self.signed("application/json", event.body) | (retry if event.attempts else {})

    def signed(self, content_type: str, body: bytes) -> dict[str, str]:
        """Return the headers of anything that Slack sends."""
        timestamp = str(int(time.time()))
        return {
            "Content-Type": content_type,
            "User-Agent": "Slackbot 1.0 (+https://api.slack.com/robots)",
            "X-Slack-Request-Timestamp": timestamp,
            "X-Slack-Signature": sign(self._secret, timestamp, body),
        }
