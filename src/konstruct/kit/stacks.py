"""Where a process stands: on SIGUSR1 it writes the stack of every thread to its standard error, and goes on."""

from __future__ import annotations

import contextlib
import faulthandler
import signal
import sys


def tell_stacks_on_signal() -> None:
    """From now on SIGUSR1 makes the process write its stacks: files, lines and functions, no values.

    It works also while the interpreter is busy in one thread, which a handler in Python would wait for.
    """
    # Taken back first: whoever set another handler since (Celery does) would keep the signal, though we had registered.
    faulthandler.unregister(signal.SIGUSR1)
    # Whoever has no standard error of the system's, as under a test runner, goes without.
    with contextlib.suppress(OSError, ValueError):
        faulthandler.register(signal.SIGUSR1, file=sys.stderr, all_threads=True, chain=False)
