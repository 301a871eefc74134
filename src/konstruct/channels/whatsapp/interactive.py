"""A text with choices below it: as reply buttons, as a list that opens, or as numbered words. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from konstruct.channels import choices
from konstruct.channels.cutting import fragments, width
from konstruct.channels.port import Capabilities
from konstruct.channels.whatsapp import wording
from konstruct.channels.whatsapp.inline import Run
from konstruct.conversations.part import Button, in_words

BODY_MAX = 1024
"""Characters of a text with choices (Meta, "interactive reply buttons messages")."""
BUTTONS_MAX, BUTTON_LABEL_MAX = 3, 20
ROWS_MAX, ROW_TITLE_MAX, ROW_DESCRIPTION_MAX = 10, 24, 72
_ID_MAX = 200
OPENER = "Choose"


def content(text: str, buttons: Sequence[Button], caps: Capabilities) -> dict[str, Any]:
    """Return the part of a message's body that holds `text` with `buttons`, in the way that Meta takes them."""
    way = choices.shown_as(caps, text, buttons) if _apart(buttons) else None
    if way == "buttons":
        shown = [{"type": "reply", "reply": {"id": button.id, "title": button.label}} for button in buttons]
        return _interactive("button", text, {"buttons": shown})
    if way == "list":
        return _interactive("list", text, {"button": OPENER, "sections": [{"rows": [_row(button) for button in buttons]}]})
    if buttons:
        text = in_words(text, [Button(each.id, wording.line([Run(each.label)])) for each in buttons])
    return {"type": "text", "text": {"body": text, "preview_url": False}}


def _interactive(kind: str, text: str, action: dict[str, Any]) -> dict[str, Any]:
    return {"type": "interactive", "interactive": {"type": kind, "body": {"text": text}, "action": action}}


def _row(button: Button) -> dict[str, str]:
    """Return a row; a label that is too long for its title stands whole in the description."""
    if width(button.label) <= ROW_TITLE_MAX:
        return {"id": button.id, "title": button.label}
    title = next(fragments(button.label, ROW_TITLE_MAX - 1, keep_spaces=False))
    return {"id": button.id, "title": f"{title}…", "description": button.label}


def _apart(buttons: Sequence[Button]) -> bool:
    """Whether Meta can tell them apart: by id and by title, and neither empty nor too long."""
    ids, labels = [button.id for button in buttons], [button.label.strip() for button in buttons]
    return (
        all(0 < len(each) <= _ID_MAX for each in ids)
        and all(labels)
        and len(set(ids)) == len(ids)
        and len(set(labels)) == len(labels)
    )
