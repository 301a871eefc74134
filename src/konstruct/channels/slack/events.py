"""Slack's Events API: what a verified body says, as values of the channel port. Pure: no clock, no network, no state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from konstruct.channels.port import ConversationKind, Echo, Handshake, Ignored, Inbound, InboundMessage
from konstruct.channels.slack import payload
from konstruct.kit.text import storable

DELIVERY_EVENT = "konstruct_delivery"
"""The `event_type` of the metadata that our own posts carry."""

_SUBTYPES = frozenset({None, "file_share", "thread_broadcast", "me_message"})
_OWN_SUBTYPES = _SUBTYPES | {"bot_message"}
_SYSTEM_USERS = frozenset({"USLACK", "USLACKBOT"})
_FILE_FIELDS = ("id", "name", "mimetype", "size", "url_private_download")
_FILES_MAX = 50
_NAME_MAX = 200


@dataclass(frozen=True, slots=True)
class _Envelope:
    """What surrounds every event: which installation it is for, and which delivery it is."""

    account_key: str
    app_id: str
    event_key: str
    bot_user_id: str | None
    event: dict[str, Any]


def handshake(body: bytes) -> Handshake | None:
    """Return the answer to `url_verification`, or None if `body` is anything else."""
    # Nearly every body is an event: it is read once, by `parse`.
    if b"url_verification" not in body:
        return None
    try:
        data = payload.load(body)
    except ValueError:
        return None
    challenge = data.get("challenge")
    if data.get("type") != "url_verification" or not isinstance(challenge, str):
        return None
    return Handshake(status=200, body=storable(challenge).encode())


def parse(body: bytes) -> Sequence[Inbound]:
    """Return the one message, echo or ignored delivery in `body`.

    Raises ValueError, without content in its text, for a body that is not in Slack's form.
    """
    data = payload.load(body)
    kind = data.get("type")
    if kind == "event_callback":
        return (_event(_open(data)),)
    if isinstance(kind, str):
        return (Ignored("not an event"),)
    raise ValueError("type is missing or not text")


def _open(data: dict[str, Any]) -> _Envelope:
    event = payload.mapping(data, "event")
    if not event:
        raise ValueError("event is missing or not an object")
    app_id = payload.need_identifier(data, "api_app_id")
    authorizations = payload.items(data, "authorizations")
    bots = [payload.identifier(item, "user_id") for item in authorizations if item.get("is_bot") is True]
    return _Envelope(
        account_key=_account_key(data, authorizations),
        app_id=app_id,
        event_key=f"slack:{app_id}:{payload.need_identifier(data, 'event_id')}",
        bot_user_id=bots[0] if bots else None,
        event=event,
    )


def _account_key(data: dict[str, Any], authorizations: list[dict[str, Any]]) -> str:
    """The installation. In a shared channel the envelope's `team_id` may be the other side's: authorizations win."""
    if authorizations:
        first = authorizations[0]
        name = "enterprise_id" if first.get("is_enterprise_install") is True else "team_id"
        key = payload.identifier(first, name)
        if key is not None:
            return key
    return payload.need_identifier(data, "team_id")


def _event(envelope: _Envelope) -> Inbound:
    kind = envelope.event.get("type")
    if kind == "message_metadata_posted":
        return _metadata_echo(envelope)
    if kind not in ("message", "app_mention"):
        return Ignored("an event without work for us")
    return _post(envelope, mention=kind == "app_mention")


def _post(envelope: _Envelope, *, mention: bool) -> Inbound:
    event = envelope.event
    subtype = event.get("subtype")
    if subtype is not None and not isinstance(subtype, str):
        raise ValueError("subtype is not text")
    if event.get("hidden") or subtype not in _OWN_SUBTYPES:
        return Ignored("a subtype without work for us")
    if _is_own(envelope):
        return _echo(envelope)
    if subtype not in _SUBTYPES or event.get("bot_id") or event.get("bot_profile"):
        return Ignored("another bot's message")
    if event.get("user") is None or payload.identifier(event, "user") in _SYSTEM_USERS:
        return Ignored("a message without a person")
    return _message(envelope, mention=mention)


def _is_own(envelope: _Envelope) -> bool:
    event = envelope.event
    app_id = event.get("app_id") or payload.mapping(event, "bot_profile").get("app_id")
    if event.get("bot_id") and app_id == envelope.app_id:
        return True
    return envelope.bot_user_id is not None and event.get("user") == envelope.bot_user_id


def _message(envelope: _Envelope, *, mention: bool) -> InboundMessage:
    event = envelope.event
    channel = payload.need_identifier(event, "channel")
    ts = payload.timestamp(event, "ts")
    if ts is None:
        raise ValueError("ts is missing")
    thread = payload.timestamp(event, "thread_ts") or ts
    text = storable(payload.text(event, "text"))
    direct = event.get("channel_type") == "im" or channel.startswith("D")
    bot = envelope.bot_user_id
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
        attachments=tuple(_attachment(item) for item in payload.items(event, "files")[:_FILES_MAX]),
        external_id=ts,
        channel_id=channel,
        thread_id=thread,
        addressed=direct or mention or (bot is not None and (f"<@{bot}>" in text or f"<@{bot}|" in text)),
        sent_at=payload.moment(ts),
    )


def _post_keys(envelope: _Envelope, channel: str, ts: str) -> tuple[str, ...]:
    """The installation stands for the team: `message` and `app_mention` of one post may differ in `event.team`."""
    keys = [f"slack:{envelope.account_key}:{channel}:{ts}"]
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


def _echo(envelope: _Envelope) -> Inbound:
    event = envelope.event
    ts = payload.timestamp(event, "ts")
    if ts is None:
        raise ValueError("ts is missing")
    return Echo(
        account_key=envelope.account_key,
        app_id=envelope.app_id,
        event_key=envelope.event_key,
        delivery_id=delivery_id(event),
        channel_id=payload.need_identifier(event, "channel"),
        thread_id=payload.timestamp(event, "thread_ts"),
        external_id=ts,
        text=storable(payload.text(event, "text")),
        # A shared file is never the beginning of an answer, which is all that the time is for.
        sent_at=None if event.get("files") else payload.moment(ts),
    )


def _metadata_echo(envelope: _Envelope) -> Inbound:
    event = envelope.event
    if event.get("app_id") != envelope.app_id:
        return Ignored("another app's metadata")
    ts = payload.timestamp(event, "message_ts")
    if ts is None:
        raise ValueError("message_ts is missing")
    return Echo(
        account_key=envelope.account_key,
        app_id=envelope.app_id,
        event_key=envelope.event_key,
        delivery_id=delivery_id(event),
        channel_id=payload.need_identifier(event, "channel_id"),
        thread_id=None,
        external_id=ts,
        text="",
    )


def delivery_id(message: dict[str, Any]) -> UUID | None:
    """Return the id of our delivery that `message` carries in its metadata, or None if it carries none."""
    metadata = payload.mapping(message, "metadata")
    value = payload.mapping(metadata, "event_payload").get("delivery_id")
    if metadata.get("event_type") != DELIVERY_EVENT or not isinstance(value, str) or len(value) != 36:
        return None
    try:
        return UUID(value)
    except ValueError:
        return None
