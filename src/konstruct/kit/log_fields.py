"""Which fields a log line may hold: ids, counts, durations, codes and words of ours. Anything else is withheld."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from enum import Enum
from typing import Any
from uuid import UUID

from konstruct.kit.log_errors import describe_error
from konstruct.kit.redaction import sensitive

WORD_FIELDS = frozenset(
    "account_kind address attempt backend bind broker channel child code command component constraint database direction "
    "dialect effect error error_kind event_type exception feature finish_reason from_state host job kind lane llm_backend logger "
    "method migration model operation outcome part path phase pool port process provider queue revision role root_in "
    "route schedule scope service setting sqlstate state status step step_kind subtype table target task to_state unit url "
    "variable version what worker".split()
)
"""Fields whose value is one word that our own code or an operator's setting chose, never a person or a model."""
PHRASE_FIELDS = frozenset(("reason", "hint", "problem"))
"""Fields that hold a name of a class or a short constant phrase of ours. Lower case only: a person's words rarely are."""
URL_FIELDS = frozenset(("url",))
"""Fields that hold an address of an operator's setting, without a query."""
_STATIC_FIELDS = frozenset(("event", "at"))
"""Constants of our code (a test reads every log call) and places in code."""

_ID = re.compile(r"[A-Za-z0-9_.:|=-]{1,120}")
_WORD = re.compile(r"[A-Za-z0-9_.:/@\[\]<>=+*-]{1,100}")
_PHRASE = re.compile(r"[A-Za-z_.]{1,60}|[a-z0-9_.:/=+,'() -]{1,120}")
_URL = re.compile(r"[a-z]{2,12}://[A-Za-z0-9_.:/@\[\]*%-]{1,200}")
_ITEMS_MAX = 20


def admit(fields: dict[str, Any]) -> dict[str, Any]:
    """Return `fields` with only what may be shown; the keys of the rest are listed under `withheld`.

    Numbers, times and UUIDs pass under any key that is not sensitive; strings only as ids (`…_id`) or under WORD_FIELDS;
    exceptions as their type, codes and frames.
    """
    shown: dict[str, Any] = {}
    withheld: list[str] = []
    for key, value in fields.items():
        kept = _admit_one(key, value)
        if kept is None and value is not None:
            withheld.append(key)
        else:
            shown[key] = kept
    if withheld:
        shown["withheld"] = withheld
    return shown


def _admit_one(key: str, value: Any) -> Any:
    if isinstance(value, BaseException):
        return describe_error(value)
    if key in _STATIC_FIELDS:
        return str(value)
    if sensitive(key):
        return None
    if isinstance(value, list | tuple | set | frozenset):
        kept = [_admit_one(key, item) for item in list(value)[:_ITEMS_MAX]]
        return None if None in kept else kept
    return _admit_scalar(key, value)


def _admit_scalar(key: str, value: Any) -> Any:
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, bool | int | float):
        return value
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, str):
        return _admit_text(key, value)
    return None


def _admit_text(key: str, value: str) -> str | None:
    if key == "id" or key.endswith(("_id", "_ids")):
        return value if _ID.fullmatch(value) else None
    if key in WORD_FIELDS:
        return value if _WORD.fullmatch(value) else None
    if key in PHRASE_FIELDS:
        return value if _PHRASE.fullmatch(value) else None
    if key in URL_FIELDS:
        return value if _URL.fullmatch(value) else None
    return None
