"""The part of the fake Slack that people press, fill in and look at: controls, dialogs, pages, notes for one person.

As strict as the real one about ids, lengths, triggers (once, within three seconds) and response addresses (five times).
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

TRIGGER_S = 3.0
RESPONSES_MAX = 5
Block = dict[str, Any]
Answer = dict[str, Any]


def is_control(block: Block) -> bool:
    """Whether a block holds buttons, and no words."""
    return block.get("type") in ("actions", "context_actions")


def wrong_control(block: Block) -> str | None:
    """What Slack would find wrong with a block of buttons; None if nothing."""
    elements = block.get("elements")
    if not isinstance(elements, list) or not 1 <= len(elements) <= (25 if block["type"] == "actions" else 5):
        return "elements"
    names = [element.get("action_id") for element in elements]
    if len(set(names)) != len(names) or not all(isinstance(name, str) and 1 <= len(name) <= 255 for name in names):
        return "action_id"
    for element in elements:
        parts = [element] if element["type"] == "button" else [element.get("positive_button"), element.get("negative_button")]
        if block["type"] == "actions" and element["type"] != "button":
            return "type"
        if block["type"] == "context_actions" and element["type"] != "feedback_buttons":
            return "type"
        for part in parts:
            if not isinstance(part, dict) or part["text"]["type"] != "plain_text" or not 1 <= len(part["text"]["text"]) <= 75:
                return "text"
            if not 1 <= len(part["value"]) <= 2000 or part.get("style", "danger") not in ("primary", "danger"):
                return "value"
    return None


@dataclass
class Interactive:
    """`notes` holds what one person alone was shown; `dialogs` and `homes` what was opened and published; by team and person."""

    now: Callable[[], float] = time.monotonic
    """The clock of triggers: a test may put it on."""
    notes: list[dict[str, Any]] = field(default_factory=list)
    dialogs: list[dict[str, Any]] = field(default_factory=list)
    homes: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    updates: list[dict[str, Any]] = field(default_factory=list)
    _triggers: dict[str, tuple[str, float]] = field(default_factory=dict)
    _responses: dict[str, int] = field(default_factory=dict)
    _count: int = 0

    def trigger(self, team_id: str) -> str:
        """Return a fresh trigger, as a payload carries it."""
        self._count += 1
        name = f"{self._count}.{team_id}.{'f' * 24}"
        self._triggers[name] = (team_id, self.now())
        return name

    def response_url(self, api_url: str) -> str:
        """Return a fresh address for answers to one person."""
        self._count += 1
        self._responses[str(self._count)] = RESPONSES_MAX
        return f"{api_url.removesuffix('/api/')}/actions/{self._count}"

    async def respond(self, request: web.Request) -> web.Response:
        """Take what is posted to such an address."""
        name = request.match_info["name"]
        if self._responses.get(name, 0) < 1:
            return web.Response(status=404, text="used_url")
        self._responses[name] -= 1
        assert "Authorization" not in request.headers, "a token went to a response address"
        body = json.loads(await request.text())
        if wrong := _wrong_content(body):
            return web.Response(status=400, text=wrong)
        self.notes.append({**body, "via": f"/actions/{name}"})
        return web.Response(text="ok")

    def answer(
        self, method: str, team_id: str, asked: dict[str, Any], channels: set[str], posts: list[dict[str, Any]]
    ) -> Answer | None:
        """Answer one of the methods of this part; None for any other."""
        if method == "chat.postEphemeral":
            return self._ephemeral(team_id, asked, channels)
        if method == "chat.update":
            return self._update(team_id, asked, posts)
        if method == "views.open":
            return self._open(team_id, asked)
        if method == "views.publish":
            return self._publish(team_id, asked)
        return None

    def _ephemeral(self, team_id: str, asked: dict[str, Any], channels: set[str]) -> Answer:
        if asked.get("channel") not in channels:
            return {"ok": False, "error": "channel_not_found"}
        if not asked.get("user"):
            return {"ok": False, "error": "invalid_arguments"}
        if wrong := _wrong_content(asked):
            return {"ok": False, "error": wrong}
        self.notes.append({**asked, "team": team_id, "via": "chat.postEphemeral"})
        return {"ok": True, "message_ts": "1790000000.000100"}

    def _update(self, team_id: str, asked: dict[str, Any], posts: list[dict[str, Any]]) -> Answer:
        found = [
            post for post in posts if (post["team"], post["channel"], post["ts"]) == (team_id, asked["channel"], asked["ts"])
        ]
        if not found:
            return {"ok": False, "error": "message_not_found"}
        if wrong := _wrong_content(asked):
            return {"ok": False, "error": wrong}
        found[0].update(divided(asked))
        self.updates.append(asked)
        return {"ok": True, "channel": asked["channel"], "ts": asked["ts"], "text": asked.get("text", "")}

    def _open(self, team_id: str, asked: dict[str, Any]) -> Answer:
        issued = self._triggers.pop(asked.get("trigger_id", ""), None)
        if issued is None:
            return {"ok": False, "error": "invalid_trigger_id"}
        if issued[0] != team_id or self.now() - issued[1] > TRIGGER_S:
            return {"ok": False, "error": "expired_trigger_id"}
        view = asked["view"]
        frame = all(view[name]["type"] == "plain_text" and len(view[name]["text"]) <= 24 for name in ("title", "submit", "close"))
        if view["type"] != "modal" or not frame or len(view["private_metadata"]) > 3000 or not view["blocks"]:
            return {"ok": False, "error": "invalid_arguments"}
        self.dialogs.append({**view, "team": team_id})
        return {"ok": True, "view": {"id": f"V{len(self.dialogs)}", "hash": "1.a", **view}}

    def _publish(self, team_id: str, asked: dict[str, Any]) -> Answer:
        view, person = asked["view"], asked.get("user_id")
        if not person or view["type"] != "home" or not 1 <= len(view["blocks"]) <= 100:
            return {"ok": False, "error": "invalid_arguments"}
        ids = [block["block_id"] for block in view["blocks"] if "block_id" in block]
        if len(set(ids)) != len(ids) or any(len(each) > 255 for each in ids) or any(map(_wrong_home_block, view["blocks"])):
            return {"ok": False, "error": "invalid_blocks"}
        self.homes[(team_id, person)] = view
        return {"ok": True, "view": {"id": "VHOME", **view}}


def divided(body: dict[str, Any]) -> dict[str, Any]:
    """Return a message's content with its words in `blocks` and its buttons in `controls`."""
    blocks = body.get("blocks", [])
    words, controls = [each for each in blocks if not is_control(each)], [each for each in blocks if is_control(each)]
    return {**body, "blocks": words, "controls": controls}


def pressables(blocks: list[Block]) -> dict[str, dict[str, Any]]:
    """Return the buttons in blocks by what they say, each as its `actions` entry would name it."""
    found = {}
    for block in filter(is_control, blocks):
        for element in block["elements"]:
            for part in [element] if element["type"] == "button" else [element["positive_button"], element["negative_button"]]:
                found[part["text"]["text"]] = {
                    "type": element["type"],
                    "action_id": element["action_id"],
                    "block_id": block.get("block_id", "b1"),
                    "value": part["value"],
                }
    return found


def _wrong_content(body: dict[str, Any]) -> str | None:
    if not body.get("text") and not body.get("blocks"):
        return "no_text"
    for block in body.get("blocks", []):
        if is_control(block):
            if wrong_control(block):
                return "invalid_blocks"
        elif set(block) != {"type", "text"} or block["type"] != "markdown" or not block["text"] or len(block["text"]) > 12_000:
            return "invalid_blocks"
    return None


def _wrong_home_block(block: Block) -> bool:
    if block["type"] == "divider":
        return False
    if block["type"] == "header":
        return block["text"]["type"] != "plain_text" or not 1 <= len(block["text"]["text"]) <= 150
    if block["type"] == "section":
        return block["text"]["type"] != "mrkdwn" or not 1 <= len(block["text"]["text"]) <= 3000
    return not is_control(block) or wrong_control(block) is not None
