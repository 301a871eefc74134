"""Methods: conversations.replies, .history, .info and .open."""

from __future__ import annotations

import base64
from typing import Any

from konstruct.local.sandbox.model import Channel, Message
from konstruct.local.sandbox.slack.call import Call
from konstruct.local.sandbox.slack.errors import SlackRefusal
from konstruct.local.sandbox.slack.shapes import message_shape

Answer = dict[str, Any]
PAGE_MAX = 15
"""Objects in one answer of replies and history, for commercially distributed apps outside the Marketplace."""
HISTORY_MAX = 1000


def replies(call: Call) -> Answer:
    """Return a thread: its root and replies, oldest first, 15 at a time. Refusals: thread_not_found, invalid_cursor."""
    channel = call.channel()
    asked = call.slack.store.messages.get(channel.channel_id, call.ts("ts", "thread_not_found"))
    if asked is None:
        raise SlackRefusal("thread_not_found")
    call.limit(channel)
    root = call.slack.store.messages.get(channel.channel_id, asked.root_ts) or asked
    answers = call.slack.store.messages.replies(channel.channel_id, [root.ts])
    shapes = [_shape(call, root, reply_count=len(answers))] + [_shape(call, m, parent_user_id=root.user_id) for m in answers]
    return _page(call, _between(call, shapes))


def history(call: Call) -> Answer:
    """Return the messages of a channel that are no replies, newest first, 15 at a time."""
    channel = call.channel()
    call.limit(channel)
    roots = call.slack.store.messages.roots(channel.channel_id, HISTORY_MAX)
    return _page(call, _between(call, [_shape(call, message) for message in reversed(roots)]))


def info(call: Call) -> Answer:
    """Return a channel."""
    channel = call.channel()
    call.limit(channel)
    return {"channel": _channel(call, channel)}


def open_direct(call: Call) -> Answer:
    """Return the direct channel with one person. Refusals: user_not_found, users_list_not_supplied."""
    users = call.args.text("users")
    if not users:
        raise SlackRefusal("users_list_not_supplied")
    found = call.slack.store.workspaces.direct(call.workspace.team_id, users)
    if found is None:
        raise SlackRefusal("user_not_found")
    call.limit()
    return {"channel": _channel(call, found) if call.args.flag("return_im") else {"id": found.channel_id}}


def _shape(call: Call, message: Message, **extra: Any) -> Answer:
    shape = message_shape(call.workspace, message, metadata=call.args.flag("include_all_metadata"))
    if extra.get("reply_count"):
        extra["thread_ts"] = message.ts
    return {**shape, **extra}


def _between(call: Call, shapes: list[Answer]) -> list[Answer]:
    oldest, latest, inclusive = call.args.text("oldest"), call.args.text("latest"), call.args.flag("inclusive")
    if oldest:
        shapes = [s for s in shapes if s["ts"] > oldest or (inclusive and s["ts"] == oldest)]
    if latest:
        shapes = [s for s in shapes if s["ts"] < latest or (inclusive and s["ts"] == latest)]
    return shapes


def _page(call: Call, shapes: list[Answer]) -> Answer:
    limit, start = call.args.number("limit", PAGE_MAX, HISTORY_MAX), _offset(call.args.text("cursor"))
    end = start + min(limit, PAGE_MAX)
    answer: Answer = {"messages": shapes[start:end], "has_more": end < len(shapes)}
    if answer["has_more"]:
        answer["response_metadata"] = {"next_cursor": base64.b64encode(f"next:{end}".encode()).decode()}
    return answer


def _offset(cursor: str) -> int:
    if not cursor:
        return 0
    try:
        name, _, offset = base64.b64decode(cursor, validate=True).decode().partition(":")
    except ValueError:
        raise SlackRefusal("invalid_cursor") from None
    if name != "next" or not offset.isdecimal():
        raise SlackRefusal("invalid_cursor")
    return int(offset)


def _channel(call: Call, channel: Channel) -> Answer:
    teams = (channel.team_id, *channel.shared_with)
    shape: Answer = {
        "id": channel.channel_id,
        "is_archived": channel.archived,
        "is_im": channel.kind == "im",
        "context_team_id": call.workspace.team_id,
        "is_shared": len(teams) > 1,
        "is_ext_shared": len(teams) > 1,
        "shared_team_ids": list(teams),
    }
    if channel.kind == "im":
        return {**shape, "user": channel.user_id, "is_open": True}
    return {**shape, "name": channel.name, "is_channel": True, "is_member": channel.has_bot, "topic": {"value": channel.topic}}
