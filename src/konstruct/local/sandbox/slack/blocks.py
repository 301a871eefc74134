"""Block Kit's blocks in messages, dialogs and the Home tab: what Slack refuses, this refuses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from konstruct.local.sandbox.slack.elements import (
    IN_ACTIONS,
    IN_CONTEXT_ACTIONS,
    IN_INPUT,
    IN_SECTION,
    check_element,
    check_image,
)
from konstruct.local.sandbox.slack.errors import SlackRefusal
from konstruct.local.sandbox.slack.kit import PLAIN, Part, check_list, check_string, check_text, misfit, with_id
from konstruct.local.sandbox.slack.table_block import check_table

BLOCKS_MAX = 50
"""Blocks in one message."""
VIEW_BLOCKS_MAX = 100
"""Blocks in one dialog or Home tab."""
MARKDOWN_MAX = 12_000
"""Characters of all markdown blocks of one message together."""
SECTION_MAX = 3_000
FIELD_MAX = 2_000
HEADER_MAX = 150
CONTEXT_ELEMENTS_MAX = 10
ACTIONS_ELEMENTS_MAX = 25
CONTEXT_ACTIONS_ELEMENTS_MAX = 5

Block = dict[str, Any]
Surface = Literal["message", "modal", "home"]
_ONLY_IN_MESSAGES = ("markdown", "table", "context_actions")
_ONLY_IN_VIEWS = ("input",)


def check_blocks(value: Any, surface: Surface = "message") -> tuple[Block, ...]:
    """Return the blocks, each with its block_id and its elements with their action_id, made up where they are missing.

    Raises SlackRefusal: invalid_blocks_format, invalid_blocks, msg_blocks_too_long, only_one_table_allowed.
    """
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(block, dict) for block in value):
        raise SlackRefusal("invalid_blocks_format")
    most = BLOCKS_MAX if surface == "message" else VIEW_BLOCKS_MAX
    if len(value) > most:
        raise misfit("/blocks", f"no more than {most} items allowed")
    taken: set[str] = set()
    blocks = tuple(_checked(f"/blocks/{index}", block, surface, taken) for index, block in enumerate(value))
    if sum(len(block["text"]) for block in blocks if block["type"] == "markdown") > MARKDOWN_MAX:
        raise SlackRefusal("msg_blocks_too_long")
    if sum(block["type"] == "table" for block in blocks) > 1:
        raise SlackRefusal("only_one_table_allowed")
    return blocks


def _checked(pointer: str, block: Block, surface: Surface, taken: set[str]) -> Block:
    kind = block.get("type")
    elsewhere = _ONLY_IN_VIEWS if surface == "message" else _ONLY_IN_MESSAGES
    check = None if kind in elsewhere else _CHECKS.get(kind)
    if check is None:
        raise misfit(pointer + "/type", "unsupported type: " + str(kind)[:40])
    return with_id(pointer, check(pointer, block), "block_id", taken)


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


def _check_markdown(pointer: str, block: Block) -> Block:
    text = block.get("text")
    if not isinstance(text, str) or not text.strip():
        raise misfit(pointer + "/text", "must be a non-empty string")
    return block


def _check_section(pointer: str, block: Block) -> Block:
    fields = block.get("fields")
    if "text" in block or not fields:
        check_text(pointer + "/text", block.get("text"), SECTION_MAX)
    if fields is not None:
        for position, field in enumerate(check_list(pointer + "/fields", fields, 10)):
            check_text(f"{pointer}/fields/{position}", field, FIELD_MAX)
    if "accessory" not in block:
        return block
    if not isinstance(block["accessory"], dict):
        raise misfit(pointer + "/accessory", "must be an object")
    return {**block, "accessory": check_element(pointer + "/accessory", block["accessory"], IN_SECTION, set())}


def _check_header(pointer: str, block: Block) -> Block:
    check_text(pointer + "/text", block.get("text"), HEADER_MAX, PLAIN)
    return block


def _check_context(pointer: str, block: Block) -> Block:
    for position, element in enumerate(check_list(pointer + "/elements", block.get("elements"), CONTEXT_ELEMENTS_MAX)):
        if element.get("type") == "image":
            check_image(f"{pointer}/elements/{position}", element)
        else:
            check_text(f"{pointer}/elements/{position}", element, SECTION_MAX)
    return block


def _with_elements(pointer: str, block: Block, most: int, allowed: tuple[str, ...]) -> Block:
    elements = check_list(pointer + "/elements", block.get("elements"), most)
    taken: set[str] = set()
    checked = [check_element(f"{pointer}/elements/{at}", element, allowed, taken) for at, element in enumerate(elements)]
    return {**block, "elements": checked}


def _check_actions(pointer: str, block: Block) -> Block:
    return _with_elements(pointer, block, ACTIONS_ELEMENTS_MAX, IN_ACTIONS)


def _check_context_actions(pointer: str, block: Block) -> Block:
    return _with_elements(pointer, block, CONTEXT_ACTIONS_ELEMENTS_MAX, IN_CONTEXT_ACTIONS)


def _check_input(pointer: str, block: Block) -> Block:
    check_text(pointer + "/label", block.get("label"), 2_000, PLAIN)
    if "hint" in block:
        check_text(pointer + "/hint", block["hint"], 2_000, PLAIN)
    element: Part | None = block.get("element")
    if not isinstance(element, dict):
        raise misfit(pointer + "/element", "must be an object")
    return {**block, "element": check_element(pointer + "/element", element, IN_INPUT, set())}


def _check_image_block(pointer: str, block: Block) -> Block:
    check_image(pointer, block)
    if "title" in block:
        check_text(pointer + "/title", block["title"], 2_000, PLAIN)
    return block


def _check_rich_text(pointer: str, block: Block) -> Block:
    check_list(pointer + "/elements", block.get("elements"), 1_000)
    return block


def _check_divider(_pointer: str, block: Block) -> Block:
    return block


def _check_task(pointer: str, block: Block) -> Block:
    check_string(pointer + "/task_id", block.get("task_id"), 255)
    check_string(pointer + "/title", block.get("title"), 300)
    return block


_CHECKS: dict[Any, Callable[[str, Block], Block]] = {
    "markdown": _check_markdown,
    "section": _check_section,
    "header": _check_header,
    "context": _check_context,
    "actions": _check_actions,
    "context_actions": _check_context_actions,
    "input": _check_input,
    "image": _check_image_block,
    "table": check_table,
    "rich_text": _check_rich_text,
    "divider": _check_divider,
    "task_card": _check_task,
}
