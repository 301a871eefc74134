"""Methods: chat.postMessage, chat.update, chat.delete."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from konstruct.local.sandbox.events import changed_events, deleted_events, posted_events
from konstruct.local.sandbox.slack.call import Call
from konstruct.local.sandbox.slack.content import UPDATE_TEXT_MAX, read_content
from konstruct.local.sandbox.slack.errors import SlackRefusal
from konstruct.local.sandbox.slack.shapes import message_shape

Answer = dict[str, Any]


def post_message(call: Call) -> Answer:
    """Post as the employee; the app gets its own message back as events. Refusals: those of channel, thread and content."""
    channel = call.channel(writing=True)
    root = call.thread(channel) if call.args.text("thread_ts") else None
    content = read_content(call.args)
    call.limit(channel)
    store, workspace = call.slack.store, call.workspace
    draft = call.draft(
        channel, root, text=content.text, markdown=content.markdown, blocks=content.blocks, metadata=content.metadata
    )
    message = store.messages.add(workspace.team_id, draft)
    call.accept(channel, message)
    call.slack.sender.publish(posted_events(store, workspace, channel, message))
    return {"channel": channel.channel_id, "ts": message.ts, "message": message_shape(workspace, message)}


def update(call: Call) -> Answer:
    """Change one of the employee's messages. A stream that broke becomes an ordinary message by it.

    Refusals: message_not_found, cant_update_message, streaming_state_conflict while it streams, and those of content.
    """
    if call.args.need("channel")[0] in "UW":
        # The one method of chat that does not take a person's id for the conversation with them.
        raise SlackRefusal("channel_not_found")
    channel = call.channel(writing=True)
    before = call.own_message(channel, "cant_update_message")
    if before.stream and before.stream.state == "in_progress":
        raise SlackRefusal("streaming_state_conflict")
    content = read_content(call.args, UPDATE_TEXT_MAX)
    call.limit(channel)
    # Text without blocks takes earlier blocks away; only then the message shows as edited.
    shown = {"text": content.text, "markdown": content.markdown, "blocks": content.blocks}
    after = replace(before, **shown, edited=before.edited or not content.blocks, stream=None)  # type: ignore[arg-type]
    if call.args.given("metadata"):
        after = replace(after, metadata=content.metadata)
    call.slack.store.messages.edit(call.workspace.team_id, after)
    call.accept(channel, after)
    call.slack.sender.publish(changed_events(call.slack.store, call.workspace, channel, before, after))
    return {"channel": channel.channel_id, "ts": after.ts, "text": after.text, "message": message_shape(call.workspace, after)}


def delete(call: Call) -> Answer:
    """Delete one of the employee's messages. Refusals: message_not_found, cant_delete_message."""
    channel = call.channel()
    message = call.own_message(channel, "cant_delete_message")
    call.limit(channel)
    call.slack.store.messages.remove(call.workspace.team_id, message)
    call.accept(channel, replace(message, text="", metadata=None))
    call.slack.sender.publish(deleted_events(call.slack.store, call.workspace, channel, message))
    return {"channel": channel.channel_id, "ts": message.ts}
