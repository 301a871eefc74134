"""Messages of each type but templates, with Meta's limits."""

from __future__ import annotations

from konstruct.local.sandbox.meta.errors import GraphError, invalid, missing
from konstruct.local.sandbox.meta.fields import Checker, Fields, Obj
from konstruct.local.sandbox.meta.interactive import check_interactive

TEXT_MAX, CAPTION_MAX, OPAQUE_MAX = 4096, 1024, 512
MB = 1024 * 1024
_OFFICE = "application/vnd.openxmlformats-officedocument"
MEDIA: dict[str, tuple[int, frozenset[str]]] = {
    "image": (5 * MB, frozenset(("image/jpeg", "image/png"))),
    "video": (16 * MB, frozenset(("video/mp4", "video/3gpp"))),
    "audio": (16 * MB, frozenset(("audio/aac", "audio/amr", "audio/mpeg", "audio/mp4", "audio/ogg"))),
    "document": (
        100 * MB,
        frozenset(
            (
                *("text/plain", "text/csv", "application/pdf", "application/msword"),
                *("application/vnd.ms-excel", "application/vnd.ms-powerpoint"),
                *(f"{_OFFICE}.wordprocessingml.document", f"{_OFFICE}.spreadsheetml.sheet"),
                f"{_OFFICE}.presentationml.presentation",
            )
        ),
    ),
    "sticker": (500 * 1024, frozenset(("image/webp",))),
}
"""Per type: most bytes, and the media types that it takes."""


def _text(fields: Fields) -> Obj:
    fields.flag("preview_url")
    return {"body": fields.text("body", TEXT_MAX)}


def _media(kind: str) -> Checker:
    def check(fields: Fields) -> Obj:
        media_id = fields.text("id", 100, optional=True)
        link = fields.text("link", 2000, optional=True)
        if bool(media_id) == bool(link):
            raise missing(f"{kind}['id'] or {kind}['link'], one of both,")
        if link and not link.startswith(("https://", "http://")):
            raise invalid(fields.called("link"), "must be a valid URL.")
        source = {"id": media_id} if media_id else {"link": link}
        caption = fields.text("caption", CAPTION_MAX, optional=True)
        name = fields.text("filename", 240, optional=True)
        return source | ({"caption": caption} if caption else {}) | ({"filename": name} if name else {})

    return check


def _location(fields: Fields) -> Obj:
    latitude, longitude = fields.number("latitude"), fields.number("longitude")
    if not (-90 <= latitude <= 90 and -180 <= longitude <= 180):
        raise invalid("location", "must be a place on Earth.")
    name, address = fields.text("name", 1000, optional=True), fields.text("address", 1000, optional=True)
    return {"latitude": latitude, "longitude": longitude, "name": name, "address": address}


def _reaction(fields: Fields) -> Obj:
    emoji = fields.value.get("emoji", "")
    if not isinstance(emoji, str) or len(emoji) > 12 or any(char.isalnum() and char.isascii() for char in emoji):
        raise invalid(fields.called("emoji"), "must be a single emoji.")
    return {"message_id": fields.text("message_id", 500), "emoji": emoji}


CHECKS: dict[str, tuple[Checker, str]] = {
    "text": (_text, "body preview_url"),
    "image": (_media("image"), "id link caption"),
    "video": (_media("video"), "id link caption"),
    "audio": (_media("audio"), "id link voice"),
    "document": (_media("document"), "id link caption filename"),
    "sticker": (_media("sticker"), "id link"),
    "location": (_location, "latitude longitude name address"),
    "reaction": (_reaction, "message_id emoji"),
    "interactive": (check_interactive, "type header body footer action"),
}


def check_content(kind: str, body: Obj) -> Obj:
    """Return what a message of a type holds. Raises GraphError."""
    if kind == "contacts":
        return _contacts(body)
    if kind not in CHECKS:
        words = (
            f'(#100) Param type must be one of {{{", ".join(sorted((*CHECKS, "contacts", "template"))).upper()}}} - got "{kind}".'
        )
        raise GraphError(100, words.removeprefix("(#100) "), message=words)
    check, allowed = CHECKS[kind]
    if body.get(kind) is None:
        raise missing(kind)
    return check(Fields(body[kind], kind, allowed))


def _contacts(body: Obj) -> Obj:
    cards = Fields(body, "", " ".join(body)).list("contacts", 1, 257)
    shown = []
    for card in cards:
        fields = Fields(card, "contacts", "name phones emails urls addresses org birthday")
        name = fields.object("name", "formatted_name first_name last_name middle_name suffix prefix")
        shown.append({"name": name.text("formatted_name", 1000), "phones": card.get("phones", [])})
    return {"cards": shown}
