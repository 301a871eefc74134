"""Text on its way to a channel: what it may hold at all, and whether it shows anything."""

from __future__ import annotations

import re
import unicodedata

from konstruct.kit.text import storable

_LINE_ENDS = re.compile(r"\r\n?|[\u0085\u2028\u2029]")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


def cleaned(text: str) -> str:
    """Return `text` with plain line ends and without control characters."""
    return _CONTROL.sub("", _LINE_ENDS.sub("\n", storable(text)))


def visible(text: str) -> bool:
    """Return whether `text` shows anything at all."""
    return any(not char.isspace() and unicodedata.category(char) not in ("Cf", "Cc", "Cs") for char in text)
