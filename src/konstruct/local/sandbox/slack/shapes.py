"""Messages as the Web API and the events show them."""

from __future__ import annotations

import hashlib
from typing import Any

from konstruct.local.sandbox.model import Message, Workspace


def message_shape(workspace: Workspace, message: Message, *, metadata: bool = True) -> dict[str, Any]:
    """Return `message` as Slack's JSON, without the channel's fields."""
    shape: dict[str, Any] = {
        "type": "message",
        "user": message.user_id,
        "ts": message.ts,
        "text": message.text,
        "team": message.team_id or workspace.team_id,
        "blocks": _blocks(message),
    }
    if message.client_msg_id:
        shape["client_msg_id"] = message.client_msg_id
    if message.thread_ts:
        shape["thread_ts"] = message.thread_ts
    if message.edited:
        shape["edited"] = {"user": message.user_id, "ts": message.ts}
    if message.from_bot:
        bot_id, team = message.bot_id or workspace.bot_id, shape["team"]
        shape["bot_id"] = bot_id
        shape["app_id"] = workspace.app_id
        shape["bot_profile"] = {"id": bot_id, "name": workspace.employee, "app_id": workspace.app_id, "team_id": team}
    if message.files:
        shape |= {"subtype": "file_share", "files": list(message.files), "upload": False}
    if message.stream:
        shape["streaming_state"] = message.stream.state
    if metadata and message.metadata:
        shape["metadata"] = message.metadata
    return shape


def _blocks(message: Message) -> list[dict[str, Any]]:
    if message.stream:
        return [*([_rich_text(message)] if message.text else []), *message.blocks]
    return list(message.blocks) or [_rich_text(message)]


def _rich_text(message: Message) -> dict[str, Any]:
    block_id = hashlib.sha256(message.ts.encode()).hexdigest()[:5]
    section = {"type": "rich_text_section", "elements": [{"type": "text", "text": message.text}]}
    return {"type": "rich_text", "block_id": block_id, "elements": [section]}
