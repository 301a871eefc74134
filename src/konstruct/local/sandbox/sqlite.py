"""The sandbox's own SQLite file: one connection behind a lock, WAL, safe to share with another process."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SCHEMA = (
    """CREATE TABLE IF NOT EXISTS workspaces (
        team_id TEXT PRIMARY KEY, slug TEXT NOT NULL UNIQUE, name TEXT NOT NULL, about TEXT NOT NULL, app_id TEXT NOT NULL,
        bot_user_id TEXT NOT NULL UNIQUE, bot_id TEXT NOT NULL, bot_token TEXT NOT NULL UNIQUE,
        employee TEXT NOT NULL, employee_role TEXT NOT NULL, tint INTEGER NOT NULL) STRICT""",
    """CREATE TABLE IF NOT EXISTS users (
        team_id TEXT NOT NULL REFERENCES workspaces, user_id TEXT NOT NULL UNIQUE, name TEXT NOT NULL, role TEXT NOT NULL,
        PRIMARY KEY (team_id, user_id)) STRICT""",
    """CREATE TABLE IF NOT EXISTS channels (
        channel_id TEXT PRIMARY KEY, team_id TEXT NOT NULL REFERENCES workspaces,
        kind TEXT NOT NULL CHECK (kind IN ('channel', 'im')), name TEXT NOT NULL, topic TEXT NOT NULL,
        user_id TEXT, archived INTEGER NOT NULL, has_bot INTEGER NOT NULL, UNIQUE (team_id, user_id)) STRICT""",
    """CREATE TABLE IF NOT EXISTS messages (
        channel_id TEXT NOT NULL REFERENCES channels, ts TEXT NOT NULL, thread_ts TEXT, user_id TEXT NOT NULL,
        from_bot INTEGER NOT NULL, text TEXT NOT NULL, markdown TEXT, blocks TEXT NOT NULL, metadata TEXT, client_msg_id TEXT,
        edited INTEGER NOT NULL DEFAULT 0,
        PRIMARY KEY (channel_id, ts)) STRICT, WITHOUT ROWID""",
    "CREATE INDEX IF NOT EXISTS messages_by_thread ON messages (channel_id, thread_ts, ts)",
    """CREATE TABLE IF NOT EXISTS statuses (
        channel_id TEXT NOT NULL REFERENCES channels, thread_ts TEXT NOT NULL, status TEXT NOT NULL, until REAL NOT NULL,
        PRIMARY KEY (channel_id, thread_ts)) STRICT""",
    """CREATE TABLE IF NOT EXISTS changes (
        seq INTEGER PRIMARY KEY AUTOINCREMENT, team_id TEXT NOT NULL, channel_id TEXT NOT NULL, root_ts TEXT NOT NULL) STRICT""",
    """CREATE TABLE IF NOT EXISTS outgoing_events (
        event_id TEXT PRIMARY KEY, team_id TEXT NOT NULL, channel_id TEXT NOT NULL, root_ts TEXT NOT NULL, body BLOB NOT NULL,
        attempts INTEGER NOT NULL DEFAULT 0, reason TEXT, given_up INTEGER NOT NULL DEFAULT 0) STRICT""",
    "CREATE INDEX IF NOT EXISTS outgoing_events_by_thread ON outgoing_events (channel_id, root_ts)",
    """CREATE TABLE IF NOT EXISTS accepted_posts (
        id INTEGER PRIMARY KEY AUTOINCREMENT, method TEXT NOT NULL, team_id TEXT NOT NULL, channel TEXT NOT NULL, thread_ts TEXT,
        ts TEXT NOT NULL, text TEXT NOT NULL, metadata TEXT, received_at REAL NOT NULL) STRICT""",
    """CREATE TABLE IF NOT EXISTS mail (
        id INTEGER PRIMARY KEY AUTOINCREMENT, recipient TEXT NOT NULL, subject TEXT NOT NULL, text TEXT NOT NULL,
        sent_at REAL NOT NULL) STRICT""",
    "CREATE TABLE IF NOT EXISTS tenants (team_id TEXT PRIMARY KEY, tenant_id TEXT NOT NULL, finished INTEGER NOT NULL) STRICT",
)

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
        self._connection.execute("PRAGMA foreign_keys = ON")
        with self.write() as connection:
            for statement in SCHEMA:
                connection.execute(statement)

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
