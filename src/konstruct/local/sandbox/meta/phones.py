"""Repository: phones of people, and what lies between each of them and a business's number."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from konstruct.local.sandbox.meta.model import Chat, Phone
from konstruct.local.sandbox.sqlite import SqliteFile

DAY_S = 24 * 3600.0
"""Length of the customer service window, and of the time over which first messages are counted."""


class Phones:
    """Lookups return None for the unknown."""

    def __init__(self, file: SqliteFile) -> None:
        self._file = file

    def add(self, phones: Sequence[Phone]) -> None:
        """Store phones that are not there yet."""
        sql = (
            "INSERT OR IGNORE INTO wa_phones VALUES (:phone_id, :name, :digits, :tint, :about, :username, :shows_number, :moved)"
        )
        with self._file.write() as connection:
            connection.executemany(sql, [asdict(phone) for phone in phones])

    def all(self) -> list[Phone]:
        """Return every phone, in the order they were added."""
        with self._file.read() as connection:
            return [_phone(row) for row in connection.execute("SELECT * FROM wa_phones ORDER BY rowid")]

    def get(self, phone_id: str) -> Phone | None:
        """Return a phone."""
        return self._one("phone_id = ?", phone_id)

    def by_digits(self, digits: str) -> Phone | None:
        """Return the phone with a number."""
        return self._one("digits = ?", digits)

    def by_user_id(self, business_id: str, user_id: str) -> Phone | None:
        """Return the phone that a portfolio knows under an id."""
        return next((phone for phone in self.all() if phone.user_id(business_id) == user_id), None)

    def _one(self, where: str, key: str) -> Phone | None:
        # `where` is one of the fixed conditions above, never anything a caller sent.
        with self._file.read() as connection:
            row = connection.execute(f"SELECT * FROM wa_phones WHERE {where}", (key,)).fetchone()
        return _phone(row) if row else None

    def move(self, phone: Phone, digits: str) -> None:
        """Give a phone another number: the ids under which portfolios know it change with it."""
        with self._file.write() as connection:
            sql = "UPDATE wa_phones SET digits = ?, moved = moved + 1 WHERE phone_id = ?"
            connection.execute(sql, (digits, phone.phone_id))

    def show_number(self, phone: Phone, shown: bool) -> None:
        """Let businesses see a phone's number, or not."""
        with self._file.write() as connection:
            connection.execute("UPDATE wa_phones SET shows_number = ? WHERE phone_id = ?", (shown, phone.phone_id))

    def chat(self, phone_id: str, phone_number_id: str) -> Chat:
        """Return what lies between a phone and a number."""
        with self._file.read() as connection:
            sql = "SELECT * FROM wa_chats WHERE phone_id = ? AND phone_number_id = ?"
            row = connection.execute(sql, (phone_id, phone_number_id)).fetchone()
        if row is None:
            return Chat(phone_id, phone_number_id)
        flags = {name: bool(row[name]) for name in ("blocked", "marketing_stopped")}
        return Chat(**{**dict(row), **flags})

    def mark(self, phone_id: str, phone_number_id: str, **values: Any) -> None:
        """Change fields of what lies between a phone and a number."""
        # The names come from the callers in this package.
        sets = ", ".join(f"{name} = ?" for name in values)
        with self._file.write() as connection:
            key = (phone_id, phone_number_id)
            connection.execute("INSERT OR IGNORE INTO wa_chats (phone_id, phone_number_id) VALUES (?, ?)", key)
            sql = f"UPDATE wa_chats SET {sets} WHERE phone_id = ? AND phone_number_id = ?"
            connection.execute(sql, (*values.values(), *key))

    def count_first(self, business_id: str, phone_id: str, now: float, limit: int) -> bool:
        """Count a person whom a portfolio writes to first; return False, uncounted, for one above `limit` (-1: none).

        Who was counted within the last 24 hours counts no second time.
        """
        with self._file.write() as connection:
            since = now - DAY_S
            sql = "SELECT phone_id FROM wa_firsts WHERE business_id = ? AND at > ?"
            known = {row["phone_id"] for row in connection.execute(sql, (business_id, since))}
            if phone_id in known:
                return True
            if 0 <= limit <= len(known):
                return False
            connection.execute("INSERT OR REPLACE INTO wa_firsts VALUES (?, ?, ?)", (business_id, phone_id, now))
        return True

    def firsts(self, business_id: str, now: float) -> int:
        """Return how many people a portfolio wrote to first within the last 24 hours."""
        with self._file.read() as connection:
            sql = "SELECT count(*) FROM wa_firsts WHERE business_id = ? AND at > ?"
            return int(connection.execute(sql, (business_id, now - DAY_S)).fetchone()[0])


def _phone(row: sqlite3.Row) -> Phone:
    return Phone(**{**dict(row), "shows_number": bool(row["shows_number"])})
