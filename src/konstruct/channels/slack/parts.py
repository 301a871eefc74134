"""Where a long text is divided into messages: between blocks where that helps, else inside them, within Slack's limits."""

from __future__ import annotations

from dataclasses import dataclass, field

from konstruct.channels.cutting import width
from konstruct.channels.slack.blocks import TABLE_ROWS_MAX, TABLE_UNITS_MAX, Block, Kind, segment

STANDING_MAX = 24
"""Headings, rules and tables of one message: Slack makes a block of each and of what stands between, 50 at most."""


def divide(text: str, limit: int) -> list[str]:
    """Return `text` as pieces of at most `limit` units, each of which stands alone: fences closed, a table's head repeated."""
    parts: list[str] = []
    held = _Held()
    for block in segment(text):
        body = block.text()
        if held.takes(block, body, limit):
            held.add(block, block.gap + body)
            continue
        room = limit - held.used - len(block.gap)
        if held.full_of(block, body) or _starts_fresh(block, body, room, limit):
            parts.append("".join(held.texts))
            held, room = _Held(), limit
        first, *rest = [body] if width(body) <= room and _Held().takes(block, body, limit) else block.pieces(room, limit)
        if width(first) <= room:
            held.add(block, block.gap + first)
        else:
            parts.append("".join(held.texts))
            held = _Held()
            held.add(block, first)
        for piece in rest:
            parts.append("".join(held.texts))
            held = _Held()
            held.add(block, piece)
    parts.append("".join(held.texts))
    return [part.strip("\n").rstrip() for part in parts]


@dataclass(slots=True)
class _Held:
    """What the part that is being filled holds so far."""

    texts: list[str] = field(default_factory=list)
    used: int = 0
    rows: int = 0
    table_units: int = 0
    standing: int = 0

    def takes(self, block: Block, body: str, limit: int) -> bool:
        """Whether the whole block still fits."""
        return self.used + len(block.gap) + width(body) <= limit and not self.full_of(block, body)

    def full_of(self, block: Block, body: str) -> bool:
        """Whether there is no more room for what the block is, however few units it has."""
        if block.kind is Kind.TABLE:
            over = self.rows + block.rows > TABLE_ROWS_MAX or self.table_units + width(body) > TABLE_UNITS_MAX
            return over or self.standing >= STANDING_MAX
        return block.stands and self.standing >= STANDING_MAX

    def add(self, block: Block, text: str) -> None:
        """Take a block, or a piece of it."""
        self.texts.append(text)
        self.used += width(text)
        self.standing += block.stands
        if block.kind is Kind.TABLE:
            self.rows += text.count("\n") + 1
            self.table_units += width(text)


def _starts_fresh(block: Block, body: str, room: int, limit: int) -> bool:
    """Whether `block` is better begun in a part of its own: it fits there whole, or little room is left here."""
    if room < limit // 4:
        return True
    whole = width(body) <= limit
    return whole and (block.kind is not Kind.TEXT or room < limit // 2)
