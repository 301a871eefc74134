"""Repository: what the sandbox keeps for others: accepted posts, e-mails, and which tenant stands for which workspace."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from typing import Any
from uuid import UUID

from konstruct.db.scope import TenantScope
from konstruct.local.sandbox.model import AcceptedPost, Mail, SeededTenant
from konstruct.local.sandbox.sqlite import SqliteFile


class Records:
    """Append-only lists, and the seed's memory."""

    def __init__(self, file: SqliteFile) -> None:
        self._file = file

    def add_accepted(
        self, method: str, team_id: str, channel: str, thread_ts: str | None, ts: str, text: str, metadata: dict[str, Any] | None
    ) -> None:
        """Note a write that the Web API accepted."""
        dumped = None if metadata is None else json.dumps(metadata)
        with self._file.write() as connection:
            connection.execute(
                "INSERT INTO accepted_posts (method, team_id, channel, thread_ts, ts, text, metadata, received_at)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (method, team_id, channel, thread_ts, ts, text, dumped, time.time()),
            )

    def accepted(self, after: int = 0) -> list[AcceptedPost]:
        """Return the accepted posts with an id above `after`, oldest first."""
        with self._file.read() as connection:
            rows = connection.execute("SELECT * FROM accepted_posts WHERE id > ? ORDER BY id", (after,)).fetchall()
        return [AcceptedPost(**{**dict(row), "metadata": json.loads(row["metadata"] or "null")}) for row in rows]

    def accepted_json(self, after: int = 0) -> list[dict[str, Any]]:
        """Return the same as plain values for JSON."""
        return [asdict(post) for post in self.accepted(after)]

    def add_mail(self, recipient: str, subject: str, text: str) -> int:
        """Store an e-mail; return its id."""
        with self._file.write() as connection:
            sql = "INSERT INTO mail (recipient, subject, text, sent_at) VALUES (?, ?, ?, ?)"
            return connection.execute(sql, (recipient, subject, text, time.time())).lastrowid or 0

    def mails(self, limit: int = 200) -> list[Mail]:
        """Return the latest e-mails, newest first."""
        with self._file.read() as connection:
            rows = connection.execute("SELECT * FROM mail ORDER BY id DESC LIMIT ?", (limit,)).fetchall()
        return [Mail(**dict(row)) for row in rows]

    def mail(self, mail_id: int) -> Mail | None:
        """Return one e-mail, or None."""
        with self._file.read() as connection:
            row = connection.execute("SELECT * FROM mail WHERE id = ?", (mail_id,)).fetchone()
        return Mail(**dict(row)) if row else None

    def tenant_of(self, team_id: str) -> SeededTenant | None:
        """Return the tenant that the seed made for a workspace, or None."""
        with self._file.read() as connection:
            row = connection.execute("SELECT tenant_id, finished FROM tenants WHERE team_id = ?", (team_id,)).fetchone()
        return SeededTenant(TenantScope(UUID(row["tenant_id"])), bool(row["finished"])) if row else None

    def remember_tenant(self, team_id: str, scope: TenantScope) -> None:
        """Remember which tenant the seed made for a workspace; it still lacks its documents and account."""
        with self._file.write() as connection:
            connection.execute("INSERT OR REPLACE INTO tenants VALUES (?, ?, 0)", (team_id, str(scope.tenant_id)))

    def finish_tenant(self, team_id: str) -> None:
        """Remember that a workspace's tenant has everything."""
        with self._file.write() as connection:
            connection.execute("UPDATE tenants SET finished = 1 WHERE team_id = ?", (team_id,))
