"""Reading what Meta's answers say: ids, numbers and texts, or nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from konstruct.channels.whatsapp.client import Answer, Result
from konstruct.channels.whatsapp.token_codes import token_word
from konstruct.kit.text import storable

UNREADABLE = "unreadable_answer"
NAME_MAX = 200
_ID = re.compile(r"[0-9]{1,40}", re.ASCII)
_DIGITS = re.compile(r"[^0-9]", re.ASCII)
_PASSING = frozenset((1, 2, 4, 80007, 131000, 131016, 133004))
"""Meta's codes of what may work in a while."""


def identifier(values: Mapping[str, Any], name: str) -> str | None:
    """Return one of Meta's ids, which are digits, or None."""
    value = values.get(name)
    return value if isinstance(value, str) and _ID.fullmatch(value) else None


def mapping(values: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return an object in an answer; empty where there is none."""
    value = values.get(name)
    return value if isinstance(value, dict) else {}


def items(values: Mapping[str, Any], name: str, most: int) -> list[Mapping[str, Any]]:
    """Return the objects of a list in an answer, at most so many."""
    value = values.get(name)
    return [each for each in value[:most] if isinstance(each, dict)] if isinstance(value, list) else []


def name_of(values: Mapping[str, Any], name: str) -> str:
    """Return a name that people see, as PostgreSQL can hold it."""
    value = values.get(name)
    return storable(value.strip())[:NAME_MAX] if isinstance(value, str) else ""


def digits(values: Mapping[str, Any], name: str) -> str | None:
    """Return a phone number's digits, or None for what is none."""
    value = values.get(name)
    found = _DIGITS.sub("", value) if isinstance(value, str) else ""
    return found if 3 <= len(found) <= 20 else None


def refusal(result: Result) -> tuple[str, bool] | None:
    """Return why a call did not do what it was to do, None if it did: (a word, whether that may be otherwise in a while)."""
    if not isinstance(result, Answer):
        return result.reason, True
    if result.ok:
        return None
    if result.error is None:
        return (f"http_{result.status}" if not 200 <= result.status < 300 else UNREADABLE), True
    over = token_word(result.error)
    passing = result.status >= 500 or result.status == 429 or result.error.code in _PASSING or result.error.transient is True
    return over or str(result.error.code), passing and over is None
