"""Identifiers: time-ordered UUIDs (version 7) made in the process, so that a row's id is known before it is stored."""

from __future__ import annotations

import os
import time
from uuid import UUID

from konstruct.kit.errors import NotFoundError

_VERSION_7 = 0x7 << 76
_VARIANT = 0x2 << 62


def uuid7() -> UUID:
    """Return a random UUID of version 7 (RFC 9562, section 5.7): 48 bits of Unix milliseconds, 74 random bits."""
    millis = time.time_ns() // 1_000_000
    noise = int.from_bytes(os.urandom(10), "big")
    rand_a = (noise >> 62) & 0xFFF
    rand_b = noise & ((1 << 62) - 1)
    return UUID(int=(millis & ((1 << 48) - 1)) << 80 | _VERSION_7 | rand_a << 64 | _VARIANT | rand_b)


def parse_id(text: str) -> UUID:
    """Return the id that stands in an address. Raises NotFoundError for anything else: it names nothing."""
    try:
        return UUID(text)
    except ValueError:
        raise NotFoundError("there is nothing here") from None


def first_id_at(unix_s: float) -> UUID:
    """Return the smallest version 7 UUID that could have been made at this time: rows by id are rows by time."""
    millis = max(0, int(unix_s * 1000))
    return UUID(int=(millis & ((1 << 48) - 1)) << 80 | _VERSION_7 | _VARIANT)
