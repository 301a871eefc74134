"""Files that people sent, fetched from Slack with the bot's token: from Slack's own hosts only, and never where one points to."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any
from urllib.parse import SplitResult, urlsplit

import aiohttp
import structlog
from slack_sdk.web.async_client import AsyncWebClient

from konstruct.channels.port import Credential
from konstruct.channels.slack import outcomes, payload
from konstruct.channels.slack.client import Answer, SlackClient
from konstruct.conversations.files import FileAbsent, FileContent, name_of

log = structlog.get_logger()

FILES_HOST = "files.slack.com"
_PIECE = 1 << 16
_CONNECTIONS = 32
TOO_LARGE = "is too large to be opened here"
ELSEWHERE = "is kept outside Slack, where it cannot be opened"
GONE = "is not there any more"
REFUSED = "cannot be opened: Slack does not give it out"
NOT_NOW = FileAbsent("could not be fetched just now", later=True)
_GONE_CODES = frozenset(("file_not_found", "file_deleted"))


class SlackMedia:
    """Fetches files. One HTTP session for all tenants: no cookies, no environment, no redirects."""

    def __init__(self, api_url: str, client: SlackClient) -> None:
        self._api = urlsplit(api_url)
        self._client = client
        self._session: aiohttp.ClientSession | None = None

    async def fetch(
        self, file: Mapping[str, Any], credential: Credential, *, limit_bytes: int, timeout_s: float
    ) -> FileContent | FileAbsent:
        """See `FetchesMedia.fetch_media`."""
        try:
            async with asyncio.timeout(timeout_s):
                described = await self._described(file, credential, timeout_s)
                if isinstance(described, FileAbsent):
                    return described
                return await self._fetch(described, credential.token, limit_bytes)
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            log.debug("slack.file_not_fetched", error=type(error).__name__)
            return NOT_NOW

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _described(
        self, file: Mapping[str, Any], credential: Credential, timeout_s: float
    ) -> Mapping[str, Any] | FileAbsent:
        """Return the file with its address: of one that another company shares, Slack tells it only when it is asked."""
        if file.get("url_private_download") and file.get("file_access") != "check_file_info":
            return file

        async def ask(web: AsyncWebClient) -> object:
            return await web.files_info(file=str(file.get("id")))

        result = await self._client.call(ask, credential.token, timeout_s)
        if not isinstance(result, Answer) or result.status == 429:
            return NOT_NOW
        if result.data.get("ok") is not True:
            return FileAbsent(GONE if outcomes.code(result) in _GONE_CODES else REFUSED)
        return payload.mapping(dict(result.data), "file")

    async def _fetch(self, file: Mapping[str, Any], token: str, limit_bytes: int) -> FileContent | FileAbsent:
        url, size = file.get("url_private_download"), file.get("size")
        if not isinstance(url, str) or file.get("mode") == "external":
            return FileAbsent(ELSEWHERE if file.get("mode") == "external" else REFUSED)
        if not self._is_ours(url):
            log.warning("slack.file_elsewhere")
            return FileAbsent(ELSEWHERE)
        if isinstance(size, int) and size > limit_bytes:
            return FileAbsent(TOO_LARGE)
        async with self._open().get(
            url, headers={"Authorization": f"Bearer {token}"}, allow_redirects=False, raise_for_status=False
        ) as answer:
            if (absent := _absent(answer, file)) is not None:
                return absent
            content = bytearray()
            async for piece in answer.content.iter_chunked(_PIECE):
                content += piece
                # What it said of its length, and of its packing, proves nothing.
                if len(content) > limit_bytes:
                    return FileAbsent(TOO_LARGE)
        return FileContent(name_of(file)[:200], bytes(content))

    def _is_ours(self, url: str) -> bool:
        """Whether the token may go there: by TLS to Slack's host of files, or to the host of the Web API that is set."""
        asked = urlsplit(url)
        if asked.username is not None or asked.password is not None or not asked.hostname:
            return False
        if asked.scheme == "https" and _port(asked) == 443 and asked.hostname in (FILES_HOST, f"files.{self._api.hostname}"):
            return True
        same = (asked.scheme, asked.hostname, _port(asked)) == (self._api.scheme, self._api.hostname, _port(self._api))
        return same and (asked.scheme == "https" or _is_loopback(asked.hostname))

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=_CONNECTIONS),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=5.0),
                trust_env=False,
            )
        return self._session


def _absent(answer: aiohttp.ClientResponse, file: Mapping[str, Any]) -> FileAbsent | None:
    """Return why the answer is not the file, or None."""
    if answer.status in (404, 410):
        return FileAbsent(GONE)
    if answer.status == 429 or answer.status >= 500:
        return NOT_NOW
    # A redirect leads to a page for signing in, or to another host; the token goes to neither.
    if answer.status != 200:
        return FileAbsent(REFUSED)
    attached = "attachment" in answer.headers.get("Content-Disposition", "").lower()
    if answer.content_type == "text/html" and not (attached and file.get("mimetype") == "text/html"):
        # Slack shows a page for signing in to whoever may not have the file, as if all were well.
        return FileAbsent(REFUSED)
    return None


def _port(url: SplitResult) -> int | None:
    return url.port or {"https": 443, "http": 80}.get(url.scheme)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
