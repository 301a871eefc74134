"""Exceptions in logs: their type, our frames and their codes, never their values."""

from __future__ import annotations

import re
import traceback
from pathlib import PurePath
from types import CodeType
from typing import Any

from konstruct.kit.errors import KonstructError

OWN_ROOT = PurePath(__file__).parents[1]
_FRAMES_MAX = 25
_CHAIN_MAX = 4
_WORD = re.compile(r"[A-Za-z0-9_.:-]{1,80}")
_CODES = {
    "sqlstate": "sqlstate",
    "constraint_name": "constraint",
    "table_name": "table",
    "errno": "errno",
    "status": "status",
    "kind": "kind",
    "code": "code",
}
"""Attributes that name the fault without quoting data (of asyncpg, OSError, aiohttp, our own errors), and their fields."""


def describe_error(error: BaseException, depth: int = 0) -> dict[str, Any]:
    """Return what may be shown of an exception: type, codes, our frames, the innermost frame, its cause.

    Only a KonstructError keeps its message (`says`): other texts quote SQL parameters, payloads or file contents.
    """
    kind = type(error)
    shown: dict[str, Any] = {"type": f"{kind.__module__}.{kind.__qualname__}".removeprefix("builtins.")}
    if isinstance(error, KonstructError):
        shown["says"] = str(error)
    shown.update(_codes(error))
    shown.update(_frames(error))
    if depth >= _CHAIN_MAX:
        return shown
    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if before is not None:
        shown["cause"] = describe_error(before, depth + 1)
    if isinstance(error, BaseExceptionGroup):
        shown["errors"] = [describe_error(part, depth + 1) for part in error.exceptions[:5]]
    return shown


def error_name(error: BaseException) -> str:
    """Return one word for an exception: its type, with the SQLSTATE or errno where it has one."""
    codes = _codes(error)
    code = codes.get("sqlstate") or codes.get("errno") or codes.get("status")
    return f"{type(error).__name__}:{code}" if code else type(error).__name__


def place(code: CodeType, line: int) -> str:
    """Return `package/file.py:line function`: the last two parts of the path, so that no home directory is named."""
    path = PurePath(code.co_filename)
    shown = path.relative_to(OWN_ROOT.parent) if path.is_relative_to(OWN_ROOT) else PurePath(*path.parts[-2:])
    return f"{shown}:{line} {code.co_name}"


def _codes(error: BaseException) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, shown_as in _CODES.items():
        value = getattr(error, name, None)
        whole = isinstance(value, int) and not isinstance(value, bool)
        if whole or (isinstance(value, str) and _WORD.fullmatch(value)):
            found[shown_as] = value
    return found


def _frames(error: BaseException) -> dict[str, Any]:
    frames = [(frame.f_code, line) for frame, line in traceback.walk_tb(error.__traceback__)]
    if not frames:
        return {}
    own = [place(code, line) for code, line in frames if PurePath(code.co_filename).is_relative_to(OWN_ROOT)]
    return {"at": place(*frames[-1]), **({"frames": own[-_FRAMES_MAX:]} if own else {})}
