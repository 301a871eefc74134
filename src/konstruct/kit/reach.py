"""Whether a server answers at an address: a bounded look from outside, without a client library or a login."""

from __future__ import annotations

import asyncio
import ssl
from urllib.parse import urlsplit

_PORTS = {"redis": 6379, "rediss": 6379, "amqp": 5672, "amqps": 5671, "http": 80, "https": 443}
_TLS = ("rediss", "amqps", "https")


async def reach_problem(url: str, timeout_s: float) -> str | None:
    """Return None if the server of `url` answers within `timeout_s`, else why not, without the address's password.

    A Redis or Valkey server must answer a PING (a refusal for want of a login is an answer); any other must accept the
    connection.
    """
    parts = urlsplit(url)
    host, port = parts.hostname or "127.0.0.1", parts.port or _PORTS.get(parts.scheme, 0)
    where = f"{host}:{port}"
    try:
        async with asyncio.timeout(timeout_s):
            reader, writer = await asyncio.open_connection(host, port, ssl=_tls() if parts.scheme in _TLS else None)
            try:
                if parts.scheme in ("redis", "rediss"):
                    writer.write(b"PING\r\n")
                    answer = await reader.readline()
                    return None if answer[:1] in (b"+", b"-") else f"{where} does not answer as Redis"
            finally:
                writer.close()
    except TimeoutError:
        return f"{where} does not answer within {timeout_s:g} s"
    except OSError as error:
        return f"{where} cannot be reached ({error.strerror or type(error).__name__})"
    return None


def _tls() -> ssl.SSLContext:
    # Only whether somebody answers is asked, and nothing is sent that a stranger may not read.
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
