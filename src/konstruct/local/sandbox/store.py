"""The sandbox's state: everything the simulated workspaces remember, in one SQLite file that survives restarts."""

from __future__ import annotations

from pathlib import Path

from konstruct.local.sandbox.files import Files
from konstruct.local.sandbox.hub import Hub
from konstruct.local.sandbox.installations import Installations
from konstruct.local.sandbox.interactions import Interactions
from konstruct.local.sandbox.messages import Messages
from konstruct.local.sandbox.meta.store import MetaStore
from konstruct.local.sandbox.outbox import Outbox
from konstruct.local.sandbox.records import Records
from konstruct.local.sandbox.sqlite import SqliteFile
from konstruct.local.sandbox.switches import Control
from konstruct.local.sandbox.threads import Threads
from konstruct.local.sandbox.workspaces import Workspaces

FILE_NAME = "sandbox.db"
KEPT_TABLES = frozenset({"tenants", "mail", "changes", "accepted_posts"})
"""What a new start keeps: what belongs to the product, and lists whose numbers others have noted."""


class SandboxStore:
    """The repositories over one file. Every call is short and synchronous; they are safe from several threads."""

    def __init__(self, path: Path | str) -> None:
        """Open (or make) the file at `path`; `:memory:` keeps nothing."""
        self._file = SqliteFile(path)
        self.hub = Hub()
        self.control = Control(self._file)
        self.workspaces = Workspaces(self._file)
        self.installations = Installations(self._file)
        self.messages = Messages(self._file, self.hub, self.control)
        self.files = Files(self._file, self.control)
        self.threads = Threads(self._file, self.hub, self.control)
        self.interactions = Interactions(self._file, self.hub)
        self.outbox = Outbox(self._file, self.hub)
        self.records = Records(self._file)
        self.meta = MetaStore(self._file, self.hub)

    @classmethod
    def in_folder(cls, data_dir: Path) -> SandboxStore:
        """Open the store of the embedded instance in `data_dir`."""
        return cls(data_dir / FILE_NAME)

    def deliver_mail(self, recipient: str, subject: str, text: str) -> int:
        """Put an e-mail into the mailbox of `/sandbox/mail`; return its id."""
        return self.records.add_mail(recipient, subject, text)

    def forget(self) -> None:
        """Forget everything but the mailbox and whose tenant is whose: the caller adds the sample businesses again."""
        with self._file.write() as connection:
            connection.execute("PRAGMA defer_foreign_keys = ON")
            rows = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
            for table in {row["name"] for row in rows} - KEPT_TABLES:
                connection.execute(f"DELETE FROM {table}")
        self.hub.ring()

    def end_streams(self) -> None:
        """End the live streams of all open pages. A server that is told to stop calls it first, so that none holds it up."""
        self.hub.close()

    def close(self) -> None:
        """End the streams and close the file."""
        self.hub.close()
        self._file.close()
