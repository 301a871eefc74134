"""What the app hears when a person opens it, or adds it to a channel."""

from __future__ import annotations

from typing import Any, Literal

from konstruct.local.sandbox.events import Place, new_event_ts
from konstruct.local.sandbox.interacting import Actor
from konstruct.local.sandbox.model import Channel
from konstruct.local.sandbox.slack.views import view_shape


def opened(actor: Actor, direct: Channel, tab: Literal["home", "messages"]) -> None:
    """Let the app hear that a person opened its Home tab or its messages."""
    place = Place.of(actor.store, actor.workspace)
    if place is None:
        return
    event: dict[str, Any] = {
        "type": "app_home_opened",
        "user": actor.person.user_id,
        "channel": direct.channel_id,
        "tab": tab,
        "event_ts": new_event_ts(),
    }
    view = actor.store.interactions.home(actor.workspace.team_id, actor.person.user_id)
    if tab == "home" and view is not None:
        event["view"] = view_shape(place.heard_in, view)
    actor.sender.publish([place.envelope(None, event)])


def invite(actor: Actor, channel: Channel) -> None:
    """Add the employee to a channel, and let the app hear of it."""
    actor.store.workspaces.set_member(actor.workspace.team_id, channel.channel_id, True)
    place = Place.of(actor.store, actor.workspace, channel)
    if place is None:
        return
    event = {
        "type": "member_joined_channel",
        "user": place.heard_in.bot_user_id,
        "channel": channel.channel_id,
        "channel_type": "C",
        "team": actor.workspace.team_id,
        "inviter": actor.person.user_id,
        "event_ts": new_event_ts(),
    }
    actor.sender.publish([place.envelope(None, event)])
