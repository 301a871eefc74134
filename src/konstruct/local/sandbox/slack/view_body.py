"""What an app may send as a view: a dialog or a Home tab."""

from __future__ import annotations

import json
from typing import Any, Literal

from konstruct.local.sandbox.slack.blocks import check_blocks
from konstruct.local.sandbox.slack.errors import SlackRefusal
from konstruct.local.sandbox.slack.kit import PLAIN, check_string, check_text

VIEW_MAX = 250 * 1024
"""Bytes of a view as JSON."""
METADATA_MAX = 3_000
TITLE_MAX = 24
ID_MAX = 255
_TEXTS = ("private_metadata", "callback_id", "external_id")
_FLAGS = ("clear_on_close", "notify_on_close", "submit_disabled")
_FIELDS = frozenset(("type", "title", "submit", "close", "blocks", *_TEXTS, *_FLAGS))

Body = dict[str, Any]


def check_view(value: Any, kind: Literal["modal", "home"]) -> Body:
    """Return a view as Slack keeps it. Raises SlackRefusal: invalid_arguments, view_too_large."""
    if not isinstance(value, dict):
        raise SlackRefusal("invalid_arguments", "[ERROR] must be an object [json-pointer:/view]")
    if len(json.dumps(value)) > VIEW_MAX:
        raise SlackRefusal("view_too_large")
    try:
        return _checked(value, kind)
    except SlackRefusal as refusal:
        # Slack tells of blocks in a view as of any other argument: its pointers begin at the view.
        told = [message.replace("[json-pointer:/", "[json-pointer:/view/") for message in refusal.messages]
        raise SlackRefusal("invalid_arguments", *(told or [f"[ERROR] {refusal.error} [json-pointer:/view/blocks]"])) from None


def _checked(value: Body, kind: Literal["modal", "home"]) -> Body:
    if value.get("type") != kind:
        raise SlackRefusal("", f"[ERROR] must be the constant {kind} [json-pointer:/type]")
    if unknown := sorted(set(value) - _FIELDS):
        raise SlackRefusal("", f"[ERROR] unexpected field: {unknown[0][:40]} [json-pointer:/{unknown[0][:40]}]")
    for name in _TEXTS:
        check_string("/" + name, value.get(name, ""), METADATA_MAX if name == "private_metadata" else ID_MAX, empty=True)
    for name in _FLAGS:
        if not isinstance(value.get(name, False), bool):
            raise SlackRefusal("", f"[ERROR] must be a boolean [json-pointer:/{name}]")
    blocks = list(check_blocks(value.get("blocks"), kind))
    if not blocks:
        raise SlackRefusal("", "[ERROR] missing required field: blocks [json-pointer:/blocks]")
    body: Body = {"type": kind, "blocks": blocks, **{name: value.get(name, "") for name in _TEXTS}}
    return body if kind == "home" else {**body, **_frame(value, blocks)}


def _frame(value: Body, blocks: list[Body]) -> Body:
    """Return what is around a dialog's blocks."""
    check_text("/title", value.get("title"), TITLE_MAX, PLAIN)
    for name in ("submit", "close"):
        if value.get(name) is not None:
            check_text("/" + name, value[name], TITLE_MAX, PLAIN)
    if value.get("submit") is None and any(block["type"] == "input" for block in blocks):
        raise SlackRefusal("", "[ERROR] missing required field: submit (there are input blocks) [json-pointer:/submit]")
    frame = {name: value.get(name) for name in ("title", "submit", "close")}
    return {**frame, **{name: value.get(name, False) for name in _FLAGS}}
