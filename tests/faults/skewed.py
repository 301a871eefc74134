"""One of our processes under a wrong clock: `python -m tests.faults.skewed SECONDS worker`.

Every wall clock that Python code can read is that many seconds ahead; the monotonic clock goes on as it is.
"""

from __future__ import annotations

import datetime as dt
import sys
import time
from typing import Any

_real = dt.datetime


class _AnyDatetime(type):
    """Whatever is a datetime is one of ours, too: most are made in C."""

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, _real)

    def __subclasscheck__(cls, subclass: type) -> bool:
        return issubclass(subclass, _real)


def skew(seconds: float) -> None:
    """Shift this process's clocks, before anything else is imported."""
    shift = dt.timedelta(seconds=seconds)
    now, now_ns, gm, local = time.time, time.time_ns, time.gmtime, time.localtime

    class Shifted(_real, metaclass=_AnyDatetime):
        """`datetime` as every later import finds it; what it makes are plain ones."""

        def __new__(cls, *args: Any, **named: Any) -> Any:
            return _real(*args, **named)

        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return _real.now(tz) + shift

    time.time = lambda: now() + seconds
    time.time_ns = lambda: now_ns() + int(seconds) * 1_000_000_000
    time.gmtime = lambda secs=None: gm(time.time() if secs is None else secs)
    time.localtime = lambda secs=None: local(time.time() if secs is None else secs)
    dt.datetime = Shifted  # type: ignore[misc]


if __name__ == "__main__":
    skew(float(sys.argv.pop(1)))
    from konstruct.cli.main import run

    run()
