"""The files of a message: what was sent along, and what came of fetching and reading it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class FileContent:
    """A file as it was fetched, whole."""

    name: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class FileAbsent:
    """A file that was not fetched, and why: words that go on after its name. `later`: it may be tried again."""

    reason: str
    later: bool = False


@dataclass(frozen=True, slots=True)
class FileText:
    """What a file says, or why it could not be read."""

    file_id: str
    text: str = field(repr=False)
    left_out: int
    """Characters that are missing at its end."""
    reason: str | None
    """None if it was read."""


def id_of(file: Mapping[str, Any]) -> str | None:
    """Return the provider's id of a message's file, None if it has none: such a one cannot be fetched."""
    found = file.get("id")
    return found if isinstance(found, str) and 0 < len(found) <= 200 else None


def name_of(file: Mapping[str, Any]) -> str:
    """Return what to call a message's file."""
    return str(file.get("name") or "file")
