"""What a person can press under a message: buttons of an action, and the two that rate an answer. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from konstruct.channels.button_names import ACT, RATE, rating_value
from konstruct.channels.port import Post
from konstruct.conversations.part import Button

LABEL_MAX = 75
VALUE_MAX = 2000

Block = dict[str, Any]


def below(post: Post) -> list[Block]:
    """Return the blocks that stand below the words of a part."""
    found = [buttons(post.buttons)] if post.buttons else []
    return [*found, feedback(post.delivery_id)] if post.feedback else found


def feedback(delivery_id: UUID) -> Block:
    """Return the block that asks whether the answer helped, which `delivery_id` shows."""
    return {
        "type": "context_actions",
        "elements": [
            {
                "type": "feedback_buttons",
                "action_id": RATE,
                "positive_button": _rating("Helpful", rating_value(True, delivery_id), "Say that this answer helped"),
                "negative_button": _rating("Not helpful", rating_value(False, delivery_id), "Say that this answer did not help"),
            }
        ],
    }


def buttons(pressable: Iterable[Button]) -> Block:
    """Return the block of some buttons, in their order."""
    return {"type": "actions", "elements": [_button(number, each) for number, each in enumerate(pressable)]}


def _rating(label: str, value: str, spoken: str) -> dict[str, Any]:
    return {"text": _plain(label), "value": value, "accessibility_label": spoken}


def _button(number: int, button: Button) -> dict[str, Any]:
    style = {"style": button.style} if button.style in ("primary", "danger") else {}
    shown = _plain(button.label[:LABEL_MAX])
    return {"type": "button", "action_id": f"{ACT}_{number}", "text": shown, "value": button.id[:VALUE_MAX], **style}


def _plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text, "emoji": False}
