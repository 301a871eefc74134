"""Whether a message asks to be left alone, or to be written to again. Pure."""

from __future__ import annotations

from typing import Literal

from konstruct.conversations.consent import words

_KINDS = frozenset(("text", "button"))
"""The types of message that are a person's own words, or the button of a template that stands for them."""


def meaning(kind: str, text: str) -> Literal["out", "in"] | None:
    """Return what a message of this type and text means, None for nearly all."""
    return words.meaning(text) if kind in _KINDS else None
