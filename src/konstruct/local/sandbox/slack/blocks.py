"""Block Kit as far as messages go: what Slack refuses, this refuses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from konstruct.local.sandbox.slack.errors import SlackRefusal

BLOCKS_MAX = 50
"""Blocks in one message."""
MARKDOWN_MAX = 12_000
"""Characters of all markdown blocks of one message together."""
SECTION_MAX = 3_000
HEADER_MAX = 150
CONTEXT_ELEMENTS_MAX = 10
ACTIONS_ELEMENTS_MAX = 25
BUTTON_TEXT_MAX = 75
BUTTON_VALUE_MAX = 2_000

Block = dict[str, Any]


def check_blocks(value: Any) -> tuple[Block, ...]:
    """Return the blocks of a message. Raises SlackRefusal: invalid_blocks_format, invalid_blocks, msg_blocks_too_long."""
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(block, dict) for block in value):
        raise SlackRefusal("invalid_blocks_format")
    if len(value) > BLOCKS_MAX:
        raise SlackRefusal("invalid_blocks", f"[ERROR] no more than {BLOCKS_MAX} items allowed [json-pointer:/blocks]")
    for index, block in enumerate(value):
        check = _CHECKS.get(block.get("type"))
        if check is None:
            raise _invalid(index, "/type", "unsupported type: " + str(block.get("type"))[:40])
        check(index, block)
    if sum(len(block["text"]) for block in value if block["type"] == "markdown") > MARKDOWN_MAX:
        raise SlackRefusal("msg_blocks_too_long")
    return tuple(value)


def markdown_of(blocks: tuple[Block, ...]) -> str | None:
    """Return the text that a reader sees of markdown, section and header blocks, or None if there is none."""
    parts = []
    for block in blocks:
        if block["type"] == "markdown":
            parts.append(block["text"])
        elif block["type"] == "header":
            parts.append("## " + block["text"]["text"])
        elif block["type"] == "section" and "text" in block:
            parts.append(block["text"]["text"])
        elif block["type"] == "divider":
            parts.append("---")
    return "\n\n".join(parts) or None


def _invalid(index: int, pointer: str, message: str) -> SlackRefusal:
    return SlackRefusal("invalid_blocks", f"[ERROR] {message} [json-pointer:/blocks/{index}{pointer}]")


def _check_markdown(index: int, block: Block) -> None:
    text = block.get("text")
    if not isinstance(text, str) or not text.strip():
        raise _invalid(index, "/text", "must be a non-empty string")


def _text_object(index: int, pointer: str, value: Any, longest: int, kinds: tuple[str, ...] = ("plain_text", "mrkdwn")) -> None:
    if not isinstance(value, dict) or value.get("type") not in kinds:
        raise _invalid(index, pointer, "must be a text object of type " + " or ".join(kinds))
    text = value.get("text")
    if not isinstance(text, str) or not text:
        raise _invalid(index, pointer + "/text", "must be a non-empty string")
    if len(text) > longest:
        raise _invalid(index, pointer + "/text", f"must be no more than {longest} characters")


def _check_section(index: int, block: Block) -> None:
    fields = block.get("fields")
    if "text" in block or not fields:
        _text_object(index, "/text", block.get("text"), SECTION_MAX)
    if fields is not None and (not isinstance(fields, list) or not 1 <= len(fields) <= 10):
        raise _invalid(index, "/fields", "must hold 1 to 10 items")


def _check_header(index: int, block: Block) -> None:
    _text_object(index, "/text", block.get("text"), HEADER_MAX, ("plain_text",))


def _elements(index: int, block: Block, most: int) -> list[Any]:
    elements = block.get("elements")
    if not isinstance(elements, list) or not 1 <= len(elements) <= most or not all(isinstance(e, dict) for e in elements):
        raise _invalid(index, "/elements", f"must hold 1 to {most} items")
    return elements


def _check_context(index: int, block: Block) -> None:
    for position, element in enumerate(_elements(index, block, CONTEXT_ELEMENTS_MAX)):
        if element.get("type") != "image":
            _text_object(index, f"/elements/{position}", element, SECTION_MAX)


def _check_actions(index: int, block: Block) -> None:
    for position, element in enumerate(_elements(index, block, ACTIONS_ELEMENTS_MAX)):
        pointer = f"/elements/{position}"
        if element.get("type") == "button":
            _text_object(index, pointer + "/text", element.get("text"), BUTTON_TEXT_MAX, ("plain_text",))
            if len(str(element.get("value", ""))) > BUTTON_VALUE_MAX:
                raise _invalid(index, pointer + "/value", f"must be no more than {BUTTON_VALUE_MAX} characters")


def _check_rich_text(index: int, block: Block) -> None:
    _elements(index, block, 1_000)


def _check_divider(_index: int, _block: Block) -> None:
    """A divider has nothing that could be wrong."""


_CHECKS: dict[Any, Callable[[int, Block], None]] = {
    "markdown": _check_markdown,
    "section": _check_section,
    "header": _check_header,
    "context": _check_context,
    "actions": _check_actions,
    "rich_text": _check_rich_text,
    "divider": _check_divider,
}
