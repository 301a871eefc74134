"""Looking for a delivery in a thread's history, when neither the answer nor the echo told what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from slack_sdk.web.async_client import AsyncWebClient

from konstruct.channels.port import Absent, Credential, Failed, FindOutcome, Post, Retry, Sent, Target
from konstruct.channels.slack import outcomes, payload
from konstruct.channels.slack.client import Answer, Result, SlackClient
from konstruct.channels.slack.events import delivery_id

CALL_TIMEOUT_S = 10.0
PAGE = 15
"""Messages a call: all that Slack gives apps outside its Marketplace (research/channels.md, 1.2)."""

_PAGES_MAX = 4
_SKEW = timedelta(seconds=30)
_WINDOW = timedelta(minutes=10)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
RETRY_S = 60.0
_HISTORY_DENIED = frozenset({"missing_scope", "not_allowed_token_type"})
"""About reading this history only: posting may work, so the account is not broken."""


async def find(client: SlackClient, post: Post, since: datetime, credential: Credential) -> FindOutcome:
    """Return `Sent` if an app's message carries the delivery's id, `Absent` if the window was read to its end.

    A message that shows an app's file may be its user's, not its bot's.

    Nobody can know the id before our own post shows it: even a copy of it proves the post.
    """
    cursor: str | None = None
    for _ in range(_PAGES_MAX):
        result = await page(client, post.target, since - _SKEW, credential, cursor, latest=since + _WINDOW)
        if (known := trouble(result)) is not None:
            return known
        assert isinstance(result, Answer)
        for message in payload.items(dict(result.data), "messages"):
            ts = message.get("ts")
            ours = message.get("bot_id") or post.form == "file"
            if delivery_id(message) == post.delivery_id and ours and isinstance(ts, str):
                return Sent(ts)
        cursor = next_cursor(result.data)
        if cursor is None:
            return Absent()
    return Retry(RETRY_S, "history_too_long")


async def page(
    client: SlackClient,
    target: Target,
    oldest: datetime,
    credential: Credential,
    cursor: str | None,
    *,
    latest: datetime | None = None,
) -> Result:
    """Ask for one page of what stands in the target between two moments, metadata included."""
    window: dict[str, Any] = {"oldest": _ts(oldest), "latest": latest and _ts(latest), "limit": PAGE, "cursor": cursor}

    async def read(web: AsyncWebClient) -> object:
        channel, thread = target.channel_id, target.thread_id
        if thread is None:
            return await web.conversations_history(channel=channel, include_all_metadata=True, **window)
        return await web.conversations_replies(channel=channel, ts=thread, include_all_metadata=True, **window)

    return await client.call(read, credential.token, CALL_TIMEOUT_S)


def trouble(result: Result) -> Retry | Failed | None:
    """Return why `result` says nothing about the history, or None if it does. A read may always be repeated."""
    if not isinstance(result, Answer):
        return Retry(RETRY_S, result.reason)
    if result.status == 200 and result.data.get("ok") is True:
        return None
    outcome = outcomes.refused(result)
    if isinstance(outcome, Failed) and outcome.reason in _HISTORY_DENIED:
        return Failed(outcome.reason)
    return outcome if isinstance(outcome, Retry | Failed) else Retry(RETRY_S, outcome.reason)


def next_cursor(data: Mapping[str, Any]) -> str | None:
    """Return where the next page begins, None after the last."""
    cursor = payload.mapping(dict(data), "response_metadata").get("next_cursor")
    return cursor if isinstance(cursor, str) and cursor else None


def _ts(moment: datetime) -> str:
    micros = (moment - _EPOCH) // timedelta(microseconds=1)
    return f"{micros // 1_000_000}.{micros % 1_000_000:06d}"
