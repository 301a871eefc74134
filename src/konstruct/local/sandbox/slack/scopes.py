"""Which scope each method needs, and each event."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from konstruct.local.sandbox.model import Channel
from konstruct.local.sandbox.slack.errors import SlackRefusal

NEEDED: Mapping[str, tuple[str, ...]] = {
    "chat.postMessage": ("chat:write",),
    "chat.postEphemeral": ("chat:write",),
    "chat.update": ("chat:write",),
    "chat.delete": ("chat:write",),
    "chat.startStream": ("chat:write",),
    "chat.appendStream": ("chat:write",),
    "chat.stopStream": ("chat:write",),
    "assistant.threads.setStatus": ("chat:write",),
    "assistant.threads.setSuggestedPrompts": ("assistant:write",),
    "assistant.threads.setTitle": ("assistant:write",),
    "conversations.replies": ("channels:history", "groups:history", "im:history", "mpim:history"),
    "conversations.history": ("channels:history", "groups:history", "im:history", "mpim:history"),
    "conversations.info": ("channels:read", "groups:read", "im:read", "mpim:read"),
    "conversations.open": ("im:write", "mpim:write", "channels:manage", "groups:write"),
    "users.info": ("users:read",),
    "files.info": ("files:read",),
    "files.getUploadURLExternal": ("files:write",),
    "files.completeUploadExternal": ("files:write",),
}
"""One of these is enough (docs.slack.dev, each method's page)."""


HEARD: Mapping[str, str] = {
    "app_mention": "app_mentions:read",
    "message.channel": "channels:history",
    "message.im": "im:history",
    "message_metadata_posted": "metadata.message:read",
    "app_context_changed": "assistant:write",
    "member_joined_channel": "channels:read",
}
"""What an app hears only with this scope; messages by the kind of their channel."""


def hears(event: Mapping[str, Any], scopes: str) -> bool:
    """Return whether an installation with `scopes` (comma-separated) is sent an event."""
    kind = str(event["type"])
    needed = HEARD.get(f"message.{event.get('channel_type')}" if kind == "message" else kind)
    return needed is None or needed in scopes.split(",")


_FAMILIES: Mapping[str, str] = {"channel": "channels", "im": "im"}


def need_scope_for(channel: Channel, ability: str, scopes: str) -> None:
    """Raise SlackRefusal missing_scope unless `scopes` hold the one for channels of this kind: `ability` history or read."""
    needed = f"{_FAMILIES[channel.kind]}:{ability}"
    if needed not in scopes.split(","):
        raise SlackRefusal("missing_scope", needed=needed, provided=scopes)


def need_scope(method: str, scopes: str) -> None:
    """Raise SlackRefusal missing_scope unless one of `scopes` (comma-separated) allows `method`."""
    needed = NEEDED.get(method)
    if needed is not None and not set(needed) & set(scopes.split(",")):
        raise SlackRefusal("missing_scope", needed=",".join(needed), provided=scopes)
