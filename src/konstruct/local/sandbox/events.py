"""Event envelopes, exactly as Slack sends them to an app's webhook."""

from __future__ import annotations

import json
import secrets
import string
from typing import Any

from konstruct.local.sandbox.model import Channel, Message, OutgoingEvent, Workspace
from konstruct.local.sandbox.slack.shapes import message_shape

_ALPHABET = string.ascii_uppercase + string.digits


def said_events(workspace: Workspace, channel: Channel, message: Message, root: Message | None) -> list[OutgoingEvent]:
    """Return what the app hears of a person's message.

    A mention in a channel is heard twice: as `message` and as `app_mention`, with the same ts and client_msg_id under
    different event ids. A channel without the employee is not heard at all.
    """
    if not channel.has_bot:
        return []
    event = _message_event(workspace, channel, message, root)
    heard = [_envelope(workspace, channel, message, event)]
    if channel.kind == "channel" and f"<@{workspace.bot_user_id}>" in message.text:
        mention = {name: value for name, value in event.items() if name != "channel_type"}
        heard.append(_envelope(workspace, channel, message, {**mention, "type": "app_mention"}))
    return heard


def posted_events(workspace: Workspace, channel: Channel, message: Message, root: Message | None) -> list[OutgoingEvent]:
    """Return the echo of the app's own post: the `message`, and `message_metadata_posted` where it carries metadata."""
    heard = [_envelope(workspace, channel, message, _message_event(workspace, channel, message, root))]
    if message.metadata:
        metadata_event = {
            "type": "message_metadata_posted",
            "app_id": workspace.app_id,
            "bot_id": workspace.bot_id,
            "user_id": workspace.bot_user_id,
            "team_id": workspace.team_id,
            "channel_id": channel.channel_id,
            "metadata": message.metadata,
            "message_ts": message.ts,
            "event_ts": message.ts,
        }
        heard.append(_envelope(workspace, channel, message, metadata_event))
    return heard


def changed_events(workspace: Workspace, channel: Channel, before: Message, after: Message) -> list[OutgoingEvent]:
    """Return what the app hears of an edit."""
    event = {
        "type": "message",
        "subtype": "message_changed",
        "hidden": True,
        "message": message_shape(workspace, after),
        "previous_message": message_shape(workspace, before),
        **_place(channel, after.ts),
    }
    return [_envelope(workspace, channel, after, event)]


def deleted_events(workspace: Workspace, channel: Channel, message: Message) -> list[OutgoingEvent]:
    """Return what the app hears of a deletion."""
    event = {
        "type": "message",
        "subtype": "message_deleted",
        "hidden": True,
        "deleted_ts": message.ts,
        "previous_message": message_shape(workspace, message),
        **_place(channel, message.ts),
    }
    return [_envelope(workspace, channel, message, event)]


def _message_event(workspace: Workspace, channel: Channel, message: Message, root: Message | None) -> dict[str, Any]:
    event = {**message_shape(workspace, message), **_place(channel, message.ts)}
    if root is not None:
        event["parent_user_id"] = root.user_id
    return event


def _place(channel: Channel, ts: str) -> dict[str, Any]:
    return {"channel": channel.channel_id, "channel_type": channel.kind, "event_ts": ts, "ts": ts}


def _envelope(workspace: Workspace, channel: Channel, message: Message, event: dict[str, Any]) -> OutgoingEvent:
    event_id = "Ev" + "".join(secrets.choice(_ALPHABET) for _ in range(11))
    installed = {"enterprise_id": None, "team_id": workspace.team_id, "user_id": workspace.bot_user_id}
    envelope = {
        # Slack's deprecated verification token; the signature replaced it.
        "token": "sandbox",
        "team_id": workspace.team_id,
        "context_team_id": workspace.team_id,
        "context_enterprise_id": None,
        "api_app_id": workspace.app_id,
        "event": event,
        "type": "event_callback",
        "event_id": event_id,
        "event_time": int(message.ts.partition(".")[0]),
        "authorizations": [{**installed, "is_bot": True, "is_enterprise_install": False}],
        "is_ext_shared_channel": False,
        "event_context": "4-" + secrets.token_urlsafe(24),
    }
    return OutgoingEvent(event_id, workspace.team_id, channel.channel_id, message.root_ts, json.dumps(envelope).encode())
