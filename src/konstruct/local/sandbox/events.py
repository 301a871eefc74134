"""Event envelopes, exactly as Slack sends them to an app's webhook."""

from __future__ import annotations

import json
import secrets
import string
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from konstruct.local.sandbox.audience import Audience, audience, channel_audience
from konstruct.local.sandbox.installations import Installation
from konstruct.local.sandbox.model import Channel, Message, OutgoingEvent, Workspace
from konstruct.local.sandbox.slack.application import APP_ID
from konstruct.local.sandbox.slack.file_shapes import unseen_file
from konstruct.local.sandbox.slack.shapes import message_shape
from konstruct.local.sandbox.store import SandboxStore

_ALPHABET = string.ascii_uppercase + string.digits


def said_events(
    store: SandboxStore, workspace: Workspace, channel: Channel, message: Message, viewed: str | None = None
) -> list[OutgoingEvent]:
    """Return what the app hears of a person's message, said from `workspace` while they looked at the channel `viewed`.

    A mention in a channel is heard twice: as `message` and as `app_mention`, with the same ts and client_msg_id under
    different event ids. A channel without the employee is not heard at all.
    """
    place = Place.of(store, workspace, channel)
    if place is None:
        return []
    event = _message_event(store, place, message)
    if channel.kind == "im" and viewed is not None:
        event["app_context"] = viewed_context(workspace, viewed)
    heard = [place.envelope(message, event)]
    if channel.kind == "channel" and f"<@{place.heard_in.bot_user_id}>" in message.text:
        mention = {name: value for name, value in event.items() if name != "channel_type"}
        heard.append(place.envelope(message, {**mention, "type": "app_mention"}))
    return heard


def posted_events(store: SandboxStore, workspace: Workspace, channel: Channel, message: Message) -> list[OutgoingEvent]:
    """Return the echo of the app's own post: the `message`, and `message_metadata_posted` where it carries metadata."""
    place = Place.of(store, workspace, channel)
    if place is None or not store.control.switches().echoes:
        return []
    return [place.envelope(message, _message_event(store, place, message)), *_metadata_events(store, place, workspace, message)]


def stopped_events(
    store: SandboxStore, workspace: Workspace, channel: Channel, before: Message, after: Message
) -> list[OutgoingEvent]:
    """Return the echo of a stream that was stopped: a message_changed whose message has the subtype bot_message.

    That, and `streaming_state`, is all that is known of how Slack shows an app its streams (node-slack-sdk #2371). What was
    appended in between is not heard.
    """
    heard = changed_events(store, workspace, channel, before, after, subtype="bot_message")
    place = _listening(store, workspace, channel, after)
    return [*heard, *_metadata_events(store, place, workspace, after)] if place else heard


def changed_events(
    store: SandboxStore, workspace: Workspace, channel: Channel, before: Message, after: Message, **marks: str
) -> list[OutgoingEvent]:
    """Return what the app hears of an edit, its own or a person's; `marks` are added to the message as it is now."""
    place = _listening(store, workspace, channel, after)
    if place is None:
        return []
    event = {
        "type": "message",
        "subtype": "message_changed",
        "hidden": True,
        "message": {**message_shape(place.heard_in, after), **marks},
        "previous_message": message_shape(place.heard_in, before),
        **_in_channel(channel, new_event_ts()),
    }
    return [place.envelope(after, event)]


def deleted_events(store: SandboxStore, workspace: Workspace, channel: Channel, message: Message) -> list[OutgoingEvent]:
    """Return what the app hears of a deletion, its own or a person's."""
    place = _listening(store, workspace, channel, message)
    if place is None:
        return []
    event = {
        "type": "message",
        "subtype": "message_deleted",
        "hidden": True,
        "deleted_ts": message.ts,
        "previous_message": message_shape(place.heard_in, message),
        **_in_channel(channel, new_event_ts()),
    }
    return [place.envelope(message, event)]


def removal_events(store: SandboxStore, installation: Installation, kinds: Sequence[str]) -> list[OutgoingEvent]:
    """Return `app_uninstalled` and `tokens_revoked`, as `kinds` says; they name no authorisation, for there is none left."""
    workspace = store.workspaces.by_team(installation.team_id) if installation.team_id else None
    enterprise = store.workspaces.enterprise(installation.enterprise_id)
    bot = workspace or enterprise
    assert bot is not None, "an installation is in a workspace or in an organisation"
    bodies: dict[str, dict[str, Any]] = {
        "app_uninstalled": {"type": "app_uninstalled"},
        "tokens_revoked": {"type": "tokens_revoked", "tokens": {"oauth": [], "bot": [bot.bot_user_id]}},
    }
    who = {"team_id": installation.team_id, "enterprise_id": installation.enterprise_id}
    app_id = workspace.app_id if workspace else APP_ID
    filed = installation.team_id or installation.enterprise_id or ""
    return [
        outgoing(filed, "", "", {**who, "api_app_id": app_id, "event": {**bodies[k], "event_ts": new_event_ts()}}) for k in kinds
    ]


def context_events(store: SandboxStore, workspace: Workspace, direct: Channel, viewed: str | None) -> list[OutgoingEvent]:
    """Return what the app hears when a person, with its conversation open, looks at another channel (None: at nothing)."""
    place = Place.of(store, workspace)
    if place is None:
        return []
    context = viewed_context(workspace, viewed)
    event = {"type": "app_context_changed", "user": direct.user_id, "channel": direct.channel_id, "context": context}
    return [place.envelope(None, {**event, "event_ts": new_event_ts()})]


def viewed_context(workspace: Workspace, viewed: str | None) -> dict[str, Any]:
    """Return what Slack tells of the channel that a person looks at beside the app's conversation."""
    if viewed is None:
        return {}
    return {"entities": [{"type": "slack#/types/channel_id", "value": viewed, "team_id": workspace.team_id}]}


def app_rate_limited_event(workspace: Workspace) -> OutgoingEvent:
    """Return the notice that a workspace sends too many events; it is no event_callback and has no event inside."""
    minute = int(time.time()) // 60 * 60
    body = {"token": "sandbox", "type": "app_rate_limited", "team_id": workspace.team_id, "minute_rate_limited": minute}
    event_id = "Ev" + "".join(secrets.choice(_ALPHABET) for _ in range(11))
    return OutgoingEvent(event_id, workspace.team_id, "", "", json.dumps({**body, "api_app_id": workspace.app_id}).encode())


@dataclass(frozen=True, slots=True)
class Place:
    """Where something happens, and who hears it: every envelope's outside."""

    happens_in: Workspace
    channel: Channel | None
    audience: Audience

    @classmethod
    def of(cls, store: SandboxStore, workspace: Workspace, channel: Channel | None = None) -> Place | None:
        """Return the place of something that happens in a workspace; None where no installation hears it."""
        found = channel_audience(store, workspace, channel) if channel else audience(store, workspace)
        return cls(workspace, channel, found) if found else None

    @property
    def heard_in(self) -> Workspace:
        """The workspace of the installation that hears."""
        return self.audience.workspace

    def envelope(self, message: Message | None, event: dict[str, Any]) -> OutgoingEvent:
        """Return an event on its way; `message` says which thread waits for it."""
        outside = {
            "team_id": self.happens_in.team_id,
            **({"enterprise_id": self.happens_in.enterprise_id} if self.happens_in.enterprise_id else {}),
            "context_team_id": self.heard_in.team_id,
            "context_enterprise_id": self.heard_in.enterprise_id,
            "api_app_id": self.heard_in.app_id,
            "event": event,
            "authorizations": [self.audience.authorization],
            "is_ext_shared_channel": bool(self.channel and self.channel.shared_with),
            "event_context": "4-" + secrets.token_urlsafe(24),
        }
        channel_id, root_ts = (self.channel.channel_id if self.channel else ""), (message.root_ts if message else "")
        return outgoing(self.happens_in.team_id, channel_id, root_ts, outside)


def outgoing(team_id: str, channel_id: str, root_ts: str, outside: dict[str, Any]) -> OutgoingEvent:
    """Return an event with what every envelope has."""
    event_id = "Ev" + "".join(secrets.choice(_ALPHABET) for _ in range(11))
    # `token` is Slack's deprecated verification token; the signature replaced it.
    always = {
        "token": "sandbox",
        "type": "event_callback",
        "event_id": event_id,
        "event_time": int(float(outside["event"]["event_ts"])),
    }
    return OutgoingEvent(event_id, team_id, channel_id, root_ts, json.dumps({**outside, **always}).encode())


def new_event_ts() -> str:
    """Return an `event_ts` of now."""
    micros = time.time_ns() // 1000
    return f"{micros // 1_000_000}.{micros % 1_000_000:06d}"


def _listening(store: SandboxStore, workspace: Workspace, channel: Channel, message: Message) -> Place | None:
    if message.from_bot and not store.control.switches().echoes:
        return None
    return Place.of(store, workspace, channel)


def _metadata_events(store: SandboxStore, place: Place, workspace: Workspace, message: Message) -> list[OutgoingEvent]:
    if not message.metadata or not store.control.switches().metadata_events:
        return []
    event = {
        "type": "message_metadata_posted",
        "app_id": workspace.app_id,
        "bot_id": workspace.bot_id,
        "user_id": workspace.bot_user_id,
        "team_id": workspace.team_id,
        "channel_id": message.channel_id,
        "metadata": message.metadata,
        "message_ts": message.ts,
        "event_ts": new_event_ts(),
    }
    return [place.envelope(message, event)]


def _message_event(store: SandboxStore, place: Place, message: Message) -> dict[str, Any]:
    assert place.channel is not None, "messages are said in channels"
    event = {**message_shape(place.heard_in, message), **_in_channel(place.channel, message.ts), "ts": message.ts}
    if place.channel.shared_with:
        event |= {"user_team": event["team"], "source_team": event["team"]}
        if message.files:
            event["files"] = [unseen_file(file["id"]) for file in message.files]
    root = store.messages.get(message.channel_id, message.thread_ts) if message.thread_ts else None
    if root is not None:
        event["parent_user_id"] = root.user_id
    return event


def _in_channel(channel: Channel, event_ts: str) -> dict[str, Any]:
    return {"channel": channel.channel_id, "channel_type": channel.kind, "event_ts": event_ts}
