"""A long answer as a file: asked for, uploaded, and shown by a last call. Only that one makes anything visible.

Slack shares a file after it has answered, sometimes not at all (python-slack-sdk #1277, #1363): so it is asked whether it
did, and what nobody saw is unknown. A file carries no metadata of ours: the delivery's id stands in its name.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import structlog
from slack_sdk.web.async_client import AsyncWebClient

from konstruct.channels.port import Credential, Failed, Post, Retry, SendOutcome, Sent, Unknown
from konstruct.channels.slack import outcomes, payload
from konstruct.channels.slack.client import Answer, NotWritten, SlackClient

log = structlog.get_logger()

TITLE = "The whole answer"
COMMENT = "Here is the whole answer."
UPLOAD_HOST = "files.slack.com"
_NAME = re.compile(r"answer-([0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12})\.md")
_TRIES = 2
"""Of what shows nothing. What does not work then is shown as messages: silence would be worse."""
_LOOKS_S = (0.2, 0.5, 1.0, 2.0)
"""Waits before each look whether the file was shared."""
_PLACE_REFUSED = frozenset({"channel_not_found", "is_archived", "not_in_channel", "restricted_action", "thread_not_found"})
"""Codes about the place: a message would be refused there as well."""


def name_of(delivery_id: UUID) -> str:
    """Return the name under which the file of a delivery is uploaded."""
    return f"answer-{delivery_id}.md"


def delivery_in(message: Mapping[str, Any]) -> UUID | None:
    """Return the delivery whose file `message` shows, or None."""
    for file in payload.items(dict(message), "files"):
        name = file.get("name")
        if isinstance(name, str) and (match := _NAME.fullmatch(name)):
            return UUID(match[1])
    return None


async def send(client: SlackClient, post: Post, credential: Credential, timeout_s: float) -> SendOutcome:
    """Show `post` as a file within `timeout_s`; the last call is made once. `Failed(as_text=True)`: no file can be shown."""
    deadline = time.monotonic() + timeout_s
    content = post.text.encode()
    uploaded: str | SendOutcome = Failed("file_not_uploaded", as_text=True)
    for _ in range(_TRIES):
        uploaded = await _upload(client, name_of(post.delivery_id), content, credential, deadline)
        if isinstance(uploaded, str):
            return await _complete(client, post, uploaded, credential, deadline)
        if not isinstance(uploaded, Unknown):
            return uploaded
    # What became of an upload does not matter: nobody sees it.
    return Failed("file_not_uploaded", as_text=True)


async def _upload(client: SlackClient, name: str, content: bytes, credential: Credential, deadline: float) -> str | SendOutcome:
    """Return the id of the uploaded file, or why there is none; `Unknown` may be tried again."""

    async def ask(web: AsyncWebClient) -> object:
        return await web.files_getUploadURLExternal(filename=name, length=len(content))

    result = await client.call(ask, credential.token, deadline - time.monotonic())
    if isinstance(result, NotWritten):
        return Retry(outcomes.UNREACHED_RETRY_S, result.reason)
    if not isinstance(result, Answer):
        return Unknown(result.reason)
    if result.data.get("ok") is not True:
        return _refused(result)
    address, file_id = result.data.get("upload_url"), payload.identifier(dict(result.data), "file_id")
    if file_id is None or not isinstance(address, str) or not allowed(address, client.base_url):
        log.warning("slack.upload_address_refused")
        return Failed("upload_address", as_text=True)
    return file_id if await client.upload(address, content, deadline - time.monotonic()) else Unknown("not_uploaded")


def allowed(address: str, base_url: str) -> bool:
    """Whether a file may be sent to `address`: Slack's own host for files, or the very server that the settings call Slack."""
    try:
        asked, own = urlsplit(address), urlsplit(base_url)
        port = asked.port
    except ValueError:
        return False
    if asked.username or asked.password or not asked.hostname:
        return False
    if asked.scheme == "https" and asked.hostname == UPLOAD_HOST and port in (None, 443):
        return True
    # Slack's real server never is the one for files: this is for a Slack of one's own on one machine.
    same = (asked.scheme, asked.hostname, port) == (own.scheme, own.hostname, own.port)
    return same and own.hostname in ("127.0.0.1", "localhost", "::1")


async def _complete(client: SlackClient, post: Post, file_id: str, credential: Credential, deadline: float) -> SendOutcome:
    async def share(web: AsyncWebClient) -> object:
        return await web.files_completeUploadExternal(
            files=[{"id": file_id, "title": TITLE}],
            channel_id=post.target.channel_id,
            thread_ts=post.target.thread_id,
            initial_comment=COMMENT,
        )

    result = await client.call(share, credential.token, deadline - time.monotonic())
    if isinstance(result, NotWritten):
        return Retry(outcomes.UNREACHED_RETRY_S, result.reason)
    if not isinstance(result, Answer):
        return Unknown(result.reason)
    if result.status != 200 or not isinstance(result.data.get("ok"), bool):
        return outcomes.refused(result) if result.status == 429 else Unknown(f"http_{result.status}")
    if result.data["ok"] is not True:
        return _refused(result)
    for file in payload.items(dict(result.data), "files"):
        if (ts := _shared_as(file, post.target.channel_id)) is not None:
            return Sent(ts)
    return await _look(client, post, file_id, credential, deadline)


async def _look(client: SlackClient, post: Post, file_id: str, credential: Credential, deadline: float) -> SendOutcome:
    """Ask until the file is shared, or the time is over."""
    for wait_s in _LOOKS_S:
        if time.monotonic() + wait_s >= deadline:
            break
        await asyncio.sleep(wait_s)
        result = await client.call(lambda web: web.files_info(file=file_id), credential.token, deadline - time.monotonic())
        if not isinstance(result, Answer):
            continue
        if result.data.get("ok") is not True:
            # It was accepted, and nobody will tell us more.
            return Sent(file_id)
        if (ts := _shared_as(payload.mapping(dict(result.data), "file"), post.target.channel_id)) is not None:
            return Sent(ts)
    return Unknown("not_shared_yet")


def _shared_as(file: dict[str, Any], channel_id: str) -> str | None:
    """Return the message in which a file is shown in the channel, or None."""
    shares = payload.mapping(file, "shares")
    for way in ("public", "private"):
        for share in payload.items(payload.mapping(shares, way), channel_id):
            ts = share.get("ts")
            if isinstance(ts, str) and ts:
                return ts
    return None


def _refused(result: Answer) -> SendOutcome:
    error = outcomes.code(result)
    outcome = outcomes.refused(result)
    if isinstance(outcome, Unknown) or not isinstance(outcome, Failed):
        return outcome
    if error == "missing_scope":
        # The right to show files alone is missing: the account works.
        return Failed(error, as_text=True)
    return outcome if outcome.account_broken else Failed(error, as_text=error not in _PLACE_REFUSED)
