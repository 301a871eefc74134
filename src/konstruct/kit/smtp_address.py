"""The address of an SMTP server, as the setting writes it."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote, urlsplit

from konstruct.kit.errors import SettingsError
from konstruct.kit.settings import PREFIX

VARIABLE = f"{PREFIX}SMTP_URL"
FORM = "smtp://user:password@host:587 or smtps://user:password@host:465"


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
        raise SettingsError(f"{VARIABLE} is wrong: it must look like {FORM}") from None
    starttls = options.pop("starttls", "never" if _is_here(host) else "required")
    if parts.scheme not in ("smtp", "smtps") or not host or port == 0 or parts.path.strip("/") or options:
        raise SettingsError(f"{VARIABLE} is wrong: it must look like {FORM}")
    if starttls not in ("required", "never"):
        raise SettingsError(f"{VARIABLE} is wrong: starttls is `required` or `never`")
    tls = parts.scheme == "smtps"
    return SmtpServer(
        host,
        port or (465 if tls else 587),
        tls,
        not tls and starttls == "required",
        unquote(parts.username) if parts.username else None,
        unquote(parts.password or "") if parts.username else None,
    )


def is_ip(host: str) -> bool:
    """Return whether `host` is an IP address."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _is_here(host: str) -> bool:
    return host == "localhost" or (is_ip(host) and ipaddress.ip_address(host).is_loopback)
