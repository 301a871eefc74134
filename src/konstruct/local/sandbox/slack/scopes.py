"""Which scope each method needs."""

from __future__ import annotations

from collections.abc import Mapping

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


def need_scope(method: str, scopes: str) -> None:
    """Raise SlackRefusal missing_scope unless one of `scopes` (comma-separated) allows `method`."""
    needed = NEEDED.get(method)
    if needed is not None and not set(needed) & set(scopes.split(",")):
        raise SlackRefusal("missing_scope", needed=",".join(needed), provided=scopes)
