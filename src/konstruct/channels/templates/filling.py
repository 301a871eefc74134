"""Filling in a template: what is wrong with what somebody filled in, and how the message will read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from konstruct.channels.templates.template import PLACE, Place, Template
from konstruct.conversations.template_use import TemplateUse

BODY_MAX = 1024
"""Characters of the whole body, filled in (Meta)."""
_BROKEN = re.compile(r"[\n\r\t\x0b\x0c\x85\u2028\u2029]| {4}")
"""What Meta refuses in a parameter: line breaks, tabs, and spaces in a row."""

EMPTY = "parameter_empty"
BROKEN = "parameter_broken"
LONG = "parameter_long"
BODY_LONG = "body_long"
WRONG_NUMBER = "parameters_wrong"


def use_of(template: Template, values: Mapping[str, str]) -> TemplateUse:
    """Return the use of `template` with `values` by the places' keys; what is missing is empty."""

    def of(piece: str) -> list[tuple[Place, str]]:
        return [(place, values.get(place.key, "").strip()) for place in template.places if place.piece == piece]

    return TemplateUse(
        template.name,
        template.language,
        body=tuple(value for _, value in of("body")),
        header=tuple(value for _, value in of("header")),
        buttons=tuple((place.index, value) for place, value in of("button")),
        body_names=tuple(place.name for place, _ in of("body")) if template.named else (),
        header_names=tuple(place.name for place, _ in of("header")) if template.named else (),
    )


def values_of(template: Template, use: TemplateUse) -> dict[str, str] | None:
    """Return what `use` fills in by the places' keys, or None if it has other places than the template."""
    given = {
        **{f"header-{index}": value for index, value in enumerate(use.header)},
        **{f"body-{index}": value for index, value in enumerate(use.body)},
        **{f"button-{index}": value for index, value in use.buttons},
    }
    return given if set(given) == {place.key for place in template.places} else None


def problems(template: Template, use: TemplateUse) -> dict[str, str]:
    """Return what is wrong, as words by the places' keys ("" for the whole); nothing if it can be sent."""
    given = values_of(template, use)
    if given is None:
        return {"": WRONG_NUMBER}
    found = {place.key: word for place in template.places if (word := _problem(place, given[place.key])) is not None}
    if not found and len(_filled(template, "BODY", given)) > BODY_MAX:
        found[""] = BODY_LONG
    return found


def text_of(template: Template, use: TemplateUse) -> str:
    """Return how the message reads: header, body, footer and the buttons' labels. Places left open stand as they are called."""
    given = values_of(template, use) or {}
    said = [_filled(template, kind, given) for kind in ("HEADER", "BODY", "FOOTER")]
    labels = [f"[{button}]" for button in buttons_of(template)]
    return "\n\n".join(part for part in (*said, " ".join(labels)) if part)


@dataclass(frozen=True, slots=True)
class Said:
    """A run of a piece: fixed words, or what stands in a place."""

    text: str
    key: str = ""
    """Of the place; empty for fixed words."""
    name: str = ""
    """What stands in the place until it is filled in."""
    filled: bool = False


def pieces(template: Template, use: TemplateUse) -> dict[str, Any]:
    """Return how the message reads, piece by piece: header and body as runs, the footer, the buttons' labels."""
    given = values_of(template, use) or {}
    return {
        "header": _runs(template, "HEADER", given),
        "body": _runs(template, "BODY", given),
        "footer": piece_of(template, "FOOTER"),
        "buttons": buttons_of(template),
    }


def buttons_of(template: Template) -> list[str]:
    """Return the labels of its buttons."""
    found = next((part.get("buttons") for part in template.parts if str(part.get("type", "")).upper() == "BUTTONS"), None)
    return [str(one.get("text", "")) for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def piece_of(template: Template, kind: str) -> str:
    """Return the words of its HEADER, BODY or FOOTER as they were written; empty where it has none."""
    found: Mapping[str, Any] = next((part for part in template.parts if str(part.get("type", "")).upper() == kind), {})
    return str(found.get("text", ""))


def _filled(template: Template, kind: str, given: Mapping[str, str]) -> str:
    keys = {place.name: place.key for place in template.places if place.piece == kind.lower()}

    def put(match: re.Match[str]) -> str:
        return given.get(keys.get(match[1], "")) or match[0]

    return PLACE.sub(put, piece_of(template, kind))


def _runs(template: Template, kind: str, given: Mapping[str, str]) -> list[Said]:
    keys = {place.name: place.key for place in template.places if place.piece == kind.lower()}
    runs: list[Said] = []
    words = piece_of(template, kind)
    end = 0
    for match in PLACE.finditer(words):
        if match.start() > end:
            runs.append(Said(words[end : match.start()]))
        key, name = keys.get(match[1], ""), f"({match[1].replace('_', ' ')})"
        value = given.get(key, "")
        runs.append(Said(value or name, key, name, bool(value)))
        end = match.end()
    return [*runs, *([Said(words[end:])] if words[end:] else [])]


def _problem(place: Place, value: str) -> str | None:
    if not value.strip():
        return EMPTY
    if _BROKEN.search(value):
        return BROKEN
    return LONG if len(value) > place.max_chars else None
