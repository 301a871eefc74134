"""Gathers text up to the limit of a document."""

from __future__ import annotations

import re
from collections.abc import Callable

from konstruct.memory.extraction.limits import MAX_DOCUMENT_CHARS
from konstruct.memory.extraction.refusal import NO_TEXT, TOO_MUCH_TEXT, Unreadable

Progress = Callable[[int, int], None]
"""Told how much is done, of how much in all; what is counted is up to the format."""
# Characters that carry no text: controls, and those that turn the direction of what follows, so that it reads otherwise.
_INVISIBLE = re.compile("[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069\ufeff]")


class Gathered:
    """The blocks of a document, in order. Raises Unreadable as soon as they are too much."""

    def __init__(self) -> None:
        self._blocks: list[str] = []
        self._chars = 0

    def add(self, block: str) -> None:
        """Add a block: a heading, a paragraph, a table's row."""
        block = tidy(block)
        if not block:
            return
        self._chars += len(block) + 2
        if self._chars > MAX_DOCUMENT_CHARS + 2:
            raise Unreadable(TOO_MUCH_TEXT)
        self._blocks.append(block)

    def text(self, empty: str = NO_TEXT) -> str:
        """Return the blocks, a blank line between them. Raises Unreadable with `empty` if there are none."""
        if not self._blocks:
            raise Unreadable(empty)
        return "\n\n".join(self._blocks)


def tidy(text: str) -> str:
    """Return `text` with plain line ends, at most one blank line in a row, and nothing invisible."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\f", "\n\n").replace("\v", "\n")
    lines = [line.rstrip() for line in _INVISIBLE.sub("", text).split("\n")]
    # By lines: a pattern over blank lines takes quadratic time, or very much memory, where somebody means it to.
    return "\n".join(line for line, before in zip(lines, ["", *lines], strict=False) if line or before).strip()
