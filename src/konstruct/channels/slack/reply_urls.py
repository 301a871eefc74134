"""Addresses at which Slack takes an answer for one person. They come in payloads: only Slack's own are written to."""

from __future__ import annotations

import ipaddress
from urllib.parse import SplitResult, urlsplit

HOOKS = "hooks.slack.com"
"""Source: Slack, "Handling user interaction", response_url."""


def allowed(url: str, api_url: str) -> bool:
    """Return whether `url` is Slack's, or of the server that stands in for it at `api_url`: its scheme, host and port."""
    found, own = _parts(url), _parts(api_url)
    if found is None or own is None or found.username is not None or found.password is not None:
        return False
    if found.scheme == "https" and found.hostname == HOOKS:
        return found.port in (None, 443)
    same = (found.scheme, found.hostname, _port(found)) == (own.scheme, own.hostname, _port(own))
    return same and (found.scheme == "https" or (found.scheme == "http" and _is_loopback(found.hostname or "")))


def _parts(url: str) -> SplitResult | None:
    # Whatever a parser skips, another may not: an address with such a character is nobody's.
    if not (url.isascii() and url.isprintable()) or " " in url or "\\" in url:
        return None
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    return parts if parts.hostname and port != 0 else None


def _port(parts: SplitResult) -> int:
    return parts.port or (443 if parts.scheme == "https" else 80)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
