"""Slack's forms, written from Slack's documentation and not from our parser: buttons, dialogs, shortcuts, commands."""

from __future__ import annotations

import itertools
import json
import time
from typing import Any
from urllib.parse import urlencode

from tests.support.slack_events import Team

_numbers = itertools.count(1)


def new_at() -> str:
    """Return a time of Slack's, later than every earlier one."""
    micros = time.time_ns() // 1000 + next(_numbers)
    return f"{micros // 1_000_000}.{micros % 1_000_000:06d}"


def _around(team: Team, user: str, kind: str) -> dict[str, Any]:
    return {
        "type": kind,
        "user": {"id": user, "username": "somebody", "name": "somebody", "team_id": team.team_id},
        "api_app_id": team.app_id,
        "token": "deprecated",
        "team": {"id": team.team_id, "domain": "example"},
        "enterprise": None,
        "is_enterprise_install": False,
        "trigger_id": f"{next(_numbers)}.{next(_numbers)}.{'f' * 32}",
    }


def pressed(
    team: Team,
    user: str,
    element: dict[str, Any],
    post: dict[str, Any] | None = None,
    *,
    channel: str | None = None,
    **changes: Any,
) -> dict[str, Any]:
    """Return the payload of a press of `element`: under our `post`, under a note in `channel`, or on the page (neither)."""
    action = {"text": {"type": "plain_text", "text": "x"}, "action_ts": new_at(), **element}
    found = _around(team, user, "block_actions") | {"actions": [action], "state": {"values": {}}}
    if post is None and channel is None:
        view = {"id": "VHOME", "team_id": team.team_id, "type": "home", "hash": "1.a", "private_metadata": "", "callback_id": ""}
        return found | {"container": {"type": "view", "view_id": "VHOME"}, "view": view} | changes
    where = post["channel"] if post else channel
    ts = post["ts"] if post else new_at()
    thread = (post or {}).get("thread_ts")
    message = {"type": "message", "bot_id": "B1", "app_id": team.app_id, "ts": ts, "text": "x", "thread_ts": thread}
    container = {"type": "message", "message_ts": ts, "channel_id": where, "is_ephemeral": post is None}
    place = {"id": where, "name": "directmessage" if str(where).startswith("D") else "somewhere"}
    return found | {"container": container, "channel": place, "message": message} | changes


def submitted(team: Team, user: str, view: dict[str, Any], values: dict[str, str], **changes: Any) -> dict[str, Any]:
    """Return the payload of a dialog that was sent; `values` by the names of its fields."""
    state = {name: {name: {"type": "plain_text_input", "value": value}} for name, value in values.items()}
    shown = {name: view[name] for name in ("type", "callback_id", "private_metadata", "blocks")}
    whole = {"id": f"V{next(_numbers)}", "team_id": team.team_id, "hash": f"{next(_numbers)}.ab", "state": {"values": state}}
    return _around(team, user, "view_submission") | {"view": whole | shown, "response_urls": []} | changes


def shortcut(team: Team, user: str, name: str, channel: str, ts: str, thread: str | None = None) -> dict[str, Any]:
    """Return the payload of a shortcut that was chosen from a message's menu."""
    message = {"type": "message", "user": user, "ts": ts, "text": "x", **({"thread_ts": thread} if thread else {})}
    return _around(team, user, "message_action") | {
        "callback_id": name,
        "action_ts": new_at(),
        "message_ts": ts,
        "message": message,
        "channel": {"id": channel, "name": "somewhere"},
    }


def commanded(team: Team, user: str, channel: str, text: str, **changes: str) -> dict[str, str]:
    """Return the fields of a command."""
    return {
        "token": "deprecated",
        "team_id": team.team_id,
        "team_domain": "example",
        "channel_id": channel,
        "channel_name": "directmessage" if channel.startswith("D") else "somewhere",
        "user_id": user,
        "user_name": "somebody",
        "command": "/konstruct",
        "text": text,
        "api_app_id": team.app_id,
        "is_enterprise_install": "false",
        "trigger_id": f"{next(_numbers)}.{next(_numbers)}.{'e' * 32}",
        **changes,
    }


def encode(form: dict[str, Any]) -> bytes:
    """Return the body of a form: of a command's fields, or of an interaction's payload."""
    return urlencode(form if "command" in form else {"payload": json.dumps(form)}).encode()
