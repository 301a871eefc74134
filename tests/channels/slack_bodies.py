from __future__ import annotations

import json
from typing import Any

SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
BOT = {"team_id": "T1", "enterprise_id": None, "user_id": "UBOT1", "is_bot": True, "is_enterprise_install": False}


def envelope(event: object, /, **changes: Any) -> dict[str, Any]:
    """What Slack wraps around an event."""
    return {
        "token": "old",
        "type": "event_callback",
        "team_id": "T1",
        "api_app_id": "A1",
        "event_id": "Ev1",
        "event_time": 1790000000,
        "event": event,
        "authorizations": [BOT],
        **changes,
    }


def event(event: object, /, **changes: Any) -> bytes:
    """Return the body of a delivery of `event`."""
    return json.dumps(envelope(event, **changes)).encode()


def posted(**changes: Any) -> dict[str, Any]:
    """A person's message in a channel."""
    return {
        "type": "message",
        "channel": "C1",
        "channel_type": "channel",
        "user": "U1",
        "ts": "1790000000.000200",
        "text": "hello",
        **changes,
    }
