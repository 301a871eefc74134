"""Text and Markdown: taken as they are."""

from __future__ import annotations

from konstruct.memory.extraction.encoding import decode
from konstruct.memory.extraction.gathering import Gathered, Progress


def read(data: bytes, progress: Progress) -> str:
    """Return the text of a text or Markdown file. Raises Unreadable."""
    gathered = Gathered()
    gathered.add(decode(data))
    progress(1, 1)
    return gathered.text()
