"""Repository: the tokens that businesses gave the app, and the codes on their way to one."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field

from konstruct.local.sandbox.sqlite import SqliteFile

CODE_S = 30.0
"""How long a code of Embedded Signup can be exchanged."""


@dataclass(frozen=True, slots=True)
class MetaToken:
    """A business token: what it opens is one business account and its numbers."""

    token: str = field(repr=False)
    business_id: str
    waba_id: str
    scopes: str
    """Comma-separated."""
    issued_at: float
    expires_at: float | None
    revoked_at: float | None


class MetaTokens:
    """Tokens and codes. Those that ended stay, so that they are told from invented ones."""

    def __init__(self, file: SqliteFile) -> None:
        self._file = file

    def put(self, token: MetaToken) -> None:
        """Store a token, unless it is there already."""
        values = (token.token, token.business_id, token.waba_id, token.scopes)
        times = (token.issued_at, token.expires_at, token.revoked_at)
        with self._file.write() as connection:
            connection.execute("INSERT OR IGNORE INTO wa_tokens VALUES (?, ?, ?, ?, ?, ?, ?)", (*values, *times))

    def get(self, token: str) -> MetaToken | None:
        """Return a token that was ever issued."""
        with self._file.read() as connection:
            row = connection.execute("SELECT * FROM wa_tokens WHERE token = ?", (token,)).fetchone()
        return MetaToken(**dict(row)) if row else None

    def of_account(self, waba_id: str) -> list[MetaToken]:
        """Return the tokens of a business account that were not revoked, newest first."""
        sql = "SELECT * FROM wa_tokens WHERE waba_id = ? AND revoked_at IS NULL ORDER BY issued_at DESC, rowid DESC"
        with self._file.read() as connection:
            return [MetaToken(**dict(row)) for row in connection.execute(sql, (waba_id,))]

    def end(self, waba_id: str, now: float, *, expired: bool) -> int:
        """Revoke the tokens of a business account, or let them expire; return how many."""
        name = "expires_at" if expired else "revoked_at"
        with self._file.write() as connection:
            sql = f"UPDATE wa_tokens SET {name} = ? WHERE waba_id = ? AND revoked_at IS NULL"
            return connection.execute(sql, (now, waba_id)).rowcount

    def revoke(self, token: str, now: float) -> None:
        """Revoke one token."""
        with self._file.write() as connection:
            connection.execute("UPDATE wa_tokens SET revoked_at = ? WHERE token = ?", (now, token))

    def new_code(self, waba_id: str, now: float) -> str:
        """Return a new code for a business account."""
        code = "AQ" + secrets.token_urlsafe(90)
        with self._file.write() as connection:
            connection.execute("INSERT INTO wa_codes VALUES (?, ?, ?, NULL)", (code, waba_id, now))
        return code

    def use_code(self, code: str, now: float) -> str | None:
        """Use a code up and return its business account; or return "used", "late" or None for one that is no good."""
        with self._file.write() as connection:
            row = connection.execute("SELECT * FROM wa_codes WHERE code = ?", (code,)).fetchone()
            if row is None:
                return None
            if row["used_at"] is not None:
                return "used"
            if now - row["issued_at"] > CODE_S:
                return "late"
            connection.execute("UPDATE wa_codes SET used_at = ? WHERE code = ?", (now, code))
        return str(row["waba_id"])
