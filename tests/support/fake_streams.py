"""The fake Slack's streams: opened, appended to, stopped, dead after five minutes; and the edits and deletions of messages."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

LIFETIME_S = 300.0
"""A stream dies so long after its start, whatever is appended."""
PAYLOAD_MAX = 12_000

Answer = dict[str, Any]
_ALLOWED = {
    "chat.startStream": {"channel", "thread_ts", "markdown_text", "recipient_user_id", "recipient_team_id"},
    "chat.appendStream": {"channel", "ts", "markdown_text"},
    "chat.stopStream": {"channel", "ts", "markdown_text", "metadata", "blocks"},
    "chat.update": {"channel", "ts", "text", "blocks", "metadata"},
    "chat.delete": {"channel", "ts"},
}
METHODS = frozenset(_ALLOWED)


@dataclass
class Change:
    """What a message said after a call."""

    method: str
    ts: str
    text: str


@dataclass
class FakeStreams:
    """`posts` is the fake Slack's own list. A message that grows has `streaming`; one that died has `broken`."""

    posts: list[dict[str, Any]]
    changes: list[Change] = field(default_factory=list)
    lifetime_s: float = LIFETIME_S
    _passed: float = 0.0

    def later(self, seconds: float) -> None:
        """Let so much time have passed, for streams."""
        self._passed += seconds

    def answer(self, method: str, own: dict[str, Any], channels: set[str], asked: dict[str, Any]) -> Answer:
        """Carry out a call; `own` names the message that a start would make, and whose it is."""
        if asked.get("channel") not in channels:
            return _error("channel_not_found")
        if set(asked) - _ALLOWED[method]:
            return _error("invalid_arguments")
        if _units(asked.get("markdown_text", "")) > PAYLOAD_MAX:
            return _error("msg_too_long")
        if method == "chat.startStream":
            return self._start(own, asked)
        post = self._find(own, asked)
        if post is None:
            return _error("message_not_found")
        self._age(post)
        return {
            "chat.appendStream": self._append,
            "chat.stopStream": self._stop,
            "chat.update": self._update,
            "chat.delete": self._delete,
        }[method](post, asked)

    def _start(self, own: dict[str, Any], asked: dict[str, Any]) -> Answer:
        if not asked.get("thread_ts"):
            return _error("invalid_thread_ts")
        if not asked["channel"].startswith("D"):
            if not asked.get("recipient_team_id"):
                return _error("missing_recipient_team_id")
            if not asked.get("recipient_user_id"):
                return _error("missing_recipient_user_id")
        if asked.get("recipient_user_id") == own["user"]:
            return _error("user_not_found")
        post = {
            "channel": asked["channel"],
            "thread_ts": asked["thread_ts"],
            "text": "",
            "blocks": [{"type": "markdown", "text": asked.get("markdown_text", "")}],
            "streaming": True,
            "started": self._now(),
            **own,
        }
        self.posts.append(post)
        return self._done("chat.startStream", post)

    def _append(self, post: dict[str, Any], asked: dict[str, Any]) -> Answer:
        if not post.get("streaming"):
            return _error("message_not_in_streaming_state")
        if not asked.get("markdown_text"):
            return _error("no_text")
        post["blocks"][0]["text"] += asked["markdown_text"]
        return self._done("chat.appendStream", post)

    def _stop(self, post: dict[str, Any], asked: dict[str, Any]) -> Answer:
        if not post.get("streaming"):
            return _error("message_not_in_streaming_state")
        post["blocks"][0]["text"] += asked.get("markdown_text", "")
        post["controls"] = asked.get("blocks", [])
        self._finish(post, asked)
        return self._done("chat.stopStream", post)

    def _update(self, post: dict[str, Any], asked: dict[str, Any]) -> Answer:
        if post.get("streaming"):
            return _error("streaming_state_conflict")
        texts = [block for block in asked.get("blocks", []) if block["type"] == "markdown"]
        if len(texts) != 1 or not texts[0]["text"]:
            return _error("invalid_blocks")
        if _units(texts[0]["text"]) > PAYLOAD_MAX or len(asked.get("text", "")) > 40_000:
            return _error("msg_too_long")
        post["text"], post["blocks"] = asked.get("text", ""), [dict(texts[0])]
        post["controls"] = [block for block in asked["blocks"] if block["type"] != "markdown"]
        self._finish(post, asked)
        return self._done("chat.update", post)

    def _delete(self, post: dict[str, Any], _asked: dict[str, Any]) -> Answer:
        if post.get("streaming"):
            return _error("cant_delete_message")
        self.posts.remove(post)
        self.changes.append(Change("chat.delete", post["ts"], ""))
        return {"ok": True, "channel": post["channel"], "ts": post["ts"]}

    def _finish(self, post: dict[str, Any], asked: dict[str, Any]) -> None:
        post["streaming"] = post["broken"] = False
        if "metadata" in asked:
            post["metadata"] = asked["metadata"]

    def _find(self, own: dict[str, Any], asked: dict[str, Any]) -> dict[str, Any] | None:
        names = (own["team"], asked["channel"], asked.get("ts"), own["app_id"])
        return next((p for p in self.posts if (p["team"], p["channel"], p["ts"], p["app_id"]) == names), None)

    def _age(self, post: dict[str, Any]) -> None:
        if post.get("streaming") and self._now() - post["started"] >= self.lifetime_s:
            post["streaming"], post["broken"] = False, True

    def _done(self, method: str, post: dict[str, Any]) -> Answer:
        self.changes.append(Change(method, post["ts"], post["blocks"][0]["text"]))
        return {"ok": True, "channel": post["channel"], "ts": post["ts"]}

    def _now(self) -> float:
        return time.monotonic() + self._passed


def _error(code: str) -> Answer:
    return {"ok": False, "error": code}


def _units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2
