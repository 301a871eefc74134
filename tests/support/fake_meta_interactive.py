"""Buttons and lists as the fake Graph API takes them."""

from __future__ import annotations

from typing import Any

from tests.support.fake_meta_errors import invalid

BODY_MAX = 1024
BUTTONS_MAX, TITLE_MAX, ID_MAX = 3, 20, 256
ROWS_MAX, ROW_TITLE_MAX, ROW_DESCRIPTION_MAX, ROW_ID_MAX = 10, 24, 72, 200
OPENER_MAX = 20


def check(content: dict[str, Any]) -> None:
    """Raise GraphRefusal unless `content` is a message with reply buttons or a list."""
    if not set(content) <= {"type", "body", "action", "header", "footer"}:
        raise invalid("Param interactive has an unexpected key")
    body = content.get("body")
    if not isinstance(body, dict) or set(body) != {"text"} or not _text(body["text"], BODY_MAX):
        raise invalid("Param interactive['body']['text'] must have 1 to 1024 characters")
    action = content.get("action")
    if not isinstance(action, dict):
        raise invalid("Param interactive['action'] is required")
    if content.get("type") == "button":
        _check_buttons(action)
    elif content.get("type") == "list":
        _check_list(action)
    else:
        raise invalid("Param interactive['type'] is not known")


def _check_buttons(action: dict[str, Any]) -> None:
    buttons = action.get("buttons")
    if set(action) != {"buttons"} or not isinstance(buttons, list) or not 1 <= len(buttons) <= BUTTONS_MAX:
        raise invalid("Invalid buttons count. Min allowed buttons: 1, Max allowed buttons: 3")
    for button in buttons:
        if set(button) != {"type", "reply"} or button["type"] != "reply" or set(button["reply"]) != {"id", "title"}:
            raise invalid("Param interactive['action']['buttons'] has an unexpected form")
        if not _text(button["reply"]["title"], TITLE_MAX) or not _text(button["reply"]["id"], ID_MAX):
            raise invalid("Button title length invalid. Min length: 1, Max length: 20")
    _check_apart([button["reply"] for button in buttons], "id", "title")


def _check_list(action: dict[str, Any]) -> None:
    if set(action) != {"button", "sections"} or not _text(action["button"], OPENER_MAX):
        raise invalid("Param interactive['action']['button'] must have 1 to 20 characters")
    sections = action["sections"]
    if not isinstance(sections, list) or not sections:
        raise invalid("Param interactive['action']['sections'] is required")
    rows = [row for section in sections for row in section.get("rows", ())]
    if not 1 <= len(rows) <= ROWS_MAX:
        raise invalid("Total row count exceed max allowed count: 10")
    if len(sections) > 1 and not all(_text(section.get("title"), ROW_TITLE_MAX) for section in sections):
        raise invalid("Section title is required when there are several")
    for row in rows:
        if not {"id", "title"} <= set(row) <= {"id", "title", "description"}:
            raise invalid("A row has an unexpected key")
        if not _text(row["title"], ROW_TITLE_MAX) or not _text(row["id"], ROW_ID_MAX):
            raise invalid("Row title is too long. Max length is 24")
        if "description" in row and not _text(row["description"], ROW_DESCRIPTION_MAX):
            raise invalid("Row description is too long. Max length is 72")
    _check_apart(rows, "id")


def _check_apart(items: list[dict[str, Any]], *names: str) -> None:
    for name in names:
        if len({item[name] for item in items}) != len(items):
            raise invalid(f"Duplicated {name} is not allowed")


def _text(value: object, most: int) -> bool:
    return isinstance(value, str) and bool(value.strip()) and len(value) <= most
