"""Typed reading of a JSON body of which nothing may be assumed: whatever is not as it should be is as if it were missing."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from konstruct.kit.text import storable

Payload = dict[str, Any]

_ID = re.compile(r"[!-~]{1,256}", re.ASCII)
_PERSON = re.compile(r"[A-Za-z0-9_.\-]{1,180}", re.ASCII)
_WORD = re.compile(r"[A-Za-z0-9_.\-]{1,100}", re.ASCII)
_SECONDS_END = 10**11
"""Eleven digits end in the year 5138, within the calendar."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def load(body: bytes) -> Payload:
    """Return the JSON object in `body`. Raises ValueError, without content, for anything else."""
    try:
        data = orjson.loads(body)
    except orjson.JSONDecodeError:
        data = _load_leniently(body)
    if not isinstance(data, dict):
        raise ValueError("the body is not a JSON object")
    return data


def dump(value: Payload) -> bytes:
    """Return an object that was read as JSON again."""
    try:
        return orjson.dumps(value)
    except (TypeError, orjson.JSONEncodeError):
        return json.dumps(value).encode()


def mapping(data: Payload, name: str) -> Payload:
    """Return the object `name`, or an empty one."""
    value = data.get(name)
    return value if isinstance(value, dict) else {}


def items(data: Payload, name: str) -> list[Payload]:
    """Return the objects in the list `name`; whatever else it holds is left out."""
    value = data.get(name)
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def text(data: Payload, name: str, most: int | None = None) -> str:
    """Return the string `name`, of `most` characters at most, as the database can hold it; "" for anything else."""
    value = data.get(name)
    return storable(value[:most]) if isinstance(value, str) else ""


def identifier(data: Payload, name: str) -> str | None:
    """Return the id `name`, which may be written as a number: printable and short; None for anything else."""
    return _matching(_ID, data.get(name))


def person(data: Payload, name: str) -> str | None:
    """Return the id of a person: a phone number's digits, or Meta's own; None for anything else."""
    value = data.get(name)
    return _matching(_PERSON, value.removeprefix("+") if isinstance(value, str) else value)


def word(data: Payload, name: str) -> str | None:
    """Return a word of the provider's (APPROVED, marketing_messages); None for anything else."""
    return _matching(_WORD, data.get(name))


def number(data: Payload, name: str) -> int | None:
    """Return the whole number `name`, which may be written as text, up to 15 digits; None for anything else."""
    value = data.get(name)
    if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,15}", value, re.ASCII):
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**15 else None


def seconds(data: Payload, name: str) -> int | None:
    """Return the Unix time `name`, in whole seconds; None for what is no time of the calendar."""
    value = number(data, name)
    return value if value is not None and 0 < value < _SECONDS_END else None


def moment(at: int | None) -> datetime:
    """Return the time of `seconds`. One that nobody told is the end of time: whoever stores it takes the time of arrival."""
    return _EPOCH + timedelta(seconds=_SECONDS_END - 1 if at is None else at)


def _matching(pattern: re.Pattern[str], value: object) -> str | None:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**40:
        value = str(value)
    return value if isinstance(value, str) and pattern.fullmatch(value) else None


def _load_leniently(body: bytes) -> Any:
    """orjson refuses lone surrogates, which a person may have written; a batch must not be lost for one of them."""
    try:
        return json.loads(body.decode("utf-8"))
    except (ValueError, RecursionError):
        raise ValueError("the body is not JSON") from None
