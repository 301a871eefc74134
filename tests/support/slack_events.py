"""Signed Slack deliveries, written from Slack's documentation and not from our parser."""

from __future__ import annotations

import hashlib
import hmac
import itertools
import json
import time
from dataclasses import dataclass
from typing import Any

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Team:
    """One workspace, as events name it."""

    team_id: str
    app_id: str
    bot_user_id: str
    token: str


def sign(body: bytes, secret: str, now: int | None = None) -> dict[str, str]:
    """Return the headers of a delivery of `body`."""
    stamp = str(int(time.time()) if now is None else now)
    digest = hmac.new(secret.encode(), b"v0:" + stamp.encode() + b":" + body, hashlib.sha256).hexdigest()
    return {
        "X-Slack-Request-Timestamp": stamp,
        "X-Slack-Signature": f"v0={digest}",
        "Content-Type": "application/json",
    }


def new_ts() -> str:
    """Return a message timestamp later than every earlier one."""
    micros = time.time_ns() // 1000 + next(_numbers)
    return f"{micros // 1_000_000}.{micros % 1_000_000:06d}"


def message(team: Team, channel: str, user: str, text: str, *, kind: str = "message", **changes: Any) -> dict[str, Any]:
    """Return the envelope of a message; `kind` may be app_mention, `changes` go into the event."""
    event = {
        "type": kind,
        "user": user,
        "ts": new_ts(),
        "text": text,
        "team": team.team_id,
        "channel": channel,
        **({"channel_type": "im" if channel.startswith("D") else "channel"} if kind == "message" else {}),
        **changes,
    }
    event.setdefault("event_ts", event["ts"])
    return envelope(team, event)


def envelope(team: Team, event: dict[str, Any]) -> dict[str, Any]:
    """Wrap an event as Slack delivers it, under a new event id."""
    bot = {
        "enterprise_id": None,
        "team_id": team.team_id,
        "user_id": team.bot_user_id,
        "is_bot": True,
        "is_enterprise_install": False,
    }
    return {
        "token": "deprecated",
        "team_id": team.team_id,
        "context_team_id": team.team_id,
        "api_app_id": team.app_id,
        "event": event,
        "type": "event_callback",
        "event_id": f"Ev{time.time_ns():x}{next(_numbers)}",
        "event_time": int(time.time()),
        "authorizations": [bot],
        "is_ext_shared_channel": False,
    }


def mention_pair(team: Team, channel: str, user: str, text: str, **changes: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the two deliveries of one mention in a channel: `message` and `app_mention`."""
    first = message(team, channel, user, f"<@{team.bot_user_id}> {text}", client_msg_id=f"c{time.time_ns():x}", **changes)
    event = {key: value for key, value in first["event"].items() if key != "channel_type"}
    return first, envelope(team, {**event, "type": "app_mention"})


def encode(delivery: dict[str, Any]) -> bytes:
    """Return the delivery's bytes."""
    return json.dumps(delivery).encode()


def echo(team: Team, post: dict[str, Any]) -> dict[str, Any]:
    """Return the delivery in which Slack shows our bot its own `post`, as the fake Slack keeps it."""
    event: dict[str, Any] = {
        "type": "message",
        "subtype": "bot_message",
        "text": post["text"],
        "ts": post["ts"],
        "event_ts": post["ts"],
        "bot_id": post["bot_id"],
        "app_id": post["app_id"],
        "channel": post["channel"],
        "channel_type": "im" if post["channel"].startswith("D") else "channel",
        **{name: post[name] for name in ("thread_ts", "metadata") if name in post},
    }
    return envelope(team, event)


def metadata_echo(team: Team, post: dict[str, Any]) -> dict[str, Any]:
    """Return the `message_metadata_posted` delivery of our bot's own `post`."""
    event = {
        "type": "message_metadata_posted",
        "app_id": post["app_id"],
        "bot_id": post["bot_id"],
        "user_id": team.bot_user_id,
        "team_id": team.team_id,
        "channel_id": post["channel"],
        "metadata": post["metadata"],
        "message_ts": post["ts"],
        "event_ts": post["ts"],
    }
    return envelope(team, event)


def inner(delivery: dict[str, Any]) -> dict[str, Any]:
    """Return the message of a delivery as Slack shows it within an edit or a deletion."""
    return {name: value for name, value in delivery["event"].items() if name not in ("channel", "channel_type", "event_ts")}


def changed(team: Team, delivery: dict[str, Any], text: str | None = None, **changes: Any) -> dict[str, Any]:
    """Return the edit of what `delivery` brought: its text, or whatever `changes` replace in the message."""
    before, at = inner(delivery), new_ts()
    now = {**before, **({} if text is None else {"text": text}), "type": "message", **changes}
    if text is not None:
        now.setdefault("edited", {"user": before.get("user"), "ts": f"{at.partition('.')[0]}.000000"})
    return envelope(team, _about(delivery, "message_changed", at) | {"message": now, "previous_message": before})


def deleted(team: Team, delivery: dict[str, Any]) -> dict[str, Any]:
    """Return the deletion of what `delivery` brought."""
    before, at = inner(delivery), new_ts()
    event = _about(delivery, "message_deleted", at) | {"deleted_ts": before["ts"], "previous_message": before}
    return envelope(team, event)


def tombstone(team: Team, delivery: dict[str, Any]) -> dict[str, Any]:
    """Return the deletion of a post that has answers: it stays in its place, without its words."""
    before, at = inner(delivery), new_ts()
    kept = {"type": "message", "subtype": "tombstone", "text": "This message was deleted.", "user": "USLACKBOT"}
    now = kept | {"hidden": True, "ts": before["ts"], "thread_ts": before["ts"], "reply_count": 1}
    return envelope(team, _about(delivery, "message_changed", at) | {"message": now, "previous_message": before})


def _about(delivery: dict[str, Any], subtype: str, at: str) -> dict[str, Any]:
    event = delivery["event"]
    kind = event.get("channel_type") or ("im" if event["channel"].startswith("D") else "channel")
    outer = {"type": "message", "subtype": subtype, "hidden": True, "ts": at, "event_ts": at}
    return outer | {"channel": event["channel"], "channel_type": kind}
