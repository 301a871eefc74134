"""A person types a slash command."""

from __future__ import annotations

import json
from typing import Any

from konstruct.kit.errors import ConflictError
from konstruct.local.sandbox.answering import post
from konstruct.local.sandbox.interacting import COMMANDS, Actor
from konstruct.local.sandbox.model import Channel
from konstruct.local.sandbox.sender import FormAnswer
from konstruct.local.sandbox.slack.arguments import Arguments
from konstruct.local.sandbox.slack.content import read_content
from konstruct.local.sandbox.slack.errors import SlackRefusal

KNOWN = ("/konstruct",)
"""The commands of the app's manifest."""


def is_command(typed: str) -> bool:
    """Return whether Slack's composer takes this for a command: it begins with a slash, not with a space before it."""
    return typed.startswith("/")


async def command(actor: Actor, channel: Channel, typed: str, thread_ts: str | None) -> None:
    """Send the app a command and show what it answers at once. Raises ConflictError in the words that Slack shows."""
    name, _, text = typed.partition(" ")
    if name not in KNOWN:
        raise ConflictError(f"{name} is not a valid command. To send it as a message, begin with a space")
    if thread_ts:
        raise ConflictError(f"{name} is not supported in threads")
    w, person, common = actor.workspace, actor.person, actor.common("command")
    fields = {
        "token": "sandbox",
        "team_id": w.team_id,
        "team_domain": w.slug,
        "channel_id": channel.channel_id,
        "channel_name": "directmessage" if channel.kind == "im" else channel.name,
        "user_id": person.user_id,
        "user_name": person.name.lower().replace(" ", "."),
        "command": name,
        "text": text.strip(),
        "api_app_id": w.app_id,
        "is_enterprise_install": str(common["is_enterprise_install"]).lower(),
        "response_url": actor.response_url(channel),
        "trigger_id": actor.trigger().trigger_id,
    }
    if common["enterprise"]:
        fields |= {"enterprise_id": common["enterprise"]["id"], "enterprise_name": common["enterprise"]["name"]}
    answer = await actor.sender.deliver_form(COMMANDS, fields)
    if answer.status != 200:
        reason = "operation_timeout" if answer.status is None else f"http_error_{answer.status}"
        raise ConflictError(f'{name} failed with the error "{reason}"')
    _show(actor, channel, name, answer)


def _show(actor: Actor, channel: Channel, name: str, answer: FormAnswer) -> None:
    said = _said(answer.body.decode(errors="replace"))
    if not said:
        return
    try:
        content = read_content(Arguments(said, None))
        post(actor.store, actor.sender, actor.workspace, channel, actor.person.user_id, content, said)
    except SlackRefusal as refusal:
        raise ConflictError(f'{name} failed with the error "{refusal.error}"') from None


def _said(text: str) -> dict[str, Any]:
    """Return an immediate answer: JSON like any message, or plain text."""
    try:
        said = json.loads(text)
    except ValueError:
        return {"text": text} if text.strip() else {}
    return said if isinstance(said, dict) else {"text": text}
