"""Meta's signature of a webhook body: HMAC-SHA256 over its bytes as they came. Meta escapes what is not ASCII before it signs,
so a body that was parsed and written again has another signature."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping

from konstruct.channels.port import Handshake

_PREFIX = b"sha256="


def refusal(secret: bytes, body: bytes, headers: Mapping[str, str]) -> str | None:
    """Return None if `body` was signed with `secret`, else why not. Never raises: bytes are compared, in constant time."""
    given = headers.get("x-hub-signature-256", "").encode("utf-8", "surrogatepass")
    if not given:
        return "the signature is missing"
    expected = _PREFIX + hmac.new(secret, body, hashlib.sha256).hexdigest().encode()
    return None if hmac.compare_digest(expected, given) else "the signature does not fit"


def challenge(token: bytes | None, query: Mapping[str, str]) -> Handshake:
    """Answer Meta's question whether the webhook is ours. Without a token of ours, every question is refused."""
    given = query.get("hub.verify_token", "").encode("utf-8", "surrogatepass")
    known = token is not None and hmac.compare_digest(token, given)
    asked = query.get("hub.challenge", "")
    if query.get("hub.mode") != "subscribe" or not known or not asked or len(asked) > 1000:
        return Handshake(403, b"this is not the webhook's token")
    return Handshake(200, asked.encode("utf-8", "replace"))
