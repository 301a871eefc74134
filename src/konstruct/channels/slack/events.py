"""Slack's Events API: what a verified body says, as values of the channel port. Pure: no clock, no network, no state."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from konstruct.channels.port import Handshake, Ignored, Inbound
from konstruct.channels.slack import payload, revocation
from konstruct.channels.slack.changes import SUBTYPES as CHANGES
from konstruct.channels.slack.changes import change
from konstruct.channels.slack.envelope import Envelope, open_envelope
from konstruct.channels.slack.happenings import context_changed, home_opened, member_joined
from konstruct.channels.slack.messages import DELIVERY_EVENT, delivery_id, metadata_echo, post, subtype_of
from konstruct.kit.text import storable

__all__ = ["DELIVERY_EVENT", "delivery_id", "handshake", "parse"]


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
    """Return the one message, echo, event or ignored delivery in `body`.

    Raises ValueError, without content in its text, for a body that is not in Slack's form.
    """
    data = payload.load(body)
    kind = data.get("type")
    if kind == "event_callback":
        return (_event(open_envelope(data)),)
    if isinstance(kind, str):
        return (Ignored("not an event"),)
    raise ValueError("type is missing or not text")


def _message(envelope: Envelope) -> Inbound:
    if subtype_of(envelope.event) in CHANGES:
        return change(envelope)
    return post(envelope, mention=False)


_EVENTS: dict[str, Callable[[Envelope], Inbound]] = {
    "message": _message,
    "app_mention": lambda envelope: post(envelope, mention=True),
    "message_metadata_posted": metadata_echo,
    "app_home_opened": home_opened,
    "app_context_changed": context_changed,
    "member_joined_channel": member_joined,
    revocation.UNINSTALLED: revocation.revoked,
    revocation.REVOKED: revocation.revoked,
}


def _event(envelope: Envelope) -> Inbound:
    kind = envelope.event.get("type")
    read = _EVENTS.get(kind) if isinstance(kind, str) else None
    return read(envelope) if read is not None else Ignored("an event without work for us")
