"""Repository: where the app is installed, the tokens of each installation, and the codes on their way to one."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field

from konstruct.local.sandbox.sqlite import SqliteFile

ACTIVE_TOKENS = 2
"""Unexpired access tokens of one installation; a refresh beyond that revokes the oldest."""


@dataclass(frozen=True, slots=True)
class Installation:
    """The app in one workspace (`team_id`), or in a whole Grid organisation (`org_wide`, without a team)."""

    id: int
    team_id: str | None
    enterprise_id: str | None
    org_wide: bool
    scopes: str
    """Comma-separated."""
    installer_id: str | None
    rotates: bool
    removed_at: float | None


@dataclass(frozen=True, slots=True)
class Token:
    """One token of an installation. Times are simulated Unix seconds."""

    token: str = field(repr=False)
    installation_id: int
    kind: str
    issued_at: float
    expires_at: float | None
    revoked_at: float | None


@dataclass(frozen=True, slots=True)
class Code:
    """An authorisation code: what was granted, by whom, to which address it went."""

    code: str = field(repr=False)
    client_id: str
    redirect_uri: str
    flow: str
    """`v2`, or `v1` for one that came from the old authorisation page."""
    scopes: str
    team_id: str | None
    enterprise_id: str | None
    user_id: str
    issued_at: float
    used_at: float | None


class Installations:
    """Installations outlive their tokens; an uninstalled one stays, marked, so that its tokens are told from invented ones."""

    def __init__(self, file: SqliteFile) -> None:
        self._file = file

    def install(
        self, team_id: str | None, enterprise_id: str | None, scopes: str, installer_id: str | None, *, rotates: bool
    ) -> Installation:
        """Return the installation in a workspace, or (without `team_id`) in an organisation; the second updates the first."""
        values = (scopes, installer_id, rotates)
        with self._file.write() as connection:
            found = _current(connection, team_id, enterprise_id)
            if found is None:
                sql = (
                    "INSERT INTO installations (team_id, enterprise_id, org_wide, scopes, installer_id, rotates)"
                    " VALUES (?, ?, ?, ?, ?, ?) RETURNING *"
                )
                row = connection.execute(sql, (team_id, enterprise_id, team_id is None, *values)).fetchone()
            else:
                sql = "UPDATE installations SET scopes = ?, installer_id = ?, rotates = ? WHERE id = ? RETURNING *"
                row = connection.execute(sql, (*values, found.id)).fetchone()
        return _installation(row)

    def ensure_token(self, team_id: str, scopes: str, token: str, now: float) -> None:
        """Make the installation of a token that was made by hand, once: an uninstalled one stays uninstalled."""
        with self._file.write() as connection:
            if connection.execute("SELECT 1 FROM tokens WHERE token = ?", (token,)).fetchone():
                return
            sql = "INSERT INTO installations (team_id, org_wide, scopes, rotates) VALUES (?, 0, ?, 0)"
            made = connection.execute(sql, (team_id, scopes)).lastrowid
            _add_token(connection, Token(token, made or 0, "access", now, None, None))

    def of_team(self, team_id: str, enterprise_id: str | None) -> Installation | None:
        """Return the installation that a workspace's events go to: its own, else its organisation's; None if there is none."""
        with self._file.read() as connection:
            own = _current(connection, team_id, None)
            return own or (_current(connection, None, enterprise_id) if enterprise_id else None)

    def of_enterprise(self, enterprise_id: str) -> Installation | None:
        """Return the organisation-wide installation."""
        with self._file.read() as connection:
            return _current(connection, None, enterprise_id)

    def get(self, installation_id: int) -> Installation:
        """Return one installation, removed or not. The id is known to exist."""
        with self._file.read() as connection:
            return _installation(connection.execute("SELECT * FROM installations WHERE id = ?", (installation_id,)).fetchone())

    def all(self) -> list[Installation]:
        """Return the installations that stand, oldest first."""
        with self._file.read() as connection:
            rows = connection.execute("SELECT * FROM installations WHERE removed_at IS NULL ORDER BY id").fetchall()
        return [_installation(row) for row in rows]

    def remove(self, installation_id: int, now: float) -> None:
        """Uninstall the app: every token of the installation is dead from now on."""
        with self._file.write() as connection:
            connection.execute("UPDATE installations SET removed_at = ? WHERE id = ?", (now, installation_id))
            sql = "UPDATE tokens SET revoked_at = ? WHERE installation_id = ? AND revoked_at IS NULL"
            connection.execute(sql, (now, installation_id))

    def token(self, token: str) -> Token | None:
        """Return a token that was ever issued."""
        with self._file.read() as connection:
            row = connection.execute("SELECT * FROM tokens WHERE token = ?", (token,)).fetchone()
        return Token(**dict(row)) if row else None

    def lasting_token(self, installation_id: int) -> str | None:
        """Return the token of an installation that never expires, or None."""
        sql = (
            "SELECT token FROM tokens WHERE installation_id = ? AND kind = 'access' AND expires_at IS NULL"
            " AND revoked_at IS NULL ORDER BY issued_at DESC LIMIT 1"
        )
        with self._file.read() as connection:
            row = connection.execute(sql, (installation_id,)).fetchone()
        return row["token"] if row else None

    def issue(self, access: Token, refresh: Token | None, now: float) -> None:
        """Store new tokens of an installation; of its unexpired access tokens only the youngest two go on working."""
        with self._file.write() as connection:
            _add_token(connection, access)
            if refresh is not None:
                _add_token(connection, refresh)
                connection.execute(
                    "UPDATE tokens SET revoked_at = :now WHERE token IN (SELECT token FROM tokens"
                    " WHERE installation_id = :installation AND kind = 'access' AND revoked_at IS NULL AND expires_at > :now"
                    " ORDER BY issued_at DESC, rowid DESC LIMIT -1 OFFSET :kept)",
                    {"now": now, "installation": access.installation_id, "kept": ACTIVE_TOKENS},
                )

    def spend(self, token: str, now: float) -> bool:
        """Revoke a token. Return whether it had not been revoked before: of two callers only one hears True."""
        with self._file.write() as connection:
            sql = "UPDATE tokens SET revoked_at = ? WHERE token = ? AND revoked_at IS NULL"
            return connection.execute(sql, (now, token)).rowcount == 1

    def end_lasting(self, installation_id: int, now: float) -> None:
        """Revoke the tokens of an installation that never expire: its first refresh does that."""
        with self._file.write() as connection:
            sql = (
                "UPDATE tokens SET revoked_at = ? WHERE installation_id = ? AND kind = 'access' AND expires_at IS NULL"
                " AND revoked_at IS NULL"
            )
            connection.execute(sql, (now, installation_id))

    def revoke_all(self, installation_id: int, now: float) -> None:
        """Revoke every token of an installation, which itself stays."""
        with self._file.write() as connection:
            sql = "UPDATE tokens SET revoked_at = ? WHERE installation_id = ? AND revoked_at IS NULL"
            connection.execute(sql, (now, installation_id))

    def add_code(self, code: Code) -> None:
        """Store a code that was just handed out."""
        with self._file.write() as connection:
            names = ("code", "client_id", "redirect_uri", "flow", "scopes", "team_id", "enterprise_id", "user_id", "issued_at")
            sql = f"INSERT INTO oauth_codes ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"
            connection.execute(sql, [getattr(code, name) for name in names])

    def code(self, code: str) -> Code | None:
        """Return a code that was ever handed out."""
        with self._file.read() as connection:
            row = connection.execute("SELECT * FROM oauth_codes WHERE code = ?", (code,)).fetchone()
        return Code(**dict(row)) if row else None

    def use_code(self, code: str, now: float) -> bool:
        """Use a code up. Return whether it was unused: of two callers only one hears True."""
        with self._file.write() as connection:
            sql = "UPDATE oauth_codes SET used_at = ? WHERE code = ? AND used_at IS NULL"
            return connection.execute(sql, (now, code)).rowcount == 1


def _current(connection: sqlite3.Connection, team_id: str | None, enterprise_id: str | None) -> Installation | None:
    where = "team_id = ?" if team_id else "org_wide AND enterprise_id = ?"
    sql = f"SELECT * FROM installations WHERE removed_at IS NULL AND {where} ORDER BY id DESC LIMIT 1"
    row = connection.execute(sql, (team_id or enterprise_id,)).fetchone()
    return _installation(row) if row else None


def _add_token(connection: sqlite3.Connection, token: Token) -> None:
    connection.execute(
        "INSERT INTO tokens VALUES (?, ?, ?, ?, ?, ?)",
        (token.token, token.installation_id, token.kind, token.issued_at, token.expires_at, token.revoked_at),
    )


def _installation(row: sqlite3.Row) -> Installation:
    return Installation(**{**dict(row), "org_wide": bool(row["org_wide"]), "rotates": bool(row["rotates"])})
