"""Repository: portfolios, business accounts and numbers."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import asdict, fields
from typing import Any

from konstruct.local.sandbox.meta.model import BusinessAccount, Number, Portfolio
from konstruct.local.sandbox.sqlite import SqliteFile

_TABLES: dict[type, tuple[str, str]] = {
    Portfolio: ("wa_portfolios", "business_id"),
    BusinessAccount: ("wa_accounts", "waba_id"),
    Number: ("wa_numbers", "phone_number_id"),
}
Thing = Portfolio | BusinessAccount | Number


class MetaBusinesses:
    """Who and what exists at Meta on the businesses' side. Lookups return None for the unknown."""

    def __init__(self, file: SqliteFile) -> None:
        self._file = file

    def add(self, things: Sequence[Thing]) -> None:
        """Store what is not there yet; what is there stays as the control panel left it."""
        with self._file.write() as connection:
            for thing in things:
                table, _ = _TABLES[type(thing)]
                names = [field.name for field in fields(thing)]
                marks = ", ".join(f":{name}" for name in names)
                connection.execute(f"INSERT OR IGNORE INTO {table} ({', '.join(names)}) VALUES ({marks})", asdict(thing))

    def change(self, thing: Thing, **values: Any) -> None:
        """Change fields of something that exists."""
        table, key = _TABLES[type(thing)]
        sets = ", ".join(f"{name} = ?" for name in values)
        with self._file.write() as connection:
            connection.execute(f"UPDATE {table} SET {sets} WHERE {key} = ?", (*values.values(), getattr(thing, key)))

    def portfolios(self) -> list[Portfolio]:
        """Return every portfolio, by name."""
        with self._file.read() as connection:
            return [Portfolio(**dict(row)) for row in connection.execute("SELECT * FROM wa_portfolios ORDER BY name")]

    def portfolio(self, business_id: str) -> Portfolio | None:
        """Return a portfolio."""
        row = self._one("SELECT * FROM wa_portfolios WHERE business_id = ?", business_id)
        return Portfolio(**dict(row)) if row else None

    def accounts(self, business_id: str) -> list[BusinessAccount]:
        """Return the business accounts of a portfolio."""
        with self._file.read() as connection:
            rows = connection.execute("SELECT * FROM wa_accounts WHERE business_id = ? ORDER BY rowid", (business_id,)).fetchall()
        return [_account(row) for row in rows]

    def account(self, waba_id: str) -> BusinessAccount | None:
        """Return a business account."""
        row = self._one("SELECT * FROM wa_accounts WHERE waba_id = ?", waba_id)
        return _account(row) if row else None

    def all_numbers(self) -> list[Number]:
        """Return every number, in the order they were added."""
        with self._file.read() as connection:
            return [Number(**dict(row)) for row in connection.execute("SELECT * FROM wa_numbers ORDER BY rowid")]

    def numbers(self, waba_id: str) -> list[Number]:
        """Return the numbers of a business account."""
        return [number for number in self.all_numbers() if number.waba_id == waba_id]

    def number(self, phone_number_id: str) -> Number | None:
        """Return a number."""
        row = self._one("SELECT * FROM wa_numbers WHERE phone_number_id = ?", phone_number_id)
        return Number(**dict(row)) if row else None

    def owner(self, number: Number) -> tuple[BusinessAccount, Portfolio]:
        """Return what a number belongs to. Both exist: the tables refer to each other."""
        account = self.account(number.waba_id)
        portfolio = self.portfolio(account.business_id) if account else None
        assert account is not None and portfolio is not None, "a number belongs to an account, an account to a portfolio"
        return account, portfolio

    def _one(self, sql: str, key: str) -> sqlite3.Row | None:
        with self._file.read() as connection:
            row: sqlite3.Row | None = connection.execute(sql, (key,)).fetchone()
        return row


def _account(row: sqlite3.Row) -> BusinessAccount:
    return BusinessAccount(**{**dict(row), "subscribed": bool(row["subscribed"])})
