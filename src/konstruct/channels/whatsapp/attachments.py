"""The files of a message, as they are kept: WhatsApp hands them out by an id, for a while. Pure."""

from __future__ import annotations

import mimetypes
from collections.abc import Mapping
from typing import Any

from konstruct.channels.whatsapp import payload
from konstruct.channels.whatsapp.contents import TEXT_MAX
from konstruct.channels.whatsapp.payload import Payload

KINDS = frozenset(("image", "video", "audio", "voice", "document", "sticker"))
"""The types of message that are a file."""
_NAMES = {
    "image": "photo",
    "video": "video",
    "audio": "audio",
    "voice": "voice message",
    "document": "document",
    "sticker": "sticker",
}
_ENDINGS = {"image/jpeg": ".jpg", "image/webp": ".webp", "audio/ogg": ".ogg", "text/plain": ".txt", "application/pdf": ".pdf"}
_NAME_MAX = 200


def of(message: Payload, kind: str) -> tuple[Mapping[str, Any], ...]:
    """Return the file that a message of one of KINDS is. One without an id is named, and cannot be fetched."""
    media = payload.mapping(message, kind)
    shown = "voice" if media.get("voice") is True else kind
    mimetype = payload.text(media, "mime_type", 200)
    kept: dict[str, Any] = {"name": _name(media, shown, mimetype), "kind": shown}
    if mimetype:
        kept["mimetype"] = mimetype
    if (found := payload.identifier(media, "id")) is not None and len(found) <= 200:
        kept["id"] = found
    if checksum := payload.text(media, "sha256", 100):
        kept["sha256"] = checksum
    return (kept,)


def caption(message: Payload, kind: str) -> str:
    """Return what was written below the file."""
    return payload.text(payload.mapping(message, kind), "caption", TEXT_MAX)


def _name(media: Payload, kind: str, mimetype: str) -> str:
    given = " ".join(payload.text(media, "filename", _NAME_MAX).split())
    if given:
        return given
    plain = mimetype.partition(";")[0].strip().lower()
    return _NAMES[kind] + (_ENDINGS.get(plain) or mimetypes.guess_extension(plain) or "")
