"""Repository: files with their bytes, and the tickets of uploads on their way."""

from __future__ import annotations

import mimetypes
import secrets
import sqlite3
import string

from konstruct.local.sandbox.model import StoredFile
from konstruct.local.sandbox.sqlite import SqliteFile
from konstruct.local.sandbox.switches import Control

_SHOWN = "file_id, team_id, user_id, name, title, mimetype, size, channel_id, made_at, content IS NOT NULL AS arrived"
_ALPHABET = string.ascii_uppercase + string.digits


class Files:
    """Every file has an id of its own. `base_url`: the sandbox's own address, at which files can be fetched."""

    def __init__(self, file: SqliteFile, control: Control) -> None:
        self._file = file
        self._control = control
        self.base_url = ""

    def add(self, team_id: str, user_id: str, name: str, content: bytes, channel_id: str) -> StoredFile:
        """Store a file that a person shares."""
        return self._insert(team_id, user_id, name, len(content), content, None, channel_id)

    def reserve(self, team_id: str, user_id: str, name: str, size: int) -> tuple[StoredFile, str]:
        """Announce a file of `size` bytes; return it with the ticket that its bytes come under, once."""
        ticket = secrets.token_urlsafe(32)
        return self._insert(team_id, user_id, name, size, None, ticket, None), ticket

    def _insert(
        self, team_id: str, user_id: str, name: str, size: int, content: bytes | None, ticket: str | None, channel_id: str | None
    ) -> StoredFile:
        file_id = "F" + "".join(secrets.choice(_ALPHABET) for _ in range(10))
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        values = (file_id, team_id, user_id, name, name, kind, size, content, ticket, channel_id, self._control.now())
        with self._file.write() as connection:
            sql = f"INSERT INTO files VALUES ({', '.join('?' * len(values))}) RETURNING {_SHOWN}"
            return _stored(connection.execute(sql, values).fetchone())

    def by_ticket(self, ticket: str) -> StoredFile | None:
        """Return the file whose bytes are still to come under a ticket."""
        return self._one("ticket = ?", ticket)

    def get(self, file_id: str) -> StoredFile | None:
        """Return a file."""
        return self._one("file_id = ?", file_id)

    def _one(self, where: str, value: str) -> StoredFile | None:
        # `where` is one of the fixed conditions above, never anything a caller sent.
        with self._file.read() as connection:
            row = connection.execute(f"SELECT {_SHOWN} FROM files WHERE {where}", (value,)).fetchone()
        return _stored(row) if row else None

    def fill(self, ticket: str, content: bytes) -> bool:
        """Store the bytes of an upload and use its ticket up. Return whether it was still good."""
        with self._file.write() as connection:
            sql = "UPDATE files SET content = ?, ticket = NULL WHERE ticket = ? AND size = ?"
            return connection.execute(sql, (content, ticket, len(content))).rowcount == 1

    def share(self, file_id: str, title: str, channel_id: str) -> None:
        """Complete an upload: it has a title, and a channel ("" for nobody but its owner)."""
        with self._file.write() as connection:
            connection.execute("UPDATE files SET title = ?, channel_id = ? WHERE file_id = ?", (title, channel_id, file_id))

    def content(self, file_id: str) -> bytes:
        """Return the bytes of a file that arrived; none of one that did not."""
        with self._file.read() as connection:
            row = connection.execute("SELECT content FROM files WHERE file_id = ?", (file_id,)).fetchone()
        return bytes(row["content"]) if row and row["content"] is not None else b""


def _stored(row: sqlite3.Row) -> StoredFile:
    return StoredFile(**{**dict(row), "arrived": bool(row["arrived"])})
