"""E-mail: plain text to one person at a time, through whatever this installation has for it."""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
from dataclasses import dataclass, field
from email.headerregistry import Address
from typing import Protocol
from urllib.parse import parse_qsl, unquote, urlsplit

import aiosmtplib

from konstruct.kit.errors import KonstructError, SettingsError
from konstruct.kit.mail_message import address, compose
from konstruct.kit.settings import PREFIX, Settings

FORM = "smtp://user:password@host:587 or smtps://user:password@host:465"
TIMEOUT_S = 30.0
"""For the whole of one e-mail, from the connection to the server's last word."""
_VARIABLE = f"{PREFIX}SMTP_URL"


class MailError(KonstructError):
    """An e-mail was not handed over. `for_good`: this recipient is refused, so that trying again would not help."""

    def __init__(self, text: str, *, for_good: bool = False) -> None:
        super().__init__(text)
        self.for_good = for_good


class Mailer(Protocol):
    """Hands an e-mail over to whoever delivers it."""

    async def send(self, recipient: str, subject: str, text: str) -> None:
        """Hand over one e-mail; returning means that it was accepted. Raises MailError."""


class NoMailer:
    """An installation without e-mail."""

    async def send(self, recipient: str, subject: str, text: str) -> None:
        """Raise MailError: there is nowhere to hand it over."""
        raise MailError(f"no e-mail is set up: {_VARIABLE}")


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """Where and how an SMTP server is reached."""

    host: str
    port: int
    tls: bool
    """From the first byte (`smtps`)."""
    starttls: bool
    username: str | None = None
    password: str | None = field(default=None, repr=False)


def smtp_server(url: str) -> SmtpServer:
    """Return the server that an address names. Raises SettingsError.

    `smtp://` asks for STARTTLS and fails without it, but not on this very machine. `?starttls=never` leaves it out for a
    server in one's own network, `?starttls=required` asks for it here too. Certificates are always checked.
    """
    try:
        parts = urlsplit(url.strip())
        host, port = parts.hostname or "", parts.port
        options = dict(parse_qsl(parts.query, keep_blank_values=True))
    except ValueError:
        raise SettingsError(f"{_VARIABLE} is wrong: it must look like {FORM}") from None
    starttls = options.pop("starttls", "never" if _is_here(host) else "required")
    if parts.scheme not in ("smtp", "smtps") or not host or port == 0 or parts.path.strip("/") or options:
        raise SettingsError(f"{_VARIABLE} is wrong: it must look like {FORM}")
    if starttls not in ("required", "never"):
        raise SettingsError(f"{_VARIABLE} is wrong: starttls is `required` or `never`")
    tls = parts.scheme == "smtps"
    return SmtpServer(
        host,
        port or (465 if tls else 587),
        tls,
        not tls and starttls == "required",
        unquote(parts.username) if parts.username else None,
        unquote(parts.password or "") if parts.username else None,
    )


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
        message = compose(self._sender, to, subject, text)
        try:
            async with asyncio.timeout(self._timeout_s):
                await aiosmtplib.send(
                    message,
                    sender=self._sender.addr_spec,
                    recipients=[to.addr_spec],
                    hostname=self._server.host,
                    port=self._server.port,
                    username=self._server.username,
                    password=self._server.password,
                    use_tls=self._server.tls,
                    start_tls=self._server.starttls,
                    tls_context=self._tls or ssl.create_default_context(),
                    local_hostname=self._sender.domain,
                    timeout=self._timeout_s,
                )
        except (TimeoutError, aiosmtplib.SMTPTimeoutError):
            raise MailError(f"the mail server of {_VARIABLE} did not answer in time") from None
        except aiosmtplib.SMTPRecipientsRefused as error:
            code = error.recipients[0].code if error.recipients else 0
            raise MailError(f"the mail server refuses this recipient ({code})", for_good=500 <= code < 600) from None
        except aiosmtplib.SMTPAuthenticationError:
            raise MailError(f"the mail server refuses the login of {_VARIABLE}") from None
        except aiosmtplib.SMTPResponseException as error:
            raise MailError(f"the mail server of {_VARIABLE} refuses the e-mail ({error.code})") from None
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            raise MailError(f"the mail server of {_VARIABLE} cannot be used: {type(error).__name__}") from None


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
    return f"Konstruct <konstruct@{f'[{host}]' if _is_ip(host) else host}>"


def _sender(text: str) -> Address:
    parsed = address(text)
    if parsed is None:
        raise SettingsError(f"{PREFIX}MAIL_FROM is wrong: it must look like `Konstruct <no-reply@host>`")
    return parsed


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _is_here(host: str) -> bool:
    return host == "localhost" or (_is_ip(host) and ipaddress.ip_address(host).is_loopback)
