"""Slack's streams: opened, appended to and stopped; and the edits that take over where a stream has ended."""

from __future__ import annotations

from collections.abc import Mapping, Set
from datetime import datetime
from types import MappingProxyType
from typing import Any

from slack_sdk.web.async_client import AsyncWebClient

from konstruct.channels.port import Credential, Failed, Post, Retry, Sent, Target, Unknown
from konstruct.channels.port_streams import Ended, Found, Gone, Growing, Shown, Speaker, StreamOutcome
from konstruct.channels.slack import begun, controls, outcomes
from konstruct.channels.slack.client import Answer, Call, NotWritten, Result, SlackClient
from konstruct.channels.slack.events import DELIVERY_EVENT
from konstruct.channels.slack.growing import growing
from konstruct.channels.slack.safety import notification

_ENDED = frozenset({"message_not_in_streaming_state", "stopped_by_user"})
"""Slack ends a stream about five minutes after it was opened, whatever is appended (python-slack-sdk #1859)."""
_STREAMING = frozenset({"streaming_state_conflict"})
_GONE = frozenset(
    {"message_not_found", "cant_update_message", "edit_window_closed", "cant_delete_message", "is_inactive", "thread_not_found"}
)


class SlackStreams:
    """The part of the adapter that shows answers while they grow."""

    _client: SlackClient
    stream_methods: Mapping[str, str] = MappingProxyType(
        {
            "begin": "chat.postMessage",
            "edit": "chat.update",
            "remove": "chat.delete",
            "find_begun": "conversations.replies",
            "open": "chat.startStream",
            "append": "chat.appendStream",
            "stop": "chat.stopStream",
        }
    )

    def growing(self, text: str, participants: Set[str]) -> str:
        """See `Edits.growing`."""
        return growing(text, participants)

    async def open(self, target: Target, reader_id: str, text: str, credential: Credential, timeout_s: float) -> StreamOutcome:
        """See `Streams.open`. Outside of direct messages Slack wants to know for whom, and of which team."""
        thread, team = target.thread_id, _team(credential)
        if thread is None:
            return Failed("no_thread")
        if team is None and not target.channel_id.startswith("D"):
            return Failed("missing_recipient_team_id")

        async def call(web: AsyncWebClient) -> object:
            return await web.chat_startStream(
                channel=target.channel_id,
                thread_ts=thread,
                markdown_text=text,
                recipient_user_id=reader_id,
                recipient_team_id=team,
            )

        return _outcome(await self._client.call(call, credential.token, timeout_s))

    async def append(self, shown: Shown, text: str, credential: Credential, timeout_s: float) -> StreamOutcome:
        """See `Streams.append`."""

        async def call(web: AsyncWebClient) -> object:
            return await web.chat_appendStream(channel=shown.target.channel_id, ts=shown.external_id, markdown_text=text)

        return await self._call(shown, call, credential, timeout_s)

    async def stop(
        self, shown: Shown, credential: Credential, timeout_s: float, *, rest: str = "", post: Post | None = None
    ) -> StreamOutcome:
        """See `Streams.stop`."""

        async def call(web: AsyncWebClient) -> object:
            return await web.chat_stopStream(
                channel=shown.target.channel_id,
                ts=shown.external_id,
                markdown_text=rest or None,
                metadata=None if post is None else _metadata(post),
                blocks=None if post is None else controls.below(post) or None,
            )

        return await self._call(shown, call, credential, timeout_s)

    async def begin(self, target: Target, text: str, credential: Credential, timeout_s: float) -> StreamOutcome:
        """See `Edits.begin`."""

        async def call(web: AsyncWebClient) -> object:
            return await web.chat_postMessage(
                channel=target.channel_id,
                thread_ts=target.thread_id,
                text=notification(text, target.participants),
                blocks=[{"type": "markdown", "text": text}],
                unfurl_links=False,
                unfurl_media=False,
            )

        return _outcome(await self._client.call(call, credential.token, timeout_s))

    async def edit(self, shown: Shown, post: Post | str, credential: Credential, timeout_s: float) -> StreamOutcome:
        """See `Edits.edit`."""
        text, metadata = (post, None) if isinstance(post, str) else (post.text, _metadata(post))
        below = [] if isinstance(post, str) else controls.below(post)

        async def call(web: AsyncWebClient) -> object:
            return await web.chat_update(
                channel=shown.target.channel_id,
                ts=shown.external_id,
                text=notification(text, shown.target.participants),
                blocks=[{"type": "markdown", "text": text}, *below],
                metadata=metadata,
            )

        return await self._call(shown, call, credential, timeout_s)

    async def remove(self, shown: Shown, credential: Credential, timeout_s: float) -> StreamOutcome:
        """See `Edits.remove`."""

        async def call(web: AsyncWebClient) -> object:
            return await web.chat_delete(channel=shown.target.channel_id, ts=shown.external_id)

        return await self._call(shown, call, credential, timeout_s)

    async def find_begun(
        self, target: Target, speaker: Speaker, after: datetime, known: Set[str], credential: Credential
    ) -> Found:
        """See `Edits.find_begun`. Slack limits most apps to one such call a minute."""
        return await begun.find(self._client, target, speaker, after, known, credential)

    async def _call(self, shown: Shown, call: Call, credential: Credential, timeout_s: float) -> StreamOutcome:
        return _outcome(await self._client.call(call, credential.token, timeout_s), shown.external_id)


def _team(credential: Credential) -> str | None:
    """The workspace; an organisation that granted all of its workspaces names none."""
    return credential.account_key if credential.account_key.startswith("T") else None


def _metadata(post: Post) -> dict[str, Any]:
    return {"event_type": DELIVERY_EVENT, "event_payload": {"delivery_id": str(post.delivery_id)}}


def _outcome(result: Result, known: str | None = None) -> StreamOutcome:
    """Return what a call came to; `known` is the message's name where the call did not make it."""
    if isinstance(result, NotWritten):
        return Retry(outcomes.UNREACHED_RETRY_S, result.reason)
    if not isinstance(result, Answer):
        return Unknown(result.reason)
    if result.data.get("ok") is True:
        ts = known or result.data.get("ts")
        return Sent(ts) if result.status == 200 and isinstance(ts, str) and ts else Unknown("unreadable_answer")
    code = outcomes.code(result)
    if result.status == 200 and code in _ENDED:
        return Ended(code)
    if result.status == 200 and code in _STREAMING:
        return Growing(code)
    if result.status == 200 and code in _GONE:
        return Gone(code)
    return outcomes.refused(result)
