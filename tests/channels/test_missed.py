"""What the log of `web` says of refused posts: each is found once, whatever else stands there."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from konstruct.channels.missed import EVENT, refused_in

POST = {"event": EVENT, "channel": "slack", "account_id": "T1", "channel_id": "C1", "post_id": "1.0",
        "sent_at": "2026-11-25T10:00:00+00:00", "addressed": False}  # fmt: skip


def test_a_post_is_found_once_and_a_mention_wins() -> None:
    lines = [json.dumps(POST), json.dumps({**POST, "addressed": True}), json.dumps(POST), json.dumps({**POST, "post_id": "0.5"})]
    posts = refused_in(lines)
    assert [(post.post_id, post.addressed) for post in posts] == [("0.5", False), ("1.0", True)]
    assert posts[1].at == datetime(2026, 11, 25, 10, tzinfo=UTC)


def test_other_lines_are_passed_over() -> None:
    lines = [
        "",
        "Traceback (most recent call last):",
        json.dumps({"event": "webhook_refused", "channel": "slack"}),
        EVENT,
        f'"{EVENT}"',
        f'["{EVENT}"]',
        json.dumps({"event": EVENT, "channel": "slack", "error": "TimeoutError"}),
        json.dumps({**POST, "sent_at": "yesterday"}),
        json.dumps({**POST, "sent_at": 5}),
        json.dumps({name: value for name, value in POST.items() if name != "channel_id"}),
        json.dumps({"event": "other", "note": EVENT, **{k: v for k, v in POST.items() if k != "event"}}),
    ]
    assert refused_in(lines) == []
