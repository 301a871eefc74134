"""What every check of Block Kit is made of: text objects, identifiers, lengths, and how a fault is told."""

from __future__ import annotations

import secrets
import string
from typing import Any

from konstruct.local.sandbox.slack.errors import SlackRefusal

ID_MAX = 255
"""Characters of a block_id or action_id."""
_ALPHABET = string.ascii_letters + string.digits + "+/"
PLAIN = ("plain_text",)
ANY_TEXT = ("plain_text", "mrkdwn")

Part = dict[str, Any]
"""A block, an element or another object of Block Kit."""


def misfit(pointer: str, message: str) -> SlackRefusal:
    """Return the refusal of blocks: what is wrong, and where (a JSON pointer)."""
    return SlackRefusal("invalid_blocks", f"[ERROR] {message} [json-pointer:{pointer}]")


def check_text(pointer: str, value: Any, longest: int, kinds: tuple[str, ...] = ANY_TEXT) -> None:
    """Check a text object. Raises SlackRefusal."""
    if not isinstance(value, dict) or value.get("type") not in kinds:
        raise misfit(pointer, "must be a text object of type " + " or ".join(kinds))
    check_string(pointer + "/text", value.get("text"), longest)


def check_string(pointer: str, value: Any, longest: int, *, empty: bool = False) -> None:
    """Check a string of 1 (with `empty`: 0) to `longest` characters. Raises SlackRefusal."""
    if not isinstance(value, str) or not (value or empty):
        raise misfit(pointer, "must be a non-empty string")
    if len(value) > longest:
        raise misfit(pointer, f"must be no more than {longest} characters")


def check_list(pointer: str, value: Any, most: int) -> list[Part]:
    """Return a list of 1 to `most` objects. Raises SlackRefusal."""
    if not isinstance(value, list) or not 1 <= len(value) <= most or not all(isinstance(item, dict) for item in value):
        raise misfit(pointer, f"must hold 1 to {most} items")
    return value


def check_confirm(pointer: str, value: Any) -> None:
    """Check the dialog that asks "are you sure?". Raises SlackRefusal."""
    if not isinstance(value, dict):
        raise misfit(pointer, "must be an object")
    check_text(pointer + "/title", value.get("title"), 100, PLAIN)
    check_text(pointer + "/text", value.get("text"), 300)
    check_text(pointer + "/confirm", value.get("confirm"), 30, PLAIN)
    check_text(pointer + "/deny", value.get("deny"), 30, PLAIN)
    check_style(pointer, value)


def check_style(pointer: str, value: Part) -> None:
    """Check the `style` of a button or a confirm dialog. Raises SlackRefusal."""
    if "style" in value and value["style"] not in ("primary", "danger"):
        raise misfit(pointer + "/style", "must be one of primary, danger")


def with_id(pointer: str, part: Part, name: str, taken: set[str]) -> Part:
    """Return `part` with the identifier `name`, made up where it has none. Raises SlackRefusal for one that is taken."""
    given = part.get(name)
    if given is None or given == "":
        given = "".join(secrets.choice(_ALPHABET) for _ in range(5))
    check_string(f"{pointer}/{name}", given, ID_MAX)
    if given in taken:
        raise misfit(f"{pointer}/{name}", f"`{name}` already exists")
    taken.add(given)
    return {**part, name: given}
