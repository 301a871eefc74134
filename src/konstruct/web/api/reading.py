"""What every reading route does with ids."""

from __future__ import annotations

from typing import TypeVar
from uuid import UUID

from konstruct.kit.errors import NotFoundError
from konstruct.kit.ids import parse_id

__all__ = ["filter_id", "found", "parse_id", "parse_number"]

T = TypeVar("T")
NOBODY = UUID(int=0)
"""An id that nothing has."""


def found(row: T | None) -> T:
    """Return what was looked for. Raises NotFoundError for None."""
    if row is None:
        raise NotFoundError("there is nothing here")
    return row


def filter_id(text: str | None) -> UUID | None:
    """Return the id that a list is narrowed to. One that names nothing narrows it to nothing, as a foreign one does."""
    if text is None:
        return None
    try:
        return parse_id(text)
    except NotFoundError:
        return NOBODY


def parse_number(text: str) -> int:
    """Return the number that stands in an address. Raises NotFoundError for anything else: it names nothing."""
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise NotFoundError("there is nothing here")
    return int(text)
