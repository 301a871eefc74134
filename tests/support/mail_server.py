"""A strict SMTP server on loopback, with logins, STARTTLS and a certificate that lives as long as its test."""

from __future__ import annotations

import asyncio
import datetime as dt
import ipaddress
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass
class MailServer:
    """What arrived, and how the server behaves."""

    port: int = 0
    mails: list[EmailMessage] = field(default_factory=list)
    envelopes: list[tuple[str, list[str]]] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    """Answers to RCPT by address."""
    busy: bool = False
    """Whether every e-mail is put off with 451."""

    async def handle_RCPT(  # noqa: N802  # the library's name
        self, server: Any, session: Any, envelope: Any, address: str, rcpt_options: list[str]
    ) -> str:
        if address in self.refused:
            return self.refused[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802  # likewise
        if self.busy:
            return "451 try later"
        message = message_from_bytes(envelope.original_content, policy=policy.SMTP)
        assert isinstance(message, EmailMessage)
        self.mails.append(message)
        self.envelopes.append((envelope.mail_from, envelope.rcpt_tos))
        return "250 accepted"

    def to(self, address: str) -> list[EmailMessage]:
        """Return what was sent to an address."""
        return [mail for mail, (_, recipients) in zip(self.mails, self.envelopes, strict=True) if recipients == [address]]


@asynccontextmanager
async def open_mail_server(
    *, login: tuple[str, str] | None = None, tls: ssl.SSLContext | None = None
) -> AsyncIterator[MailServer]:
    """Serve; with `tls`, nothing but STARTTLS is taken first, and with `login` nothing without it."""
    served = MailServer()

    def authenticate(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        assert isinstance(data, LoginPassword)
        return AuthResult(success=(data.login.decode(), data.password.decode()) == login, handled=False)

    def session() -> SMTP:
        return SMTP(
            served,
            hostname="mail.test",
            tls_context=tls,
            require_starttls=tls is not None,
            auth_required=login is not None,
            auth_require_tls=tls is not None,
            authenticator=authenticate if login else None,
            enable_SMTPUTF8=False,
        )

    server = await asyncio.get_running_loop().create_server(session, "127.0.0.1", 0)
    served.port = server.sockets[0].getsockname()[1]
    async with server:
        yield served


def certificate(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Return the contexts of a server on 127.0.0.1 and of a client that trusts it alone."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail.test")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(minutes=5))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    public, private = folder / "mail.pem", folder / "mail.key"
    public.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(public, private)
    return server, ssl.create_default_context(cafile=str(public))
