"""Slack's agent surface beside the messages: the status under a thread, the title of a thread, questions to choose from."""

from __future__ import annotations

from collections.abc import Sequence

import structlog
from slack_sdk.web.async_client import AsyncWebClient

from konstruct.channels.port import Credential, Target
from konstruct.channels.slack import outcomes
from konstruct.channels.slack.client import Answer, Call, SlackClient
from konstruct.conversations.suggestion import Suggestion

log = structlog.get_logger()

WORKING_STATUS = "is working on it…"
"""Shown after the employee's name. Slack clears it by itself after two minutes."""
LOADING = ("Reading what you wrote…", "Looking at what I know about it…", "Putting an answer together…")
"""Shown in turn while the status stands; Slack takes ten at the most."""
PROMPTS_MAX = 4

_TIMEOUT_S = 3.0


class SlackAssistant:
    """The part of the adapter for what surrounds the messages. All of it is best effort: nothing raises."""

    _client: SlackClient
    suggest_method = "assistant.threads.setSuggestedPrompts"
    title_method = "assistant.threads.setTitle"

    async def working(self, target: Target, credential: Credential, active: bool) -> str | None:
        """See `ChannelAdapter.working`."""
        thread = target.thread_id
        if thread is None:
            return None

        async def call(web: AsyncWebClient) -> object:
            return await web.assistant_threads_setStatus(
                channel_id=target.channel_id,
                thread_ts=thread,
                status=WORKING_STATUS if active else "",
                loading_messages=list(LOADING) if active else None,
            )

        return await self._try("status", call, credential)

    async def suggest(self, channel_id: str, greeting: str, suggestions: Sequence[Suggestion], credential: Credential) -> bool:
        """See `Suggesting.suggest`. Slack shows four at the most."""
        prompts = [{"title": one.title, "message": one.message} for one in suggestions[:PROMPTS_MAX]]

        async def call(web: AsyncWebClient) -> object:
            return await web.assistant_threads_setSuggestedPrompts(channel_id=channel_id, title=greeting, prompts=prompts)

        return await self._try("suggestions", call, credential) is None

    async def title(self, target: Target, title: str, credential: Credential) -> bool:
        """See `Titling.title`."""
        thread = target.thread_id
        if thread is None:
            return False

        async def call(web: AsyncWebClient) -> object:
            return await web.assistant_threads_setTitle(channel_id=target.channel_id, thread_ts=thread, title=title)

        return await self._try("title", call, credential) is None

    async def _try(self, what: str, call: Call, credential: Credential) -> str | None:
        """Make the call; return None, or the code of why it did not work."""
        result = await self._client.call(call, credential.token, _TIMEOUT_S)
        if isinstance(result, Answer) and result.data.get("ok") is True:
            return None
        code = outcomes.code(result) if isinstance(result, Answer) else result.reason
        log.debug("slack.not_shown", what=what, code=code)
        return code
