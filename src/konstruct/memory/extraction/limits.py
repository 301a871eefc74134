"""What a file may cost, and the process that holds itself to it."""

from __future__ import annotations

import contextlib
import os
import resource

MAX_FILE_BYTES = 10 * 1024 * 1024
MAX_DOCUMENT_CHARS = 1_000_000
MAX_PAGES = 500
MAX_ROWS = 20_000
MAX_COLUMNS = 200
DEADLINE_S = 20.0
"""How long the reading of a file may take, by the clock of the one who waits for it."""
_CPU_S = 20
_MEMORY = 768 * 1024 * 1024


def limit_process() -> None:
    """Bound this process: time, memory, no file written, no other program's turn taken. It cannot be undone.

    A parser of a hostile file can be made to loop or to swell, and no check of the file beforehand finds every such file.
    """
    os.nice(10)
    bounds = [(resource.RLIMIT_CPU, _CPU_S), (resource.RLIMIT_AS, _MEMORY), (resource.RLIMIT_FSIZE, 0), (resource.RLIMIT_CORE, 0)]
    for kind, bound in bounds:
        # Some systems know one of them only by name; the deadline of the one who waits holds everywhere.
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(kind, (bound, bound))
