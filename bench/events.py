"""Signed Slack deliveries, made before a run: whole HTTP requests, so that the generator only writes bytes."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Sequence

PATH = "/webhooks/slack/events"
_AGENT = "Slackbot 1.0 (+https://api.slack.com/robots)"
_TEXT = "Hello, could you tell me whether my order has left already, and when I may expect it? Thanks a lot!"


def body(team_id: str, app_id: str, bot_user_id: str, channel: str, mark: str, micros: int) -> bytes:
    """Return the body of one direct message; `mark` makes its ids unique, `micros` is its time."""
    ts = f"{micros // 1_000_000}.{micros % 1_000_000:06d}"
    event = {
        "type": "message",
        "user": f"U{channel[1:]}",
        "ts": ts,
        "client_msg_id": f"c-{mark}",
        "text": _TEXT,
        "team": team_id,
        "blocks": [
            {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": [{"type": "text", "text": _TEXT}]}]}
        ],
        "channel": channel,
        "event_ts": ts,
        "channel_type": "im",
    }
    bot = {"enterprise_id": None, "team_id": team_id, "user_id": bot_user_id, "is_bot": True, "is_enterprise_install": False}
    delivery = {
        "token": "deprecated",
        "team_id": team_id,
        "context_team_id": team_id,
        "context_enterprise_id": None,
        "api_app_id": app_id,
        "event": event,
        "type": "event_callback",
        "event_id": f"Ev{mark}",
        "event_time": micros // 1_000_000,
        "authorizations": [bot],
        "is_ext_shared_channel": False,
        "event_context": f"4-{mark}",
    }
    return json.dumps(delivery).encode()


def sign(payload: bytes, secret: str) -> dict[str, str]:
    """Return Slack's headers for `payload`, signed now."""
    stamp = str(int(time.time()))
    digest = hmac.new(secret.encode(), b"v0:" + stamp.encode() + b":" + payload, hashlib.sha256).hexdigest()
    signed = {"X-Slack-Signature": f"v0={digest}", "X-Slack-Request-Timestamp": stamp}
    return {
        "User-Agent": _AGENT,
        "Accept-Encoding": "gzip,deflate",
        "Accept": "*/*",
        **signed,
        "Content-Type": "application/json",
    }


def request(payload: bytes, secret: str) -> bytes:
    """Return the HTTP request that delivers `payload`."""
    fields = {"Host": "127.0.0.1", **sign(payload, secret), "Content-Length": str(len(payload))}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"POST {PATH} HTTP/1.1\r\n{head}\r\n".encode() + payload


def requests(teams: Sequence[tuple[str, str, str]], secret: str, run: str, count: int, channels: int) -> list[bytes]:
    """Return `count` requests, spread over `teams` (team, app, bot) and over `channels` direct messages in each."""
    start = time.time_ns() // 1000
    made = []
    for number in range(count):
        team = number % len(teams)
        # A stride prime to most counts: neighbours in time are neighbours in no conversation.
        channel = f"D{team:03}{(number // len(teams) * 7919) % channels:05}"
        made.append(request(body(*teams[team], channel, f"{run}{number:07}", start + number), secret))
    return made
