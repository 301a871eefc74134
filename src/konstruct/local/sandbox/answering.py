"""The app writes to a response address: a new message for all or for one, or a change of the message that was pressed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from konstruct.local.sandbox.events import changed_events, deleted_events, posted_events
from konstruct.local.sandbox.interaction_model import Ephemeral, ResponseUrl
from konstruct.local.sandbox.model import Channel, Message, Workspace
from konstruct.local.sandbox.sender import EventSender
from konstruct.local.sandbox.slack.arguments import Arguments
from konstruct.local.sandbox.slack.content import Content, read_content
from konstruct.local.sandbox.slack.errors import SlackRefusal
from konstruct.local.sandbox.store import SandboxStore

METHOD = "response_url"
"""How an accepted answer is listed beside the Web API's methods."""


def answer(store: SandboxStore, sender: EventSender, url: ResponseUrl, body: dict[str, Any]) -> None:
    """Carry out what the app wrote to `url`.

    Raises SlackRefusal: channel_not_found, thread_not_found, message_not_found, and those of content.
    """
    workspace = store.workspaces.by_team(url.team_id)
    channel = store.workspaces.channel(url.team_id, url.channel_id)
    if workspace is None or channel is None:
        raise SlackRefusal("channel_not_found")
    args = Arguments(body, None)
    original = _original(store, url)
    if args.flag("delete_original"):
        return _delete(store, sender, workspace, channel, original)
    content = read_content(args)
    if args.flag("replace_original") and original is not None:
        return _replace(store, sender, workspace, channel, original, content)
    return post(store, sender, workspace, channel, url.user_id, content, body)


def post(
    store: SandboxStore,
    sender: EventSender,
    workspace: Workspace,
    channel: Channel,
    user_id: str,
    content: Content,
    body: dict[str, Any],
) -> None:
    """Post a new message: for `user_id` alone unless `response_type` says in_channel. Raises SlackRefusal: thread_not_found."""
    thread_ts = str(body.get("thread_ts") or "") or None
    if thread_ts and store.messages.get(channel.channel_id, thread_ts) is None:
        raise SlackRefusal("thread_not_found")
    if body.get("response_type") != "in_channel":
        draft = Ephemeral(channel.channel_id, "", user_id, content.text, content.markdown, thread_ts, content.blocks)
        shown = store.interactions.add_ephemeral(workspace.team_id, draft)
        return _accept(store, workspace, channel, shown)
    message = Message(
        channel_id=channel.channel_id,
        ts="",
        user_id=workspace.bot_user_id,
        from_bot=True,
        text=content.text,
        markdown=content.markdown,
        thread_ts=thread_ts,
        blocks=content.blocks,
        metadata=content.metadata,
    )
    stored = store.messages.add(workspace.team_id, message)
    sender.publish(posted_events(store, workspace, channel, stored))
    return _accept(store, workspace, channel, stored)


def _original(store: SandboxStore, url: ResponseUrl) -> Message | Ephemeral | None:
    if url.message_ts is None:
        return None
    seen = store.interactions.ephemeral(url.channel_id, url.message_ts, url.user_id)
    return seen or store.messages.get(url.channel_id, url.message_ts)


def _delete(
    store: SandboxStore, sender: EventSender, workspace: Workspace, channel: Channel, original: Message | Ephemeral | None
) -> None:
    if original is None:
        raise SlackRefusal("message_not_found")
    if isinstance(original, Ephemeral):
        return store.interactions.remove_ephemeral(workspace.team_id, original)
    store.messages.remove(workspace.team_id, original)
    return sender.publish(deleted_events(store, workspace, channel, original))


def _replace(
    store: SandboxStore,
    sender: EventSender,
    workspace: Workspace,
    channel: Channel,
    original: Message | Ephemeral,
    content: Content,
) -> None:
    new = {"text": content.text, "markdown": content.markdown, "blocks": content.blocks}
    if isinstance(original, Ephemeral):
        changed = replace(original, **new)  # type: ignore[arg-type]
        store.interactions.edit_ephemeral(workspace.team_id, changed)
        return _accept(store, workspace, channel, changed)
    after = replace(original, **new, edited=True)  # type: ignore[arg-type]
    store.messages.edit(workspace.team_id, after)
    sender.publish(changed_events(store, workspace, channel, original, after))
    return _accept(store, workspace, channel, after)


def _accept(store: SandboxStore, workspace: Workspace, channel: Channel, message: Message | Ephemeral) -> None:
    metadata = message.metadata if isinstance(message, Message) else None
    place = (workspace.team_id, channel.channel_id, message.thread_ts, message.ts)
    store.records.add_accepted(METHOD, *place, message.text, metadata)
