"""Slack's events about the employee's place in the workspace: what was opened, looked at, joined. Pure."""

from __future__ import annotations

from konstruct.channels.port import Ignored, Inbound
from konstruct.channels.port_events import Joined, Looked, Opened
from konstruct.channels.slack import payload
from konstruct.channels.slack.envelope import Envelope
from konstruct.channels.slack.messages import entities_of


def home_opened(envelope: Envelope) -> Inbound:
    """Return which tab of the employee's somebody opened (`app_home_opened`). Raises ValueError for a broken form."""
    event = envelope.event
    tab = event.get("tab")
    if tab not in ("messages", "home"):
        return Ignored("a tab without work for us")
    person = payload.need_identifier(event, "user")
    return Opened(**envelope.names, person_id=person, channel_id=payload.identifier(event, "channel"), place=tab)


def context_changed(envelope: Envelope) -> Inbound:
    """Return what somebody looks at now (`app_context_changed`). Raises ValueError for a broken form."""
    event = envelope.event
    person = payload.need_identifier(event, "user")
    return Looked(**envelope.names, person_id=person, context=entities_of(payload.mapping(event, "context")))


def member_joined(envelope: Envelope) -> Inbound:
    """Return that the employee was added to a channel (`member_joined_channel`). Raises ValueError for a broken form."""
    event = envelope.event
    member = payload.need_identifier(event, "user")
    if envelope.bot_user_id is not None and member != envelope.bot_user_id:
        return Ignored("somebody else joined")
    channel = payload.need_identifier(event, "channel")
    inviter = payload.identifier(event, "inviter")
    return Joined(**envelope.names, channel_id=channel, member_id=member, person_id=inviter)
