"""A message of any type in one line of plain text."""

from __future__ import annotations

from typing import Any

_NAMES = {
    "image": "Photo",
    "video": "Video",
    "audio": "Voice message",
    "document": "Document",
    "sticker": "Sticker",
    "location": "Location",
    "contacts": "Contact",
    "unsupported": "Poll",
    "call": "Voice call",
}


def words_of(kind: str, content: dict[str, Any]) -> str:
    """Return what a message says, or what it is where it says nothing."""
    for name in ("body", "caption", "title", "text", "filename", "name"):
        if isinstance(content.get(name), str) and content[name]:
            return str(content[name])
    return str(content.get("emoji") or _NAMES.get(kind, kind))
