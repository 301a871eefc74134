"""A reply's markdown as the texts of its Slack messages: safe, and each within the limit of a markdown block."""

from __future__ import annotations

from collections.abc import Set

from konstruct.channels.slack.blocks import Block, Kind, segment
from konstruct.channels.slack.cutting import width
from konstruct.channels.slack.safety import clean, neutralise, visible
from konstruct.conversations.part import Part

PART_MAX = 11_500
"""Units of one part. Slack takes 12,000 characters of markdown in a payload (docs: "markdown block")."""

_RESERVE = 32
"""Kept free for what the second look at each part may add where a cut made a new form."""


def render(text: str, participants: Set[str]) -> list[Part]:
    """Return `text` as its messages; [] if it shows nothing."""
    return [Part(one) for one in texts(text, participants)]


def texts(text: str, participants: Set[str]) -> list[str]:
    """Return `text` as parts of at most `PART_MAX` units that mention nobody but `participants`; [] if it shows nothing."""
    safe = neutralise(clean(text), participants).strip("\n").rstrip()
    if not visible(safe):
        return []
    parts = _split(safe, PART_MAX - _RESERVE)
    # Looked at again: a cut may have freed an `@here` that stood inside a longer word.
    return [neutralise(part, participants) for part in parts if visible(part)]


def _split(text: str, limit: int) -> list[str]:
    parts: list[str] = []
    held: list[str] = []
    used = 0
    for block in segment(text):
        body = block.text()
        if used + len(block.gap) + width(body) <= limit:
            held.append(block.gap + body)
            used += len(block.gap) + width(body)
            continue
        room = limit - used - len(block.gap)
        if _starts_fresh(block, body, room, limit):
            parts.append("".join(held))
            held, used, room = [], 0, limit
        first, *rest = [body] if width(body) <= room else block.pieces(room, limit)
        if width(first) <= room:
            held.append(block.gap + first)
        else:
            parts.append("".join(held))
            held = [first]
        for piece in rest:
            parts.append("".join(held))
            held = [piece]
        used = width("".join(held))
    parts.append("".join(held))
    return [part.strip("\n") for part in parts]


def _starts_fresh(block: Block, body: str, room: int, limit: int) -> bool:
    """Whether `block` is better begun in a part of its own: it fits there whole, or little room is left here."""
    if room < limit // 4:
        return True
    whole = width(body) <= limit
    return whole and (block.kind is not Kind.TEXT or room < limit // 2)
