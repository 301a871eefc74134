"""What the Graph API says of a call that it did not carry out: Meta's numbers, and for how long it asks to wait."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

WAIT_MAX_S = 24 * 3600.0
"""No answer asks for more than a day; one that does is not believed."""
_USAGE_MAX = 20_000
_WORD_MAX = 60


@dataclass(frozen=True, slots=True)
class GraphError:
    """Meta's error object, without its sentences: they may quote what was sent."""

    code: int
    subcode: int | None = None
    kind: str = ""
    """The class: OAuthException, GraphMethodException, ..."""
    transient: bool | None = None
    """Whether Meta says that the same call may work later; None: it does not say."""

    @property
    def word(self) -> str:
        """Return it as one word for rows and logs: `190`, `100/33`."""
        return str(self.code) if self.subcode is None else f"{self.code}/{self.subcode}"


def error_of(data: Mapping[str, Any]) -> GraphError | None:
    """Return the error in an answer's body, or None if there is none that Meta could have written."""
    error = data.get("error")
    if not isinstance(error, dict) or (code := _number(error.get("code"))) is None:
        return None
    kind = error.get("type")
    transient = error.get("is_transient")
    return GraphError(
        code,
        _number(error.get("error_subcode")),
        kind[:_WORD_MAX] if isinstance(kind, str) and kind.isascii() and kind.isalnum() else "",
        transient if isinstance(transient, bool) else None,
    )


def wait_of(headers: Mapping[str, str]) -> float | None:
    """Return for how many seconds an answer asks to wait, or None. The longer of what its headers say counts."""
    waits = [_retry_after(headers.get("Retry-After")), _regained(headers.get("X-Business-Use-Case-Usage"))]
    known = [wait for wait in waits if wait is not None]
    return min(max(known), WAIT_MAX_S) if known else None


def _retry_after(value: str | None) -> float | None:
    if value is None or len(value) > 6 or not (value.isascii() and value.isdigit()):
        return None
    return float(value)


def _regained(value: str | None) -> float | None:
    # {"<business>": [{"type", "call_count", ..., "estimated_time_to_regain_access": minutes}]}
    if value is None or len(value) > _USAGE_MAX:
        return None
    try:
        usage = json.loads(value)
    except (ValueError, RecursionError):
        return None
    entries = [entry for found in usage.values() if isinstance(found, list) for entry in found] if isinstance(usage, dict) else []
    minutes = [_number(entry.get("estimated_time_to_regain_access")) for entry in entries if isinstance(entry, dict)]
    waits = [60.0 * each for each in minutes if each is not None and each > 0]
    return max(waits) if waits else None


def _number(value: object) -> int | None:
    """Meta writes most numbers as such, and some as text."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 12:
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**12 else None
