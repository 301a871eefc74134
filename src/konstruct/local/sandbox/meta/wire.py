"""Meta's way to the app's webhook, and the bytes that it signs."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

from konstruct.local.sandbox.meta.application import WEBHOOK_PATH
from konstruct.local.sandbox.model import OutgoingEvent

META = "meta"
"""Name of this wire."""
META_DELAYS_S = (1.0, 5.0, 30.0, 120.0, 600.0, 3600.0, 4 * 3600.0, 12 * 3600.0, *(24 * 3600.0,) * 6)
"""Meta tries for up to seven days, less and less often."""


def escaped(body: Any) -> bytes:
    """Return a body as Meta writes and signs it: ASCII only, every other character as its code, and slashes escaped."""
    return json.dumps(body, ensure_ascii=True, separators=(",", ":")).replace("/", "\\/").encode("ascii")


def sign_body(app_secret: str, body: bytes) -> str:
    """Return X-Hub-Signature-256."""
    return "sha256=" + hmac.new(app_secret.encode(), body, hashlib.sha256).hexdigest()


class MetaWire:
    """Meta's webhooks: no word in them says that one is a retry."""

    path = WEBHOOK_PATH
    patience_s = 10.0

    def __init__(self, app_secret: str, delays_s: tuple[float, ...] = META_DELAYS_S) -> None:
        self._secret = app_secret
        self.delays_s = delays_s

    def headers(self, event: OutgoingEvent) -> dict[str, str]:
        """See `Wire.headers`."""
        return {
            "Content-Type": "application/json",
            "User-Agent": "facebookexternalua",
            "X-Hub-Signature-256": sign_body(self._secret, event.body),
        }
