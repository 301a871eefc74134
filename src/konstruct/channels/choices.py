"""How a channel shows choices below a text: as buttons, as a list that opens, or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from konstruct.channels.port import Capabilities
from konstruct.conversations.part import Button


def shown_as(caps: Capabilities, text: str, buttons: Sequence[Button]) -> Literal["buttons", "list"] | None:
    """Return how `buttons` stand below `text`; None: neither way has room, and they have to stand in the text."""
    if not buttons or not text or (caps.choices_text_max is not None and len(text) > caps.choices_text_max):
        return None
    longest = max(len(button.label) for button in buttons)
    for way, most, label_max in (
        ("buttons", caps.buttons_max, caps.button_label_max),
        ("list", caps.list_max, caps.list_label_max),
    ):
        if len(buttons) <= most and (label_max is None or longest <= label_max):
            return "buttons" if way == "buttons" else "list"
    return None
