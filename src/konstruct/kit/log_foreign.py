"""Log records of libraries: the place and the constant part of the message, never what was filled in."""

from __future__ import annotations

import logging
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import PurePath
from types import FrameType
from typing import Any

from konstruct.kit.log_errors import OWN_ROOT

_LIBRARY_ROOTS = (OWN_ROOT, *(PurePath(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib", "purelib", "platlib")))
_SAFE_ARGUMENTS = frozenset(("alembic.runtime.migration",))
"""Loggers whose arguments are ours: the names of our own migrations."""
QUIET = {
    "uvicorn.access": logging.WARNING,
    "aiohttp.access": logging.WARNING,
    "celery.app.trace": logging.WARNING,
    "celery.worker.strategy": logging.WARNING,
    "celery.beat": logging.WARNING,
    "alembic.runtime.plugins": logging.WARNING,
}
"""Access logs say nothing without their arguments, which hold addresses and query strings; a line for each wake-up
and tick says nothing at all."""


def describe_record(record: logging.LogRecord) -> dict[str, Any]:
    """Return the fields that may be shown of a library's log record.

    The message is kept only where it stands as a constant in the code that logged it: libraries that format before
    they log (slack_sdk writes request bodies so) leave no such constant. Arguments are dropped.
    """
    shown: dict[str, Any] = {"event": _constant_message(record), "logger": record.name, "at": _place(record)}
    if record.name.startswith("celery.") and isinstance(record.args, Mapping):
        shown["task"], shown["task_id"] = record.args.get("name"), record.args.get("id")
    return shown


def quiet_level(name: str) -> int:
    """Return the least level at which the logger `name` is heard, NOTSET where the process's level decides."""
    return QUIET.get(name, logging.NOTSET)


def _constant_message(record: logging.LogRecord) -> str:
    if record.name in _SAFE_ARGUMENTS:
        return record.getMessage()
    message = record.msg
    if isinstance(message, str) and any(PurePath(record.pathname).is_relative_to(root) for root in _LIBRARY_ROOTS):
        frame = _caller(record)
        if frame is not None and _holds(frame, message):
            return message
    return "(message withheld)"


def _caller(record: logging.LogRecord) -> FrameType | None:
    """The frame that logged: a handler runs on the stack of its caller."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if frame.f_lineno == record.lineno and frame.f_code.co_filename == record.pathname:
            return frame
        frame = frame.f_back
    return None


def _holds(frame: FrameType, message: str) -> bool:
    if message in frame.f_code.co_consts:
        return True
    # Celery keeps its templates as constants of the module and strips them when it logs.
    return any(type(value) is str and value.strip() == message for value in frame.f_globals.values())


def _place(record: logging.LogRecord) -> str:
    return f"{'/'.join(PurePath(record.pathname).parts[-2:])}:{record.lineno} {record.funcName}"
