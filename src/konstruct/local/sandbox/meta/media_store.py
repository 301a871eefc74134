"""Repository: files at Meta, and the addresses under which they can be fetched for five minutes."""

from __future__ import annotations

import hashlib
import secrets

from konstruct.local.sandbox.meta.model import MediaFile, new_id
from konstruct.local.sandbox.sqlite import SqliteFile

ADDRESS_S = 300.0
"""How long an address of a file works."""
_SHOWN = "media_id, phone_number_id, mime_type, name, sha256, size, made_at"


class MetaMedia:
    """`base_url`: the sandbox's own address, at which files can be fetched."""

    def __init__(self, file: SqliteFile) -> None:
        self._file = file
        self.base_url = ""

    def add(self, phone_number_id: str, mime_type: str, name: str, content: bytes, now: float) -> MediaFile:
        """Store a file."""
        made = MediaFile(new_id(), phone_number_id, mime_type, name, hashlib.sha256(content).hexdigest(), len(content), now)
        values = (made.media_id, phone_number_id, mime_type, name, made.sha256, made.size, now, content)
        with self._file.write() as connection:
            connection.execute("INSERT INTO wa_media VALUES (?, ?, ?, ?, ?, ?, ?, ?)", values)
        return made

    def get(self, media_id: str) -> MediaFile | None:
        """Return a file."""
        with self._file.read() as connection:
            row = connection.execute(f"SELECT {_SHOWN} FROM wa_media WHERE media_id = ?", (media_id,)).fetchone()
        return MediaFile(**dict(row)) if row else None

    def content(self, media_id: str) -> bytes:
        """Return the bytes of a file; none of an unknown one."""
        with self._file.read() as connection:
            row = connection.execute("SELECT content FROM wa_media WHERE media_id = ?", (media_id,)).fetchone()
        return bytes(row["content"]) if row else b""

    def remove(self, media_id: str) -> bool:
        """Delete a file; return whether it was there."""
        with self._file.write() as connection:
            return connection.execute("DELETE FROM wa_media WHERE media_id = ?", (media_id,)).rowcount == 1

    def ticket(self, media_id: str, now: float) -> str:
        """Return a new ticket: the part of an address that opens a file for five minutes."""
        ticket = secrets.token_urlsafe(24)
        with self._file.write() as connection:
            connection.execute("DELETE FROM wa_media_tickets WHERE until < ?", (now,))
            connection.execute("INSERT INTO wa_media_tickets VALUES (?, ?, ?)", (ticket, media_id, now + ADDRESS_S))
        return ticket

    def by_ticket(self, ticket: str, now: float) -> MediaFile | None:
        """Return the file that a ticket opens, or None for one that is unknown or too old."""
        with self._file.read() as connection:
            sql = f"SELECT {_SHOWN} FROM wa_media JOIN wa_media_tickets USING (media_id) WHERE ticket = ? AND until >= ?"
            row = connection.execute(sql, (ticket, now)).fetchone()
        return MediaFile(**dict(row)) if row else None
