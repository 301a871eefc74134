"""What a person's press, choice, dialog or command becomes on its way to the app, in Slack's own shapes."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, field
from typing import Any

from konstruct.kit.errors import ConflictError
from konstruct.local.sandbox.audience import Audience, audience
from konstruct.local.sandbox.interaction_model import Ephemeral, ResponseUrl, Trigger, View
from konstruct.local.sandbox.model import Channel, Message, Person, Workspace
from konstruct.local.sandbox.sender import EventSender, FormAnswer
from konstruct.local.sandbox.slack.shapes import message_shape
from konstruct.local.sandbox.slack.views import view_shape
from konstruct.local.sandbox.store import SandboxStore

INTERACTIVITY = "/webhooks/slack/interactivity"
COMMANDS = "/webhooks/slack/commands"
TRIGGER_S = 3.0
RESPONSE_S = 1_800.0
RESPONSE_USES = 5

Payload = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Actor:
    """The person who does something, and the means to tell the app. `base`: the sandbox's own address, as its page was opened."""

    store: SandboxStore = field(repr=False)
    sender: EventSender = field(repr=False)
    workspace: Workspace
    person: Person
    base: str

    def trigger(self, view: View | None = None) -> Trigger:
        """Return a new trigger of this person."""
        made_in = view.view_id if view and view.kind == "modal" else None
        store = self.store.interactions
        return store.add_trigger(self.workspace.team_id, self.person.user_id, self.store.control.now(), TRIGGER_S, made_in)

    def response_url(self, channel: Channel, message_ts: str | None = None, thread_ts: str | None = None) -> str:
        """Return a new address that the app may answer to."""
        team, now = self.workspace.team_id, self.store.control.now()
        secret = secrets.token_urlsafe(18)
        made = (team, channel.channel_id, self.person.user_id, message_ts, thread_ts, RESPONSE_USES, now + RESPONSE_S)
        self.store.interactions.add_response_url(ResponseUrl(secret, *made), now)
        return f"{self.base}/sandbox/slack/actions/{team}/{secret}"

    @property
    def heard_in(self) -> Workspace:
        """The workspace with the bot's ids as the installation has them. Raises ConflictError where the app is not installed."""
        return self._audience().workspace

    def _audience(self) -> Audience:
        found = audience(self.store, self.workspace)
        if found is None:
            raise ConflictError("the app is not installed in this workspace")
        return found

    def common(self, kind: str) -> Payload:
        """Return what every payload of interactivity has. Raises ConflictError where the app is not installed."""
        w, installation = self.workspace, self._audience().installation
        grid = self.store.workspaces.enterprise(w.enterprise_id)
        name = self.person.name.lower().replace(" ", ".")
        return {
            "type": kind,
            "team": {"id": w.team_id, "domain": w.slug},
            "user": {"id": self.person.user_id, "username": name, "name": name, "team_id": w.team_id},
            "api_app_id": w.app_id,
            # Slack's deprecated verification token; the signature replaced it.
            "token": "sandbox",
            "enterprise": {"id": grid.enterprise_id, "name": grid.name} if grid else None,
            "is_enterprise_install": installation.org_wide,
        }

    async def deliver(self, payload: Payload) -> FormAnswer:
        """Send a payload of interactivity; return what the app answered.

        Raises ConflictError in the words that Slack shows where the app did not answer with 200 in time.
        """
        answer = await self.sender.deliver_form(INTERACTIVITY, {"payload": json.dumps(payload)})
        if answer.status != 200:
            raise ConflictError("the app did not respond")
        return answer


def message_place(workspace: Workspace, channel: Channel, message: Message | Ephemeral) -> Payload:
    """Return where an action happened: the message, its channel, and how both are called."""
    ephemeral = isinstance(message, Ephemeral)
    container = {"type": "message", "message_ts": message.ts, "channel_id": channel.channel_id, "is_ephemeral": ephemeral}
    if message.thread_ts:
        container["thread_ts"] = message.thread_ts
    name = "directmessage" if channel.kind == "im" else channel.name
    place: Payload = {"container": container, "channel": {"id": channel.channel_id, "name": name}, "state": {"values": {}}}
    # Slack leaves the content of an ephemeral message out.
    return place if isinstance(message, Ephemeral) else {**place, "message": message_shape(workspace, message)}


def view_place(workspace: Workspace, view: View, values: Payload) -> Payload:
    """Return where an action happened: a dialog or the Home tab, with what is filled in there."""
    container = {"type": "view", "view_id": view.view_id}
    return {"container": container, "view": view_shape(workspace, view, values)}
