"""Looking for the beginning of an answer in a thread, when neither the answer of the call nor an echo told whether it shows."""

from __future__ import annotations

from collections.abc import Set
from datetime import datetime

from konstruct.channels.port import Credential, Retry, Sent, Target
from konstruct.channels.port_streams import Found, Speaker
from konstruct.channels.slack import history, payload
from konstruct.channels.slack.client import Answer, SlackClient
from konstruct.channels.slack.events import delivery_id

_PAGES_MAX = 4


async def find(
    client: SlackClient, target: Target, speaker: Speaker, after: datetime, known: Set[str], credential: Credential
) -> Found:
    """Return our own message after `after` that no delivery explains, None if the thread was read to its end."""
    cursor: str | None = None
    for _ in range(_PAGES_MAX):
        result = await history.page(client, target, after, credential, cursor)
        if (trouble := history.trouble(result)) is not None:
            return trouble
        assert isinstance(result, Answer)
        for message in payload.items(dict(result.data), "messages"):
            ts = message.get("ts")
            if isinstance(ts, str) and ts not in known and _ours(message, speaker) and _younger(ts, after):
                return Sent(ts)
        cursor = history.next_cursor(result.data)
        if cursor is None:
            return None
    return Retry(history.RETRY_S, "history_too_long")


def _ours(message: dict[str, object], speaker: Speaker) -> bool:
    if not message.get("bot_id") or delivery_id(message) is not None or message.get("files"):
        return False
    app_id = message.get("app_id") or payload.mapping(message, "bot_profile").get("app_id")
    if speaker.bot_user_id is not None and message.get("user") == speaker.bot_user_id:
        return True
    return speaker.app_id is not None and app_id == speaker.app_id


def _younger(ts: str, after: datetime) -> bool:
    try:
        return payload.moment(ts) > after
    except ValueError:
        return False
