"""Slack's request signature, version 0: an HMAC-SHA256 over the raw bytes of the body.

Our own, because the SDK's verifier raises on a non-numeric time and on a non-ASCII signature (research/channels.md, 1.1).
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping

WINDOW_S = 300
"""How far a request's time may be from ours, either way. Source: Slack, "Verifying requests from Slack"."""

_TIMESTAMP_DIGITS_MAX = 12


def verify(secret: bytes, body: bytes, headers: Mapping[str, str], now: float) -> str | None:
    """Return None if the holder of `secret` signed `body` within the window, else the reason it is refused.

    Header names are lower case; `now` is Unix seconds. Never raises, whatever the headers hold.
    """
    if not secret:
        return "no signing secret is set"
    timestamp = headers.get("x-slack-request-timestamp")
    signature = headers.get("x-slack-signature")
    if not isinstance(timestamp, str) or not isinstance(signature, str) or not timestamp or not signature:
        return "a signature header is missing"
    # isdigit alone accepts other scripts' digits, which int() would read too.
    if len(timestamp) > _TIMESTAMP_DIGITS_MAX or not (timestamp.isascii() and timestamp.isdigit()):
        return "the timestamp is not a number"
    # Written so that a NaN clock refuses.
    if not abs(now - int(timestamp)) <= WINDOW_S:
        return "the timestamp is outside the window"
    expected = sign(secret, body, timestamp)
    # Bytes, because compare_digest raises on non-ASCII text.
    if not hmac.compare_digest(expected.encode(), signature.encode("utf-8", "surrogatepass")):
        return "the signature does not match"
    return None


def sign(secret: bytes, body: bytes, timestamp: str) -> str:
    """Return the `X-Slack-Signature` of `body` sent at `timestamp` (ASCII digits)."""
    return "v0=" + hmac.new(secret, b"v0:" + timestamp.encode() + b":" + body, hashlib.sha256).hexdigest()
