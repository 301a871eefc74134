"""One e-mail over SMTP, one connection for it. It keeps apart what certainly did not arrive and what perhaps did."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from email.message import EmailMessage

import aiosmtplib

from konstruct.kit.mail import MailError
from konstruct.kit.smtp_address import VARIABLE, SmtpServer

FAREWELL_S = 2.0


async def deliver(server: SmtpServer, message: EmailMessage, *, tls: ssl.SSLContext | None, timeout_s: float) -> None:
    """Hand over a message with one sender and one recipient, within `timeout_s`. Raises MailError.

    The error's text quotes nothing of the server's answers, which may hold the address.
    """
    client = aiosmtplib.SMTP(
        hostname=server.host,
        port=server.port,
        username=server.username,
        password=server.password,
        use_tls=server.tls,
        start_tls=server.starttls,
        tls_context=tls or ssl.create_default_context(),
        local_hostname=message["From"].addresses[0].domain,
        timeout=timeout_s,
    )
    begun = False
    try:
        async with asyncio.timeout(timeout_s):
            await client.connect()
            await client.mail(message["From"].addresses[0].addr_spec)
            await client.rcpt(message["To"].addresses[0].addr_spec)
            begun = True
            await client.data(message.as_bytes())
        with contextlib.suppress(Exception):
            # It was taken: how the farewell goes changes nothing.
            async with asyncio.timeout(FAREWELL_S):
                await client.quit()
    except Exception as error:
        raise _told(error, begun=begun) from None
    finally:
        client.close()


def _told(error: Exception, *, begun: bool) -> MailError:
    match error:
        case aiosmtplib.SMTPRecipientRefused():
            return MailError(f"the mail server refuses this recipient ({error.code})", for_good=500 <= error.code < 600)
        case aiosmtplib.SMTPAuthenticationError():
            return MailError(f"the mail server refuses the login of {VARIABLE}")
        case aiosmtplib.SMTPResponseException():
            return MailError(f"the mail server of {VARIABLE} refuses the e-mail ({error.code})")
        case TimeoutError():
            return MailError(f"the mail server of {VARIABLE} did not answer in time", perhaps=begun)
        case aiosmtplib.SMTPException() | OSError() | ValueError():
            return MailError(f"the mail server of {VARIABLE} cannot be used: {type(error).__name__}", perhaps=begun)
        case _:
            raise error
