"""Slack's `message` and `app_mention` events: whose post it is, and what it says. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from konstruct.channels.port import ConversationKind, Echo, Ignored, Inbound, InboundMessage
from konstruct.channels.slack import files, payload
from konstruct.channels.slack.envelope import SYSTEM_USERS, Envelope, is_own, is_stranger
from konstruct.kit.text import storable

DELIVERY_EVENT = "konstruct_delivery"
"""The `event_type` of the metadata that our own posts carry."""
SUBTYPES = frozenset({None, "file_share", "thread_broadcast", "me_message"})
"""What people write. Every other subtype tells of something else, or is a bot's."""
_OWN_SUBTYPES = SUBTYPES | {"bot_message"}
_FILE_FIELDS = ("id", "name", "mimetype", "size", "url_private_download", "mode", "file_access")
_FILES_MAX = 50
_NAME_MAX = 200
_ENTITIES_MAX = 10


def subtype_of(message: dict[str, Any]) -> str | None:
    """Return the message's subtype. Raises ValueError if it is not text."""
    subtype = message.get("subtype")
    if subtype is not None and not isinstance(subtype, str):
        raise ValueError("subtype is not text")
    return subtype


def post(envelope: Envelope, *, mention: bool) -> Inbound:
    """Return the person's message, the echo of our own, or why it is nothing. Raises ValueError for a broken form."""
    event = envelope.event
    subtype = subtype_of(event)
    if event.get("hidden") or subtype not in _OWN_SUBTYPES:
        return Ignored("a subtype without work for us")
    if is_own(envelope, event):
        return _echo(envelope)
    if (reason := not_a_person(event)) is not None:
        return Ignored(reason)
    return _message(envelope, mention=mention)


def not_a_person(message: dict[str, Any]) -> str | None:
    """Return why nobody wrote `message` by hand, or None. Raises ValueError for a broken form."""
    if subtype_of(message) not in SUBTYPES or message.get("bot_id") or message.get("bot_profile"):
        return "another bot's message"
    if message.get("user") is None or payload.identifier(message, "user") in SYSTEM_USERS:
        return "a message without a person"
    return None


def mentions(envelope: Envelope, text: str) -> bool:
    """Return whether `text` mentions the employee."""
    bot = envelope.bot_user_id
    return bot is not None and (f"<@{bot}>" in text or f"<@{bot}|" in text)


def is_direct(event: dict[str, Any], channel: str) -> bool:
    """Return whether `channel` is the direct one of a person."""
    return event.get("channel_type") == "im" or channel.startswith("D")


def need_timestamp(data: dict[str, Any], name: str) -> str:
    """Return the message time `name`. Raises ValueError if it is missing or not one."""
    ts = payload.timestamp(data, name)
    if ts is None:
        raise ValueError(f"{name} is missing")
    return ts


def post_key(envelope: Envelope, channel: str, ts: str) -> str:
    """Return what names a post. The installation stands for the team: two events of one post may differ in `event.team`."""
    return f"slack:{envelope.account_key}:{channel}:{ts}"


def files_of(message: dict[str, Any]) -> tuple[Mapping[str, Any], ...]:
    """Return what is kept of the message's files. One that was deleted since is none."""
    files = [file for file in payload.items(message, "files") if file.get("mode") != "tombstone"]
    return tuple(_attachment(file) for file in files[:_FILES_MAX])


def entities_of(context: dict[str, Any]) -> tuple[Mapping[str, str], ...]:
    """Return what somebody is looking at, as Slack names it: ids only, whatever else an entity holds."""
    kept = []
    for entity in payload.items(context, "entities")[:_ENTITIES_MAX]:
        kind, value = payload.type_name(entity, "type"), payload.identifier(entity, "value")
        if kind is not None and value is not None:
            kept.append({"type": kind, "value": value})
    return tuple(kept)


def _message(envelope: Envelope, *, mention: bool) -> InboundMessage:
    event = envelope.event
    channel = payload.need_identifier(event, "channel")
    ts = need_timestamp(event, "ts")
    thread = payload.timestamp(event, "thread_ts") or ts
    text = storable(payload.text(event, "text"))
    direct = is_direct(event, channel)
    edited = payload.timestamp(payload.mapping(event, "edited"), "ts")
    return InboundMessage(
        account_key=envelope.account_key,
        app_id=envelope.app_id,
        event_key=envelope.event_key,
        post_keys=_post_keys(envelope, channel, ts),
        conversation_key=channel if direct else f"{channel}:{thread}",
        conversation_kind=ConversationKind.DIRECT if direct else ConversationKind.THREAD,
        sender_id=payload.need_identifier(event, "user"),
        sender_name=_sender_name(event),
        text=text,
        attachments=files_of(event),
        external_id=ts,
        channel_id=channel,
        thread_id=thread,
        addressed=direct or mention or mentions(envelope, text),
        sent_at=payload.moment(ts),
        context=entities_of(payload.mapping(event, "app_context")) if direct else (),
        edited_at=payload.moment(edited) if edited is not None else None,
        stranger=is_stranger(envelope, event),
    )


def _post_keys(envelope: Envelope, channel: str, ts: str) -> tuple[str, ...]:
    keys = [post_key(envelope, channel, ts)]
    client_msg_id = payload.identifier(envelope.event, "client_msg_id")
    if client_msg_id is not None:
        keys.append(f"slack:{envelope.account_key}:cm:{client_msg_id}")
    return tuple(keys)


def _sender_name(event: dict[str, Any]) -> str | None:
    profile = payload.mapping(event, "user_profile")
    for name in ("display_name", "real_name", "name"):
        value = profile.get(name)
        if isinstance(value, str) and value.strip():
            return storable(value.strip()[:_NAME_MAX])
    return None


def _attachment(file: dict[str, Any]) -> Mapping[str, Any]:
    kept: dict[str, Any] = {}
    for name in _FILE_FIELDS:
        value = file.get(name)
        if isinstance(value, str):
            kept[name] = storable(value[:2048])
        elif name == "size" and isinstance(value, int) and 0 <= value < 1 << 53:
            kept[name] = value
    return kept


def _echo(envelope: Envelope) -> Inbound:
    event = envelope.event
    return Echo(
        account_key=envelope.account_key,
        app_id=envelope.app_id,
        event_key=envelope.event_key,
        delivery_id=delivery_id(event),
        channel_id=payload.need_identifier(event, "channel"),
        thread_id=payload.timestamp(event, "thread_ts"),
        external_id=need_timestamp(event, "ts"),
        text=storable(payload.text(event, "text")),
        # A shared file is never the beginning of an answer, which is all that the time is for.
        sent_at=None if event.get("files") else payload.moment(need_timestamp(event, "ts")),
    )


def metadata_echo(envelope: Envelope) -> Inbound:
    """Return the echo in a `message_metadata_posted` of our own app. Raises ValueError for a broken form."""
    event = envelope.event
    if envelope.app_id is not None and event.get("app_id") != envelope.app_id:
        return Ignored("another app's metadata")
    return Echo(
        account_key=envelope.account_key,
        app_id=envelope.app_id,
        event_key=envelope.event_key,
        delivery_id=delivery_id(event),
        channel_id=payload.need_identifier(event, "channel_id"),
        thread_id=None,
        external_id=need_timestamp(event, "message_ts"),
        text="",
    )


def delivery_id(message: dict[str, Any]) -> UUID | None:
    """Return the id of our delivery that `message` carries in its metadata or its file's name, or None if in neither."""
    metadata = payload.mapping(message, "metadata")
    value = payload.mapping(metadata, "event_payload").get("delivery_id")
    if metadata.get("event_type") != DELIVERY_EVENT or not isinstance(value, str) or len(value) != 36:
        return files.delivery_in(message)
    try:
        return UUID(value)
    except ValueError:
        return None
