"""Typed reading of a JSON body of which nothing may be assumed."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

_ID = re.compile(r"[A-Za-z0-9_.\-]{1,64}", re.ASCII)
# Eleven digits end in the year 5138, within the calendar.
_TS = re.compile(r"([0-9]{1,11})\.([0-9]{1,6})", re.ASCII)
_TYPE = re.compile(r"[A-Za-z0-9#/_.\-]{1,64}", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def load(body: bytes) -> dict[str, Any]:
    """Return the JSON object in `body`. Raises ValueError, without content, for anything else."""
    try:
        data = orjson.loads(body)
    except orjson.JSONDecodeError:
        data = _load_leniently(body)
    if not isinstance(data, dict):
        raise ValueError("the body is not a JSON object")
    return data


def _load_leniently(body: bytes) -> Any:
    """orjson refuses lone surrogates, which a provider may escape in a message; such a message must not be lost."""
    try:
        return json.loads(body.decode("utf-8"))
    except (ValueError, RecursionError):
        raise ValueError("the body is not JSON") from None


def mapping(data: dict[str, Any], name: str) -> dict[str, Any]:
    """Return the object `name`, or an empty one if it is missing or something else."""
    value = data.get(name)
    return value if isinstance(value, dict) else {}


def items(data: dict[str, Any], name: str) -> list[dict[str, Any]]:
    """Return the objects in the list `name`; whatever else it holds is left out."""
    value = data.get(name)
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def text(data: dict[str, Any], name: str) -> str:
    """Return the string `name`, "" if it is null or missing. Raises ValueError for any other type."""
    value = data.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise ValueError(f"{name} is not text")
    return value


def identifier(data: dict[str, Any], name: str) -> str | None:
    """Return the id `name`, or None if it is not one: ids are short and have letters, digits and `_.-` only."""
    value = data.get(name)
    return value if isinstance(value, str) and _ID.fullmatch(value) else None


def type_name(data: dict[str, Any], name: str) -> str | None:
    """Return the name of a type ("slack#/types/channel_id"), or None if it is not one."""
    value = data.get(name)
    return value if isinstance(value, str) and _TYPE.fullmatch(value) else None


def need_identifier(data: dict[str, Any], name: str) -> str:
    """Return the id `name`. Raises ValueError if it is missing or not one."""
    value = identifier(data, name)
    if value is None:
        raise ValueError(f"{name} is missing or not an id")
    return value


def timestamp(data: dict[str, Any], name: str) -> str | None:
    """Return Slack's message time `name` ("seconds.microseconds"), None if null or missing. Raises ValueError otherwise."""
    value = data.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or not _TS.fullmatch(value):
        raise ValueError(f"{name} is not a message time")
    return value


def moment(ts: str) -> datetime:
    """Return the time that `ts` names, exact to the microsecond, in UTC. Raises ValueError if it is no message time."""
    match = _TS.fullmatch(ts)
    if match is None:
        raise ValueError("not a message time")
    return _EPOCH + timedelta(seconds=int(match[1]), microseconds=int(match[2].ljust(6, "0")))
