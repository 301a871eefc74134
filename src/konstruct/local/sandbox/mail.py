"""The embedded instance's mailer: what would leave the house lands in `/sandbox/mail`."""

from __future__ import annotations

import asyncio
import sqlite3

from konstruct.kit.mail import MailError
from konstruct.kit.mail_message import address
from konstruct.local.sandbox.store import SandboxStore


class SandboxMailer:
    """Puts e-mails into the sandbox's mailbox. The store stays the caller's."""

    def __init__(self, store: SandboxStore) -> None:
        self._store = store

    async def send(self, recipient: str, subject: str, text: str) -> None:
        """See Mailer. An address that SMTP would refuse is refused here as well."""
        if address(recipient) is None:
            raise MailError("this is no e-mail address", for_good=True)
        try:
            # Off the loop: the file is shared with the web process, and its lock may be waited for.
            await asyncio.to_thread(self._store.deliver_mail, recipient, " ".join(subject.split()), text)
        except sqlite3.Error as error:
            raise MailError(f"the sandbox's mailbox cannot be written: {type(error).__name__}") from None
