"""The Slack app as it must be set up: the one source of the scopes that are asked for and of the app's manifest.

Each scope says what it is for. A scope that nothing needs is not asked for: whoever installs the app reads the list.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from konstruct.channels.slack.events import DELIVERY_EVENT

EVENTS_PATH = "/webhooks/slack/events"
INTERACTIVITY_PATH = "/webhooks/slack/interactivity"
COMMANDS_PATH = "/webhooks/slack/commands"
REDIRECT_PATH = "/oauth/slack/callback"
COMMAND = "/konstruct"
SHORTCUT = "konstruct_human"
"""The `callback_id` of the entry in a message's menu."""
NAME_MAX = 35
"""Slack's limit for an app's name (docs: app manifest reference)."""


@dataclass(frozen=True, slots=True)
class Need:
    """Why a scope is asked for: in plain words, and by which methods and events."""

    purpose: str
    methods: tuple[str, ...] = ()
    events: tuple[str, ...] = ()
    feature: str = ""
    """A part of the manifest that Slack refuses without it."""


_READS_THREADS = ("conversations.history", "conversations.replies")
_PLACES = ("conversations.info",)
NEEDS: Mapping[str, Need] = {
    "app_mentions:read": Need("to hear when it is mentioned", events=("app_mention",)),
    "assistant:write": Need(
        "to suggest questions and to name threads",
        methods=("assistant.threads.setStatus", "assistant.threads.setSuggestedPrompts", "assistant.threads.setTitle"),
        events=("app_context_changed",),
        feature="agent_view",
    ),
    "channels:history": Need("to follow threads in channels", methods=_READS_THREADS, events=("message.channels",)),
    "channels:read": Need("to notice when it is added to a channel", methods=_PLACES, events=("member_joined_channel",)),
    "chat:write": Need(
        "to answer",
        methods=(
            "assistant.threads.setStatus",
            "chat.appendStream",
            "chat.delete",
            "chat.postEphemeral",
            "chat.postMessage",
            "chat.startStream",
            "chat.stopStream",
            "chat.update",
        ),
    ),
    "commands": Need("to take commands", feature="slash_commands"),
    "files:read": Need("to read files that people send it", methods=("files.info",)),
    "files:write": Need("to send long answers as a file", methods=("files.completeUploadExternal", "files.getUploadURLExternal")),
    "groups:history": Need("to follow threads in private channels", methods=_READS_THREADS, events=("message.groups",)),
    "groups:read": Need("to notice when it is added to a private channel", methods=_PLACES, events=("member_joined_channel",)),
    "im:history": Need("to read what is written to it", methods=_READS_THREADS, events=("message.im",)),
    "metadata.message:read": Need("to recognise its own answers", events=("message_metadata_posted",)),
    "mpim:history": Need("to follow group messages", methods=_READS_THREADS, events=("message.mpim",)),
    "users:read": Need("to know people's names", methods=("users.info",)),
}
"""What is asked for, in the order in which it is asked."""

FREE_METHODS = frozenset(
    {
        "auth.revoke",
        "auth.test",
        "oauth.v2.access",
        "views.open",
        "views.publish",
        "views.push",
        "views.update",
    }
)
"""Methods that need no scope (docs: each method's page)."""

BOT_EVENTS = (
    "app_context_changed",
    "app_home_opened",
    "app_mention",
    "app_uninstalled",
    "member_joined_channel",
    "message.channels",
    "message.groups",
    "message.im",
    "message.mpim",
    "message_metadata_posted",
    "tokens_revoked",
)

TEAM_METHODS = frozenset(
    {
        "bots.info",
        "chat.scheduledMessages.list",
        "conversations.create",
        "conversations.list",
        "dnd.info",
        "dnd.teamInfo",
        "files.list",
        "reactions.list",
        "team.info",
        "usergroups.list",
        "usergroups.users.list",
        "users.conversations",
        "users.list",
    }
)
"""Methods that an organisation's token must tell the workspace (docs: changes for organisation-ready apps)."""


def manifest(public_url: str, *, name: str = "Konstruct", by_click: bool = True) -> dict[str, Any]:
    """Return the manifest of an app whose events go to `public_url`.

    `by_click` False is for a business's own app, whose token is entered by hand: it must not expire, as nobody could renew
    it, and there is no way back from a page of consent.
    """
    base = public_url.rstrip("/")
    oauth: dict[str, Any] = {"scopes": {"bot": list(NEEDS)}}
    if by_click:
        oauth = {"redirect_urls": [base + REDIRECT_PATH], **oauth}
    return {
        "_metadata": {"major_version": 2, "minor_version": 1},
        "display_information": {
            "name": name[:NAME_MAX],
            "description": "An AI employee that answers in messages, mentions and threads",
        },
        "features": _features(base, name[:NAME_MAX]),
        "oauth_config": oauth,
        "settings": {
            "event_subscriptions": {
                "request_url": base + EVENTS_PATH,
                "bot_events": list(BOT_EVENTS),
                # Our own messages come back with the delivery's id, even where the app hears no other message.
                "metadata_subscriptions": [{"app_id": "*", "event_type": DELIVERY_EVENT}],
            },
            "interactivity": {"is_enabled": True, "request_url": base + INTERACTIVITY_PATH},
            "org_deploy_enabled": by_click,
            "socket_mode_enabled": False,
            "token_rotation_enabled": by_click,
        },
    }


def _features(base: str, name: str) -> dict[str, Any]:
    return {
        "app_home": {"home_tab_enabled": True, "messages_tab_enabled": True, "messages_tab_read_only_enabled": False},
        "agent_view": {
            "agent_description": "Answers questions from what your business has taught it, and says so when it does not know.",
            "suggested_prompts": [
                {"title": "What can you do?", "message": "What can you help me with?"},
                {"title": "What do you know?", "message": "Which of our documents do you know?"},
                {"title": "Talk to a person", "message": "I would like to talk to a person."},
            ],
        },
        "bot_user": {"display_name": name, "always_online": True},
        "shortcuts": [
            {
                "name": "Ask a person",
                "type": "message",
                "callback_id": SHORTCUT,
                "description": "Let a person of the business answer this",
            }
        ],
        "slash_commands": [
            {
                "command": COMMAND,
                "url": base + COMMANDS_PATH,
                "description": "Talk about the employee: help, pause it, be forgotten",
                "usage_hint": "help | pause | resume | forget me | human",
                "should_escape": False,
            }
        ],
    }


def as_json(document: Mapping[str, Any]) -> str:
    """Return the manifest as Slack's form takes it, in JSON."""
    return json.dumps(document, indent=2, ensure_ascii=False)


def as_yaml(document: Mapping[str, Any]) -> str:
    """Return the manifest in YAML. Strings stand as in JSON, which YAML reads too: nothing in them can mean anything else."""
    return "\n".join(_lines(document))


def _lines(value: Mapping[str, Any], indent: str = "") -> list[str]:
    found = []
    for name, held in value.items():
        if isinstance(held, Mapping):
            found += [f"{indent}{name}:", *_lines(held, indent + "  ")]
        elif isinstance(held, list):
            found += [f"{indent}{name}:", *_items(held, indent + "  ")]
        else:
            found.append(f"{indent}{name}: {json.dumps(held, ensure_ascii=False)}")
    return found


def _items(values: list[Any], indent: str) -> list[str]:
    found = []
    for each in values:
        if isinstance(each, Mapping):
            first, *others = _lines(each, indent + "  ")
            found += [f"{indent}- {first.strip()}", *others]
        else:
            found.append(f"{indent}- {json.dumps(each, ensure_ascii=False)}")
    return found
