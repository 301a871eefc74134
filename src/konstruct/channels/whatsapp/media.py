"""Files that people sent, fetched from Meta with the number's token: from Meta's own hosts only, and never where one points to.

A file is asked for by its id: Meta answers with an address that holds for minutes, and what the bytes must sum up to.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any
from urllib.parse import SplitResult, urlsplit

import aiohttp
import structlog

from konstruct.channels.port import Credential
from konstruct.channels.whatsapp.client import Answer, GraphClient, TooLargeError, read
from konstruct.conversations.files import FileAbsent, FileContent, id_of, name_of

log = structlog.get_logger()

HOSTS = ("lookaside.fbsbx.com",)
"""Where Meta's addresses lead (Meta, "Media": the token goes along)."""
HOST_ENDINGS = (".fbsbx.com", ".fbcdn.net", ".whatsapp.net")
"""And may lead some day: Meta's own domains for files."""
TOO_LARGE = "is too large to be opened here"
ELSEWHERE = "is kept where it cannot be opened"
GONE = "is not there any more"
REFUSED = "cannot be opened: WhatsApp does not give it out"
DAMAGED = FileAbsent("did not come whole", later=True)
NOT_NOW = FileAbsent("could not be fetched just now", later=True)


class WhatsAppMedia:
    """Fetches files."""

    def __init__(self, api_url: str, client: GraphClient) -> None:
        self._api = urlsplit(api_url)
        self._client = client

    async def obtain(
        self, file: Mapping[str, Any], credential: Credential, *, limit_bytes: int, timeout_s: float
    ) -> FileContent | FileAbsent:
        """See `FetchesMedia.fetch_media`."""
        media_id = id_of(file)
        if media_id is None or not (media_id.isascii() and media_id.isalnum()):
            return FileAbsent(GONE)
        try:
            async with asyncio.timeout(timeout_s):
                described = await self._describe(media_id, credential, timeout_s)
                if isinstance(described, FileAbsent):
                    return described
                return await self._fetch(name_of(file)[:200], described, credential.token, limit_bytes)
        except TooLargeError:
            return FileAbsent(TOO_LARGE)
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            log.debug("whatsapp.file_not_fetched", error=type(error).__name__)
            return NOT_NOW

    async def _describe(self, media_id: str, credential: Credential, timeout_s: float) -> Mapping[str, Any] | FileAbsent:
        number = {"phone_number_id": credential.account_key}
        result = await self._client.call("GET", media_id, credential.token, params=number, timeout_s=timeout_s)
        if not isinstance(result, Answer):
            return NOT_NOW
        if result.ok:
            return result.data
        error = result.error
        if error is not None and (error.code, error.subcode) == (100, 33):
            # Meta does not tell what is gone from what is another number's.
            return FileAbsent(GONE)
        if error is None or result.status >= 500 or result.status == 429 or error.code in (1, 2, 4, 80007, 130429, 131016):
            return NOT_NOW
        return FileAbsent(REFUSED)

    async def _fetch(self, name: str, described: Mapping[str, Any], token: str, limit_bytes: int) -> FileContent | FileAbsent:
        url, size = described.get("url"), described.get("file_size")
        if not isinstance(url, str) or not self._is_metas(url):
            log.warning("whatsapp.file_elsewhere")
            return FileAbsent(ELSEWHERE)
        if isinstance(size, int) and size > limit_bytes:
            return FileAbsent(TOO_LARGE)
        async with self._client.download(url, token) as answer:
            if (absent := _absent(answer)) is not None:
                return absent
            content = await read(answer, limit_bytes)
        return FileContent(name, content) if _whole(content, described.get("sha256")) else DAMAGED

    def _is_metas(self, url: str) -> bool:
        """Whether the token may go there: by TLS to Meta's hosts for files, or to the host of the Graph API that is set."""
        asked = urlsplit(url)
        host = asked.hostname
        if asked.username is not None or asked.password is not None or not host:
            return False
        if asked.scheme == "https" and _port(asked) == 443 and (host in HOSTS or host.endswith(HOST_ENDINGS)):
            return True
        same = (asked.scheme, host, _port(asked)) == (self._api.scheme, self._api.hostname, _port(self._api))
        return same and (asked.scheme == "https" or _is_loopback(host))


def _absent(answer: aiohttp.ClientResponse) -> FileAbsent | None:
    """Return why the answer is not the file, or None."""
    if answer.status in (404, 410):
        return FileAbsent(GONE)
    if answer.status == 429 or answer.status >= 500:
        return NOT_NOW
    # A redirect leads to a page for signing in, or to another host; the token goes to neither.
    return None if answer.status == 200 else FileAbsent(REFUSED)


def _whole(content: bytes, said: object) -> bool:
    """Whether the bytes sum up to what Meta said, in hexadecimal or base64; where it said nothing, TCP has to do."""
    if not isinstance(said, str) or not said:
        return True
    digest = hashlib.sha256(content)
    given = said.strip().encode("utf-8", "replace")
    known = (digest.hexdigest().encode(), base64.b64encode(digest.digest()), base64.urlsafe_b64encode(digest.digest()))
    return any(
        hmac.compare_digest(given.lower() if each is known[0] else given.rstrip(b"="), each.rstrip(b"=")) for each in known
    )


def _port(url: SplitResult) -> int | None:
    return url.port or {"https": 443, "http": 80}.get(url.scheme)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
