"""Block Kit for the tests: short ways to write what an app sends."""

from __future__ import annotations

import json
from typing import Any


def plain(text: str) -> dict[str, str]:
    return {"type": "plain_text", "text": text}


def mrkdwn(text: str) -> dict[str, str]:
    return {"type": "mrkdwn", "text": text}


def option(value: str) -> dict[str, Any]:
    return {"text": plain(value.title()), "value": value}


def button(action_id: str, value: str = "", **more: Any) -> dict[str, Any]:
    return {"type": "button", "action_id": action_id, "text": plain(action_id.title()), "value": value, **more}


def actions(*elements: dict[str, Any], block_id: str = "acts") -> dict[str, Any]:
    return {"type": "actions", "block_id": block_id, "elements": list(elements)}


def feedback(action_id: str = "rate") -> dict[str, Any]:
    up = {"text": plain("Good"), "value": "good.1", "accessibility_label": "This helped"}
    down = {"text": plain("Bad"), "value": "bad.1", "accessibility_label": "This did not help"}
    element = {"type": "feedback_buttons", "action_id": action_id, "positive_button": up, "negative_button": down}
    return {"type": "context_actions", "block_id": "rating", "elements": [element]}


def field(block_id: str, element: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "input", "block_id": block_id, "label": plain(block_id.title()), "element": element, **more}


def modal(*blocks: dict[str, Any], **more: Any) -> dict[str, Any]:
    frame = {"type": "modal", "title": plain("A dialog"), "submit": plain("Save")}
    return {**frame, "blocks": list(blocks) or [{"type": "divider"}], **more}


TEXT = {"type": "plain_text_input", "action_id": "t", "max_length": 20}
CHOICE = {"type": "static_select", "action_id": "s", "options": [option("red"), option("blue")]}
FORM = modal(
    field("words", TEXT),
    field("colour", CHOICE),
    field("when", {"type": "radio_buttons", "action_id": "r", "options": [option("now"), option("later")]}),
    field("also", {"type": "checkboxes", "action_id": "c", "options": [option("anna"), option("tom")]}, optional=True),
    field("day", {"type": "datepicker", "action_id": "d"}, optional=True),
)
FILLED = {"f0": "Hello\r\nthere", "f1": "blue", "f2": "now", "f3": "tom", "f4": ""}


def press(block_id: str, action_id: str, *value: str) -> str:
    return json.dumps([block_id, action_id, *value])
