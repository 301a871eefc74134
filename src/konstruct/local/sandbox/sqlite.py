"""The sandbox's own SQLite file: one connection behind a lock, WAL, safe to share with another process."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from konstruct.local.sandbox.schema import migrate

MEMORY = ":memory:"


class SqliteFile:
    """One SQLite file. Sessions are short and exclusive; another process waits up to 10 s for its turn."""

    def __init__(self, path: Path | str) -> None:
        """Open (or make) the file at `path`, for its owner alone; `:memory:` keeps nothing.

        Raises OSError or sqlite3.Error where that fails.
        """
        if str(path) != MEMORY:
            _make_private(Path(path))
        self._lock = threading.RLock()
        self._connection = sqlite3.connect(str(path), timeout=10, isolation_level=None, check_same_thread=False)
        self._connection.row_factory = sqlite3.Row
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = NORMAL")
        with self.write() as connection:
            migrate(connection)
        self._connection.execute("PRAGMA foreign_keys = ON")

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """Yield the connection for queries that need no common snapshot."""
        with self._lock:
            yield self._connection

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """Yield the connection inside one transaction, which an error undoes."""
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()


def _make_private(path: Path) -> None:
    """Let only the owner read the file: it holds the sandbox's tokens. What SQLite puts beside it gets the same mode."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except FileExistsError:
        # By name: closing a second handle would end the locks that another connection of this process holds.
        for each in (path, *(path.with_name(path.name + end) for end in ("-wal", "-shm"))):
            try:
                each.chmod(0o600)
            except FileNotFoundError:
                continue  # Another process was the last to close it meanwhile.
