"""JSON of model servers: strict first, then as lenient as the standard library."""

from __future__ import annotations

import json
from typing import Any

import orjson


def parse_json(raw: bytes) -> Any:
    """Return the value of `raw`, or None if it is no JSON. Lone surrogates (half an emoji in one piece) are let through."""
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        return _lenient(raw)


def _lenient(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        return None


def whole_number(value: Any) -> int | None:
    """Return `value` if it is a count of something (an integer, not negative, not a boolean), else None."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 31:
        return value
    return None
