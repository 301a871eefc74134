"""Slack's `message_changed` and `message_deleted`: what a person did to a post that was there. Pure."""

from __future__ import annotations

from typing import Any

from konstruct.channels.port import Ignored, Inbound
from konstruct.channels.port_events import Deleted, Edited
from konstruct.channels.slack import payload
from konstruct.channels.slack.envelope import Envelope, is_own, is_stranger
from konstruct.channels.slack.messages import (
    files_of,
    is_direct,
    mentions,
    need_timestamp,
    not_a_person,
    post_key,
    subtype_of,
)
from konstruct.kit.text import storable

SUBTYPES = frozenset({"message_changed", "message_deleted", "tombstone"})


def change(envelope: Envelope) -> Inbound:
    """Return the edit or deletion, or why it is nothing. Raises ValueError for a broken form."""
    event = envelope.event
    subtype = subtype_of(event)
    before = payload.mapping(event, "previous_message")
    # Ours: a stream that goes on, an answer that was put right, buttons that were pressed. It says nothing new to us.
    if is_own(envelope, before) or is_own(envelope, payload.mapping(event, "message")):
        return Ignored("our own message changed")
    if subtype == "message_deleted":
        return _deleted(envelope, before, "deleted_ts" if event.get("deleted_ts") is not None else None)
    now = payload.mapping(event, "message") if subtype == "message_changed" else event
    # A deleted post with answers under it stays in its place, without its words.
    if subtype_of(now) == "tombstone":
        return _deleted(envelope, now, None)
    if (reason := not_a_person(now)) is not None:
        return Ignored(reason)
    if not _differs(now, before):
        return Ignored("a change of how a message looks")
    return _edited(envelope, now)


def _deleted(envelope: Envelope, message: dict[str, Any], name: str | None) -> Inbound:
    if message.get("bot_id") or message.get("bot_profile"):
        return Ignored("another bot's message")
    channel = payload.need_identifier(envelope.event, "channel")
    ts = need_timestamp(envelope.event, name) if name else need_timestamp(message, "ts")
    return Deleted(**envelope.names, channel_id=channel, external_id=ts, post_key=post_key(envelope, channel, ts))


def _edited(envelope: Envelope, message: dict[str, Any]) -> Inbound:
    event = envelope.event
    channel = payload.need_identifier(event, "channel")
    ts = need_timestamp(message, "ts")
    text = storable(payload.text(message, "text"))
    # Exact to the microsecond, where `edited.ts` has whole seconds.
    at = (
        payload.timestamp(event, "event_ts")
        or payload.timestamp(event, "ts")
        or need_timestamp(payload.mapping(message, "edited"), "ts")
    )
    return Edited(
        **envelope.names,
        channel_id=channel,
        external_id=ts,
        text=text,
        attachments=files_of(message),
        post_key=post_key(envelope, channel, ts),
        at=payload.moment(at).isoformat(),
        addressed=is_direct(event, channel) or mentions(envelope, text),
        stranger=is_stranger(envelope, message),
    )


def _differs(now: dict[str, Any], before: dict[str, Any]) -> bool:
    """Whether the words or the files changed. Slack tells of links that it unfolded, and of replies, in the same way."""
    if not before:
        return bool(payload.mapping(now, "edited"))
    files = [[file.get("id") for file in files_of(message)] for message in (now, before)]
    return payload.text(now, "text") != payload.text(before, "text") or files[0] != files[1]
