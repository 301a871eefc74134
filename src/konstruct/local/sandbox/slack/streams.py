"""Methods: chat.startStream, chat.appendStream and chat.stopStream.

A stream is written for one reader, as the reply to a message. It breaks five minutes after its start, however much is
written to it: every call then answers message_not_in_streaming_state, and chat.update alone mends the message.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal, cast

from konstruct.local.sandbox.events import posted_events, stopped_events
from konstruct.local.sandbox.model import Channel, Message, Stream
from konstruct.local.sandbox.slack.blocks import Block, check_blocks
from konstruct.local.sandbox.slack.call import Call
from konstruct.local.sandbox.slack.chunks import added, read_addition
from konstruct.local.sandbox.slack.content import read_metadata
from konstruct.local.sandbox.slack.errors import SlackRefusal
from konstruct.local.sandbox.slack.shapes import message_shape

Answer = dict[str, Any]
MODES = ("timeline", "plan")


def start(call: Call) -> Answer:
    """Begin a message that is written piece by piece. The app hears of it as of any post of its own.

    Slack says that streams "should always be replies", so `thread_ts` is needed here. Refusals: feature_not_enabled where
    streams are switched off, missing_recipient_team_id, missing_recipient_user_id, user_not_found, those of channel,
    thread and chunks.
    """
    _need_feature(call)
    channel = call.channel(writing=True)
    root = call.thread(channel)
    recipient = _recipient(call, channel)
    mode = call.args.text("task_display_mode") or "timeline"
    if mode not in MODES:
        raise SlackRefusal("invalid_arguments", "[ERROR] must be timeline or plan [json-pointer:/task_display_mode]")
    addition = read_addition(call.args)
    call.limit(channel)
    shown = cast(Literal["timeline", "plan"], mode)
    stream = Stream("in_progress", call.slack.store.control.now(), shown, recipient_user_id=recipient)
    draft = added(call.draft(channel, root, text=""), stream, addition)
    store, workspace = call.slack.store, call.workspace
    message = store.messages.add(workspace.team_id, draft)
    call.accept(channel, message)
    call.slack.sender.publish(posted_events(store, workspace, channel, message))
    return {"channel": channel.channel_id, "ts": message.ts}


def append(call: Call) -> Answer:
    """Add to a stream. Refusals: feature_not_enabled, those of _streaming and of chunks, no_text for nothing."""
    _need_feature(call)
    channel = call.channel(writing=True)
    message, stream = _streaming(call, channel)
    addition = read_addition(call.args)
    if addition.empty:
        raise SlackRefusal("no_text")
    call.limit(channel)
    after = added(message, stream, addition)
    call.slack.store.messages.edit(call.workspace.team_id, after)
    call.accept(channel, after)
    return {"channel": channel.channel_id, "ts": after.ts}


def stop(call: Call) -> Answer:
    """End a stream, with last text, `blocks` below it and `metadata`. Refusals: as of append, and those of blocks, metadata."""
    _need_feature(call)
    channel = call.channel(writing=True)
    message, stream = _streaming(call, channel)
    addition = read_addition(call.args)
    blocks = check_blocks(call.args.structure("blocks", "invalid_blocks_format"))
    metadata = read_metadata(call.args.structure("metadata", "invalid_metadata_format"))
    call.limit(channel)
    after = _ended(added(message, stream, addition), blocks, metadata)
    store, workspace = call.slack.store, call.workspace
    store.messages.edit(workspace.team_id, after)
    call.accept(channel, after)
    call.slack.sender.publish(stopped_events(store, workspace, channel, message, after))
    return {"channel": channel.channel_id, "ts": after.ts, "message": message_shape(workspace, after)}


def _ended(written: Message, blocks: tuple[Block, ...], metadata: dict[str, Any] | None) -> Message:
    """Return a streamed message at its end. The blocks below it count by themselves, beside those that were streamed."""
    assert written.stream is not None, "added() keeps it"
    after = replace(written, blocks=(*written.blocks, *blocks), metadata=metadata)
    if not (after.text.strip() or after.blocks or written.stream.tasks):
        raise SlackRefusal("no_text")
    return replace(after, stream=replace(written.stream, state="completed"))


def _need_feature(call: Call) -> None:
    if not call.slack.store.control.switches().streams:
        raise SlackRefusal("feature_not_enabled")


def _recipient(call: Call, channel: Channel) -> str | None:
    """Return whom the stream is written for: needed outside direct messages, where everybody else sees only the end."""
    user, team = call.args.text("recipient_user_id"), call.args.text("recipient_team_id")
    if channel.kind == "im" and not (user or team):
        return channel.user_id
    if not team:
        raise SlackRefusal("missing_recipient_team_id")
    if not user:
        raise SlackRefusal("missing_recipient_user_id")
    if call.slack.store.workspaces.person(team, user) is None or team not in (channel.team_id, *channel.shared_with):
        raise SlackRefusal("user_not_found")
    return user


def _streaming(call: Call, channel: Channel) -> tuple[Message, Stream]:
    """Return the message at `ts` and its stream.

    Raises SlackRefusal: message_not_found, message_not_owned_by_app, message_not_in_streaming_state for one that was
    stopped, broke or never streamed.
    """
    message = call.own_message(channel, "message_not_owned_by_app")
    if message.stream is None or message.stream.state != "in_progress":
        raise SlackRefusal("message_not_in_streaming_state")
    return message, message.stream
