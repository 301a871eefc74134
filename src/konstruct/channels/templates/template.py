"""A template as the provider described it: its words, its places to fill in, and whether we can use it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import orjson

APPROVED = "APPROVED"
PLACE = re.compile(r"\{\{\s*([A-Za-z0-9_]{1,60})\s*\}\}")
"""A place to fill in: a number, or a name."""
_PLAIN_BUTTONS = ("QUICK_REPLY", "URL", "PHONE_NUMBER", "VOICE_CALL")
_PARTS = ("HEADER", "BODY", "FOOTER", "BUTTONS")

Piece = Literal["header", "body", "button"]


@dataclass(frozen=True, slots=True)
class Place:
    """A place to fill in."""

    piece: Piece
    name: str
    """What the template calls it: "1", "2", or a word. Of a button: its label."""
    index: int
    """The how-manieth of its piece, from 0; of a button, the how-manieth button of all."""
    max_chars: int
    example: str = ""
    """What the business gave as an example when it wrote the template."""

    @property
    def key(self) -> str:
        """What names it in a form: body-0."""
        return f"{self.piece}-{self.index}"


@dataclass(frozen=True, slots=True)
class Template:
    """A template of a business account, in one language. Words of the provider that are not known to us are data."""

    id: UUID
    kind: str
    """Of the channel."""
    business_account_id: str
    name: str
    language: str
    state: str
    """The provider's word: APPROVED, PENDING, REJECTED, PAUSED, DISABLED, ..., or MISSING once it said that there is none."""
    category: str | None = None
    quality: str | None = None
    reason: str | None = None
    """Why it is in its state, by the provider's word."""
    provider_id: str | None = None
    named: bool = False
    """Whether its places have names; else they are numbered."""
    components: str = "[]"
    """JSON, as the provider gave it."""
    synced_at: datetime | None = None

    @property
    def parts(self) -> list[Mapping[str, Any]]:
        """Its components, those that are objects."""
        return [part for part in orjson.loads(self.components) if isinstance(part, dict)]

    @property
    def approved(self) -> bool:
        """Whether the provider lets it go out."""
        return self.state.upper() == APPROVED

    @property
    def places(self) -> tuple[Place, ...]:
        """What has to be filled in, in order: the header's, the body's, the buttons'."""
        return tuple(place for part in self.parts for place in _places(part))

    @property
    def usable(self) -> bool:
        """Whether we know how to fill it in: not one with a picture, a product or a code to be made."""
        return any(_type(part) == "BODY" for part in self.parts) and all(_plain(part) for part in self.parts)


def counts(components: Sequence[Mapping[str, Any]]) -> tuple[int, int, int]:
    """Return how many places the header, the body and the buttons have."""
    places = [place for part in components for place in _places(part)]
    return tuple(sum(place.piece == piece for place in places) for piece in ("header", "body", "button"))  # type: ignore[return-value]


def _type(part: Mapping[str, Any]) -> str:
    return str(part.get("type", "")).upper()


def _plain(part: Mapping[str, Any]) -> bool:
    kind = _type(part)
    if kind == "HEADER":
        return str(part.get("format", "TEXT")).upper() == "TEXT"
    if kind == "BUTTONS":
        return all(str(button.get("type", "")).upper() in _PLAIN_BUTTONS for button in _buttons(part))
    return kind in _PARTS


def _buttons(part: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    found = part.get("buttons")
    return [button for button in found if isinstance(button, dict)] if isinstance(found, list) else []


def _places(part: Mapping[str, Any]) -> list[Place]:
    kind = _type(part)
    if kind == "HEADER" and _plain(part):
        return _in_text("header", part, 60)
    if kind == "BODY":
        return _in_text("body", part, 1024)
    if kind == "BUTTONS":
        # Only the end of an address can be filled in.
        return [
            Place("button", str(button.get("text", "")), index, 2000, _first(button.get("example")))
            for index, button in enumerate(_buttons(part))
            if PLACE.search(str(button.get("url", "")))
        ]
    return []


def _in_text(piece: Piece, part: Mapping[str, Any], max_chars: int) -> list[Place]:
    names = list(dict.fromkeys(PLACE.findall(str(part.get("text", "")))))
    if all(name.isdigit() for name in names):
        # Numbered places are filled in by their numbers, whatever the order in which they stand.
        names.sort(key=int)
    examples = _examples(piece, part.get("example"))
    return [
        Place(piece, name, index, max_chars, examples.get(name) or examples.get(f"#{index}", ""))
        for index, name in enumerate(names)
    ]


def _examples(piece: Piece, example: object) -> dict[str, str]:
    """Return the examples by the place's name, where they have names, else by how-manieth they are: "#0"."""
    if not isinstance(example, dict):
        return {}
    named = example.get(f"{piece}_text_named_params")
    if isinstance(named, list):
        return {str(one.get("param_name")): str(one.get("example", "")) for one in named if isinstance(one, dict)}
    plain: object = example.get(f"{piece}_text")
    if isinstance(plain, list) and plain and isinstance(plain[0], list):
        plain = plain[0]
    return {f"#{index}": str(one) for index, one in enumerate(plain)} if isinstance(plain, list) else {}


def _first(example: object) -> str:
    if isinstance(example, list):
        return str(example[0]) if example else ""
    return example if isinstance(example, str) else ""
