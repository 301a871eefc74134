"""Where a long answer is divided into messages: between blocks where that helps, else inside them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from konstruct.channels.cutting import fragments, width
from konstruct.channels.whatsapp import wording
from konstruct.channels.whatsapp.dialect import Block, Line
from konstruct.channels.whatsapp.inline import Run

_ROOM_LEAST = 64


def divide(blocks: Iterable[Block], limit: int) -> Iterator[str]:
    """Yield `blocks` as pieces of at most `limit` units, each of which stands alone: code and formatting closed."""
    held: list[str] = []
    used = 0
    for block in blocks:
        body = block.text()
        size, room = width(body), limit - used - len(block.gap) if held else limit
        if held and size > room and _starts_fresh(block, size, room, limit):
            yield "".join(held)
            held, used, room = [], 0, limit
        for piece in [body] if size <= room else _pieces(block, room, limit):
            size = width(piece)
            if held and size > limit - used - len(block.gap):
                yield "".join(held)
                held, used = [], 0
            held += [block.gap, piece] if held else [piece]
            used = used + len(block.gap) + size if len(held) > 1 else size
    if held:
        yield "".join(held)


def _starts_fresh(block: Block, size: int, room: int, limit: int) -> bool:
    """Whether `block` is better begun in a part of its own: it fits there whole, or little room is left here."""
    return room < limit // 4 or (size <= limit and (block.code is not None or room < limit // 2))


def _pieces(block: Block, first: int, limit: int) -> Iterator[str]:
    """Yield the block in pieces: the first within `first` units where that helps, all within `limit`."""
    if block.code is not None:
        frame = len("``````") + 2 * len(wording.BREAK)
        lines = block.code.split("\n")
        cut = (piece for line in lines for piece in (_code_fragments(line, limit - frame) if line else [line]))
        for body in _packed(cut, first - frame, limit - frame):
            if body.strip():
                yield f"```{wording.fenced(body)}```"
        return
    yield from _packed((piece for line in block.lines for piece in _cut(line, limit)), first, limit)


def _code_fragments(line: str, limit: int) -> Iterator[str]:
    # Fences that are broken up need a little room.
    for fragment in fragments(line, limit, keep_spaces=True):
        yield from (
            fragments(fragment, limit * 2 // 3, keep_spaces=True) if width(wording.fenced(fragment)) > limit else [fragment]
        )


def _packed(lines: Iterator[str], first: int, limit: int) -> Iterator[str]:
    """Yield as many of `lines` together as fit; a line that does not fit the first piece starts the second."""
    held: list[str] = []
    used, room = 0, first
    for line in lines:
        size = width(line) + 1
        if used + size - 1 > room:
            if held:
                yield "\n".join(held)
            held, used, room = [], 0, limit
        held.append(line)
        used += size
    if held:
        yield "\n".join(held)


def _cut(line: Line, limit: int) -> list[str]:
    """Return the line in pieces that each close what they open."""
    whole = line.text()
    if width(whole) <= limit:
        return [whole]
    plain = "".join(run.text for run in line.runs)
    room = limit - len(line.again) - _ROOM_LEAST
    while True:
        pieces = list(_slices(line, plain, room))
        if all(width(piece) <= limit for piece in pieces) or room <= _ROOM_LEAST:
            return pieces
        room = room * 3 // 4


def _slices(line: Line, plain: str, room: int) -> Iterator[str]:
    at = 0
    for number, fragment in enumerate(fragments(plain, room, keep_spaces=False)):
        begin = plain.index(fragment, at)
        at = begin + len(fragment)
        before = line.again if number else line.prefix
        yield before + wording.line(list(_between(line.runs, begin, at)), starts=not before)


def _between(runs: Sequence[Run], begin: int, end: int) -> Iterator[Run]:
    at = 0
    for run in runs:
        piece = run.text[max(0, begin - at) : max(0, end - at)]
        if piece:
            yield Run(piece, run.styles, run.kind)
        at += len(run.text)
