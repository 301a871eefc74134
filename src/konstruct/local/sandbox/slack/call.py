"""One authenticated method call, and what every method needs: its channel and its limit."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from konstruct.local.sandbox.installations import Installation
from konstruct.local.sandbox.model import Channel, Message, Workspace
from konstruct.local.sandbox.sender import EventSender
from konstruct.local.sandbox.slack.application import Application
from konstruct.local.sandbox.slack.arguments import Arguments
from konstruct.local.sandbox.slack.errors import SlackRefusal
from konstruct.local.sandbox.slack.limits import Limiter
from konstruct.local.sandbox.store import SandboxStore

_TS = re.compile(r"\d{10}\.\d{6}")


@dataclass(frozen=True, slots=True)
class Slack:
    """What the methods act on."""

    store: SandboxStore
    limiter: Limiter
    sender: EventSender
    app: Application


@dataclass(frozen=True, slots=True)
class Call:
    """One call of `method` with the token of `workspace`."""

    method: str
    slack: Slack
    workspace: Workspace
    args: Arguments = field(repr=False)
    installation: Installation

    def channel(self, name: str = "channel", *, writing: bool = False) -> Channel:
        """Return the channel that argument `name` means; a person's id means the direct channel with them.

        Raises SlackRefusal: channel_not_found (also for another workspace's), not_in_channel, and for writing is_archived.
        """
        channel_id, team = self.args.need(name), self.workspace.team_id
        found = self.slack.store.workspaces.channel(team, channel_id) or self.slack.store.workspaces.direct(team, channel_id)
        if found is None:
            raise SlackRefusal("channel_not_found")
        if not found.has_bot:
            raise SlackRefusal("not_in_channel")
        if writing and found.archived:
            raise SlackRefusal("is_archived")
        return found

    def ts(self, name: str, error: str) -> str:
        """Return a timestamp argument. Raises SlackRefusal(error) where it is not one."""
        value = self.args.need(name)
        if not _TS.fullmatch(value):
            raise SlackRefusal(error)
        return value

    def thread(self, channel: Channel, name: str = "thread_ts") -> Message:
        """Return the root of the thread that argument `name` means.

        Raises SlackRefusal: invalid_thread_ts for a value of the wrong form, thread_not_found for no message,
        cannot_reply_to_message for one that is itself a reply.
        """
        root = self.slack.store.messages.get(channel.channel_id, self.ts(name, "invalid_thread_ts"))
        if root is None:
            raise SlackRefusal("thread_not_found")
        if root.thread_ts is not None:
            raise SlackRefusal("cannot_reply_to_message")
        return root

    def own_message(self, channel: Channel, error: str) -> Message:
        """Return the app's own message at argument `ts`.

        Raises SlackRefusal: message_not_found, or `error` for a person's and for that of another installation.
        """
        message = self.slack.store.messages.get(channel.channel_id, self.ts("ts", "message_not_found"))
        if message is None:
            raise SlackRefusal("message_not_found")
        if not message.from_bot or message.user_id != self.workspace.bot_user_id:
            raise SlackRefusal(error)
        return message

    def draft(self, channel: Channel, root: Message | None, **content: Any) -> Message:
        """Return a message of the app that is not stored yet."""
        w = self.workspace
        who: dict[str, Any] = {"user_id": w.bot_user_id, "from_bot": True, "team_id": w.team_id, "bot_id": w.bot_id}
        return Message(channel_id=channel.channel_id, ts="", thread_ts=root.ts if root else None, **who, **content)

    def accept(self, channel: Channel, message: Message) -> None:
        """Note a write that was accepted, for tests and benchmarks to count."""
        place = (self.workspace.team_id, channel.channel_id, message.thread_ts, message.ts)
        self.slack.store.records.add_accepted(self.method, *place, message.markdown or message.text, message.metadata)

    def limit(self, channel: Channel | None = None) -> None:
        """Count this call, unless the limits are switched off. Raises RateLimited."""
        if not self.slack.store.control.switches().limits:
            return
        self.slack.limiter.take(self.method, self.workspace.team_id, channel.channel_id if channel else "")
