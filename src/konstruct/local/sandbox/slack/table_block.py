"""The table block of Block Kit."""

from __future__ import annotations

import json
from typing import Any

from konstruct.local.sandbox.slack.kit import Part, misfit

ROWS_MAX = 100
CELLS_MAX = 20
CHARACTERS_MAX = 10_000
"""Characters of all cells of a message's tables together."""


def check_table(pointer: str, block: Part) -> Part:
    """Return the block. Raises SlackRefusal for too many rows, cells or characters, and for a cell that is no text."""
    rows: Any = block.get("rows")
    if not isinstance(rows, list) or not 1 <= len(rows) <= ROWS_MAX:
        raise misfit(pointer + "/rows", f"must hold 1 to {ROWS_MAX} items")
    for number, row in enumerate(rows):
        if not isinstance(row, list) or not 1 <= len(row) <= CELLS_MAX:
            raise misfit(f"{pointer}/rows/{number}", f"must hold 1 to {CELLS_MAX} items")
        for position, cell in enumerate(row):
            _check_cell(f"{pointer}/rows/{number}/{position}", cell)
    if sum(len(cell_text(cell)) for row in rows for cell in row) > CHARACTERS_MAX:
        raise misfit(pointer, f"must be no more than {CHARACTERS_MAX} characters")
    settings = block.get("column_settings")
    if settings is not None and (not isinstance(settings, list) or len(settings) > CELLS_MAX):
        raise misfit(pointer + "/column_settings", f"must hold 1 to {CELLS_MAX} items")
    return block


def _check_cell(pointer: str, cell: Any) -> None:
    if not isinstance(cell, dict) or cell.get("type") not in ("raw_text", "raw_number", "rich_text"):
        raise misfit(pointer + "/type", "unsupported type")
    if cell["type"] == "raw_text" and not (isinstance(cell.get("text"), str) and cell["text"]):
        raise misfit(pointer + "/text", "must be a non-empty string")


def cell_text(cell: Part) -> str:
    """Return what a reader sees of a cell."""
    if cell["type"] == "rich_text":
        return rich_text(cell)
    return str(cell.get("text", cell.get("value", "")))


def rich_text(part: Any) -> str:
    """Return the text of a rich text object, however deep it stands."""
    if isinstance(part, list):
        return "".join(rich_text(each) for each in part)
    if not isinstance(part, dict):
        return ""
    if part.get("type") == "user":
        return f"<@{part.get('user_id', '')}>"
    own = part.get("text", part.get("url", "")) if isinstance(part.get("text", ""), str) else json.dumps(part["text"])
    return str(own) + rich_text(part.get("elements", []))
