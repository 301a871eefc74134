"""E-mail: plain text to one person at a time, through whatever this installation has for it."""

from __future__ import annotations

import ssl
from email.headerregistry import Address
from typing import Protocol
from urllib.parse import urlsplit

from konstruct.kit.errors import KonstructError, SettingsError
from konstruct.kit.mail_message import address, compose
from konstruct.kit.settings import PREFIX, Settings
from konstruct.kit.smtp_address import VARIABLE, is_ip, smtp_server

TIMEOUT_S = 30.0
"""For the whole of one e-mail, from the connection to the server's last word."""


class MailError(KonstructError):
    """An e-mail was not handed over, as far as is known.

    `for_good`: this recipient is refused, so that trying again would not help. `perhaps`: the server had the whole of it
    when the connection ended without its last word, so that trying again may bring a second copy.
    """

    def __init__(self, text: str, *, for_good: bool = False, perhaps: bool = False) -> None:
        super().__init__(text)
        self.for_good = for_good
        self.perhaps = perhaps


class Mailer(Protocol):
    """Hands an e-mail over to whoever delivers it."""

    async def send(self, recipient: str, subject: str, text: str) -> None:
        """Hand over one e-mail; returning means that it was accepted. Raises MailError."""


class NoMailer:
    """An installation without e-mail."""

    async def send(self, recipient: str, subject: str, text: str) -> None:
        """Raise MailError: there is nowhere to hand it over."""
        raise MailError(f"no e-mail is set up: {VARIABLE}", for_good=True)


class SmtpMailer:
    """Hands over to an SMTP server, one connection per e-mail."""

    def __init__(self, url: str, sender: str, *, tls: ssl.SSLContext | None = None, timeout_s: float = TIMEOUT_S) -> None:
        """`sender` stands in From. `tls` replaces the system's certificates. Raises SettingsError for a wrong address."""
        self._server = smtp_server(url)
        self._sender = _sender(sender)
        self._tls = tls
        self._timeout_s = timeout_s

    async def send(self, recipient: str, subject: str, text: str) -> None:
        """See Mailer. The error's text quotes nothing of the server's answer, which may hold the address."""
        to = address(recipient)
        if to is None:
            raise MailError("this is no e-mail address", for_good=True)
        # A tenth of a second of imports, which a command that sends nothing need not wait for.
        from konstruct.kit.smtp import deliver

        await deliver(self._server, compose(self._sender, to, subject, text), tls=self._tls, timeout_s=self._timeout_s)


def open_mailer(settings: Settings, embedded: Mailer | None = None) -> Mailer:
    """Return the installation's mailer: SMTP where it is set, else the embedded instance's own, else none.

    Nothing is connected yet. Raises SettingsError for a wrong address.
    """
    if settings.mail_from is not None:
        _sender(settings.mail_from)
    if settings.smtp_url is not None:
        return SmtpMailer(settings.smtp_url.get_secret_value(), settings.mail_from or default_sender(settings))
    return embedded or NoMailer()


def default_sender(settings: Settings) -> str:
    """Return the sender of an installation that names none: the mail login where it is an address, else a name of its own
    at the host of `public_url`."""
    if settings.smtp_url is not None:
        login = smtp_server(settings.smtp_url.get_secret_value()).username
        if login and "@" in login and address(login):
            return f"Konstruct <{login}>"
    host = urlsplit(settings.public_url).hostname or "localhost"
    return f"Konstruct <konstruct@{f'[{host}]' if is_ip(host) else host}>"


def _sender(text: str) -> Address:
    parsed = address(text)
    if parsed is None:
        raise SettingsError(f"{PREFIX}MAIL_FROM is wrong: it must look like `Konstruct <no-reply@host>`")
    return parsed
