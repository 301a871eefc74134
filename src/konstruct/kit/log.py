"""Logs of a process: one JSON object a line on stderr, ours and every library's, through one redactor."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
import threading
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import PurePath
from typing import Any, TextIO
from uuid import UUID

import orjson
import structlog

from konstruct.kit.log_errors import describe_error
from konstruct.kit.log_fields import admit
from konstruct.kit.log_foreign import QUIET, describe_record, quiet_level
from konstruct.kit.redaction import redact_text, redact_value
from konstruct.kit.settings import Settings

log = structlog.get_logger()


class Sink:
    """Writes whole lines to a stream, one at a time, from any thread. A closed or broken stream loses the line, no more."""

    def __init__(self, stream: TextIO, process: str, *, readable: bool) -> None:
        self._stream = stream
        self._process = process
        self._lock = threading.Lock()
        self.lost = 0
        self._console = structlog.dev.ConsoleRenderer(sort_keys=False) if readable else None

    def emit(self, level: str, fields: dict[str, Any], error: BaseException | None = None) -> None:
        """Write one line. Never raises: a log line must not end a turn."""
        try:
            line = self._render(level, fields, error)
        except Exception as broken:
            # Whatever a value's own methods raise.
            line = orjson.dumps({"level": level, "event": "log_line_failed", "type": type(broken).__name__}).decode()
        with self._lock:
            try:
                self._stream.write(line + "\n")
                self._stream.flush()
            except (OSError, ValueError):
                # stderr is closed or broken: nobody is left to tell.
                self.lost += 1

    def _render(self, level: str, fields: dict[str, Any], error: BaseException | None) -> str:
        shown = admit({**structlog.contextvars.get_contextvars(), **fields})
        if error is not None:
            shown["error"] = describe_error(error)
        line = {
            "ts": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "level": level,
            "process": self._process,
            "event": redact_text(str(shown.pop("event", ""))),
            **redact_value(shown),
        }
        if self._console is None:
            return orjson.dumps(line, default=_type_name).decode()
        return str(self._console(None, level, {"timestamp": line.pop("ts"), **line}))


class StdlibHandler(logging.Handler):
    """The root logger's only handler: whatever a library logs becomes a line of ours."""

    def __init__(self, sink: Sink) -> None:
        super().__init__()
        self.sink = sink

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record's constant parts."""
        error = record.exc_info[1] if isinstance(record.exc_info, tuple) else None
        self.sink.emit(record.levelname.lower(), describe_record(record), error)


def configure(settings: Settings, process: str) -> None:
    """Send every log of this process, ours and its libraries', through the redactor to stderr.

    One JSON object a line; readable lines where stderr is a terminal and ENV is dev. Also takes over warnings, uncaught
    exceptions of the main thread, of threads and of finalizers: none prints a raw traceback. Safe to call again.
    """
    readable = settings.env == "dev" and sys.stderr.isatty()
    sink = Sink(sys.stderr, process, readable=readable)
    level = logging.getLevelNamesMapping()[settings.log_level]
    structlog.configure(
        processors=[_Line(sink)],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.ReturnLoggerFactory(),
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    root.handlers = [StdlibHandler(sink)]
    root.setLevel(level)
    # A handler's failure would otherwise print the record with its arguments.
    logging.raiseExceptions = False
    take_over_loggers()
    warnings.showwarning = _on_warning
    sys.excepthook = _on_uncaught
    threading.excepthook = _on_thread
    sys.unraisablehook = _on_unraisable


def take_over_loggers(**_: object) -> None:
    """Undo what libraries configured for their own loggers: no handler but the root's, no lower level of their own.

    Takes and ignores keyword arguments, so that it is also the receiver of Celery's `setup_logging` signal: with a
    receiver connected, Celery leaves logging alone.
    """
    for name in {*logging.Logger.manager.loggerDict, *QUIET}:
        logger = logging.getLogger(name)
        logger.handlers = []
        logger.propagate = True
        logger.disabled = False
        # A level above CRITICAL is a logger silenced on purpose.
        if logger.level <= logging.CRITICAL:
            logger.setLevel(quiet_level(name))


def watch_loop(loop: asyncio.AbstractEventLoop) -> None:
    """Log what `loop` would otherwise print about failed tasks and callbacks, without its values."""
    loop.set_exception_handler(_on_loop)


@contextlib.contextmanager
def log_ids(**ids: UUID | str | None) -> Iterator[None]:
    """Add ids (`tenant_id`, `conversation_id`, `turn_id`, `delivery_id`) to every log line of the block; restored after it."""
    with structlog.contextvars.bound_contextvars(**{key: value for key, value in ids.items() if value is not None}):
        yield


class _Line:
    """The one structlog processor: it writes the line itself and drops the event."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    def __call__(self, _logger: Any, method: str, fields: structlog.typing.EventDict) -> str:
        error = _error_of(fields.pop("exc_info", None))
        fields.pop("stack_info", None)
        self._sink.emit(_LEVELS.get(method, method), dict(fields), error)
        return ""


_LEVELS = {"exception": "error", "warn": "warning", "fatal": "critical", "msg": "info"}


def _error_of(exc_info: object) -> BaseException | None:
    if isinstance(exc_info, BaseException):
        return exc_info
    if isinstance(exc_info, tuple):
        return exc_info[1] if isinstance(exc_info[1], BaseException) else None
    return sys.exc_info()[1] if exc_info else None


def _type_name(value: object) -> str:
    return f"<{type(value).__name__}>"


def _on_uncaught(_kind: type[BaseException], error: BaseException, _trace: object) -> None:
    if isinstance(error, KeyboardInterrupt):
        return
    log.critical("uncaught_exception", exc_info=error)


def _on_thread(args: threading.ExceptHookArgs) -> None:
    if args.exc_value is not None and not isinstance(args.exc_value, SystemExit):
        log.critical("uncaught_exception_in_thread", exc_info=args.exc_value)


def _on_unraisable(args: Any) -> None:
    # `args.object` is whatever was being finalized; its repr can hold anything.
    log.error("exception_in_finalizer", exc_info=args.exc_value)


def _on_loop(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    error = context.get("exception")
    log.error("event_loop_exception", exc_info=error if isinstance(error, BaseException) else None)


def _on_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    del message, file, line
    # The text is withheld: libraries quote values in it. Type and place find the line that warns.
    at = f"{'/'.join(PurePath(filename).parts[-2:])}:{lineno}"
    log.warning("python_warning", kind=category.__name__, at=at)
