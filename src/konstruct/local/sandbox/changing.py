"""A person changes or deletes what they said."""

from __future__ import annotations

from dataclasses import replace

from konstruct.kit.errors import ConflictError, NotFoundError
from konstruct.local.sandbox.events import changed_events, deleted_events
from konstruct.local.sandbox.interacting import Actor
from konstruct.local.sandbox.model import Channel, Message
from konstruct.local.sandbox.slack.content import TEXT_MAX
from konstruct.local.sandbox.speaking import names_of, to_slack_text


def own(actor: Actor, channel: Channel, ts: str) -> Message:
    """Return a message of this person. Raises NotFoundError for another's."""
    message = actor.store.messages.get(channel.channel_id, ts)
    if message is None or message.from_bot or message.user_id != actor.person.user_id:
        raise NotFoundError("this is no message of yours")
    return message


def edit(actor: Actor, channel: Channel, ts: str, text: str) -> None:
    """Change a message, and let the app hear of it. Raises NotFoundError, ConflictError as speaking does."""
    before = own(actor, channel, ts)
    if not text.strip() or len(text) > TEXT_MAX:
        raise ConflictError(f"a message holds 1 to {TEXT_MAX} characters")
    said = to_slack_text(text.strip(), names_of(actor.store, actor.workspace))
    if said == before.text:
        return
    after = replace(before, text=said, edited=True)
    actor.store.messages.edit(actor.workspace.team_id, after)
    actor.sender.publish(changed_events(actor.store, actor.workspace, channel, before, after))


def delete(actor: Actor, channel: Channel, ts: str) -> None:
    """Delete a message, and let the app hear of it. Raises NotFoundError."""
    message = own(actor, channel, ts)
    actor.store.messages.remove(actor.workspace.team_id, message)
    actor.sender.publish(deleted_events(actor.store, actor.workspace, channel, message))


def typed(text: str, names: dict[str, str]) -> str:
    """Return Slack's text as a person would type it: the reverse of to_slack_text."""
    for user_id, name in names.items():
        text = text.replace(f"<@{user_id}>", f"@{name}")
    text = text.replace("<http", "http").replace(">", "")
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
