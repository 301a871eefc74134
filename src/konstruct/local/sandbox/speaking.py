"""A person says something in the simulated Slack."""

from __future__ import annotations

import re
from collections.abc import Sequence
from uuid import uuid4

from konstruct.kit.errors import ConflictError, NotFoundError
from konstruct.local.sandbox.events import said_events
from konstruct.local.sandbox.model import Channel, Message, Workspace
from konstruct.local.sandbox.sender import EventSender
from konstruct.local.sandbox.slack.content import TEXT_MAX
from konstruct.local.sandbox.slack.file_shapes import file_shape
from konstruct.local.sandbox.store import SandboxStore

_LINK = re.compile(r"https?://[^\s<>|]+[^\s<>|.,;:!?)'\"]")


def say(
    store: SandboxStore,
    sender: EventSender,
    workspace: Workspace,
    user_id: str,
    channel_id: str,
    text: str,
    thread_ts: str | None = None,
    files: Sequence[tuple[str, bytes]] = (),
    viewed: str | None = None,
) -> Message:
    """Post `text` and `files` (names and bytes) as a person, and let the app hear of it. Return the message.

    `viewed`: the channel that they look at beside a direct conversation.

    Raises NotFoundError for a person, channel or thread that this workspace does not have, ConflictError for a text
    that Slack's own composer would not send.
    """
    channel = store.workspaces.channel(workspace.team_id, channel_id)
    if channel is None or store.workspaces.person(workspace.team_id, user_id) is None:
        raise NotFoundError("this workspace has no such person or channel")
    if channel.kind == "im" and channel.user_id != user_id:
        raise NotFoundError("this direct message belongs to another person")
    if channel.archived:
        raise ConflictError("the channel is archived")
    if not (text.strip() or files) or len(text) > TEXT_MAX:
        raise ConflictError(f"a message holds 1 to {TEXT_MAX} characters")
    root = _root(store, channel, thread_ts)
    stored = [store.files.add(workspace.team_id, user_id, name, content, channel_id) for name, content in files]
    draft = Message(
        channel_id=channel_id,
        ts="",
        user_id=user_id,
        from_bot=False,
        text=to_slack_text(text.strip(), names_of(store, workspace)),
        thread_ts=root.ts if root else None,
        client_msg_id=str(uuid4()),
        team_id=workspace.team_id,
        files=tuple(file_shape(file, store.files.base_url) for file in stored),
    )
    message = store.messages.add(workspace.team_id, draft)
    sender.publish(said_events(store, workspace, channel, message, viewed))
    return message


def _root(store: SandboxStore, channel: Channel, thread_ts: str | None) -> Message | None:
    if not thread_ts:
        return None
    root = store.messages.get(channel.channel_id, thread_ts)
    if root is None or root.thread_ts is not None:
        raise NotFoundError("this channel has no such thread")
    return root


def names_of(store: SandboxStore, workspace: Workspace) -> dict[str, str]:
    """Return user id -> name for the people of a workspace and its employee."""
    names = {person.user_id: person.name for person in store.workspaces.people(workspace.team_id)}
    return {**names, workspace.bot_user_id: workspace.employee}


def to_slack_text(typed: str, names: dict[str, str]) -> str:
    """Return what a person typed as Slack writes it: `&`, `<`, `>` escaped, `@Name` as `<@U…>`, addresses as `<https://…>`."""
    text = typed.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    text = _LINK.sub(lambda match: f"<{match.group()}>", text)
    ids = {name.lower(): user_id for user_id, name in names.items()}
    ids |= {name.split()[0].lower(): user_id for user_id, name in names.items()}
    by_length = sorted(ids, key=len, reverse=True)
    mention = re.compile(r"(?<![\w@])@(" + "|".join(map(re.escape, by_length)) + r")\b", re.IGNORECASE)
    return mention.sub(lambda match: f"<@{ids[match.group(1).lower()]}>", text)
