"""A long answer as a document: uploaded, and shown by a second call. Only that one makes anything visible."""

from __future__ import annotations

import time

import aiohttp

from konstruct.channels.port import Capabilities, Credential, Failed, Post, Retry, SendOutcome, Unknown
from konstruct.channels.whatsapp import outcomes, posts
from konstruct.channels.whatsapp.client import Answer, GraphClient, NotWritten

_TRIES = 2
"""Of what shows nothing. What does not work then is shown as messages: silence would be worse."""
NOT_UPLOADED = "file_not_uploaded"
_SHARE = 0.7
"""Of the time that is left, for an upload: the last call needs some as well."""


async def send(client: GraphClient, post: Post, caps: Capabilities, credential: Credential, timeout_s: float) -> SendOutcome:
    """Show `post` as a document within `timeout_s`; the last call is made once. `Failed(as_text=True)`: none can be shown."""
    deadline = time.monotonic() + timeout_s
    uploaded: str | SendOutcome = Failed(NOT_UPLOADED, as_text=True)
    for _ in range(_TRIES):
        uploaded = await _upload(client, post, credential, (deadline - time.monotonic()) * _SHARE)
        if isinstance(uploaded, str):
            found = posts.body(post, caps, uploaded)
            path = f"{credential.account_key}/messages"
            result = await client.call("POST", path, credential.token, json=found, timeout_s=deadline - time.monotonic())
            return outcomes.sent(result, post.held)
        if not isinstance(uploaded, Unknown):
            return uploaded
    # What became of an upload does not matter: nobody sees it.
    return Failed(NOT_UPLOADED, as_text=True)


async def _upload(client: GraphClient, post: Post, credential: Credential, timeout_s: float) -> str | SendOutcome:
    """Return the id of the uploaded file, or why there is none; `Unknown` may be tried again."""
    form = aiohttp.FormData()
    form.add_field("messaging_product", "whatsapp")
    form.add_field("type", "text/plain")
    form.add_field("file", post.text.encode(), filename=posts.FILE_NAME, content_type="text/plain")
    result = await client.call("POST", f"{credential.account_key}/media", credential.token, form=form, timeout_s=timeout_s)
    if isinstance(result, NotWritten):
        return Retry(outcomes.UNREACHED_RETRY_S, result.reason)
    if not isinstance(result, Answer):
        return Unknown(result.reason)
    if not result.ok:
        found = outcomes.refused(result, post.held)
        if isinstance(found, Failed) and not found.account_broken:
            return Failed(found.reason, as_text=True)
        return found
    media_id = result.data.get("id")
    return media_id if isinstance(media_id, str) and 0 < len(media_id) <= 200 else Unknown("unreadable_answer")
