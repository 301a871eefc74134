"""Where a long answer is divided into messages: between blocks where that helps, else inside them. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate

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
        room = limit - used - len(block.gap) if held else limit
        body = block.text() if block.length <= limit else ""
        size = width(body) if body else block.length
        if held and size > room and _starts_fresh(block, size, room, limit):
            yield "".join(held)
            held, used, room = [], 0, limit
        for piece in [body] if body and size <= room else _pieces(block, room, limit):
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


def _cut(line: Line, limit: int) -> Iterator[str]:
    """Yield the line in pieces that each close what they open."""
    plain = "".join(run.text for run in line.runs)
    if len(plain) <= limit and width(whole := line.text()) <= limit:
        yield whole
        return
    begins = list(accumulate((len(run.text) for run in line.runs), initial=0))
    at, before = 0, line.prefix
    while at < len(plain):
        room = limit - len(before) - _ROOM_LEAST
        while True:
            window = plain[at : at + 2 * room]
            fragment = next(fragments(window, room, keep_spaces=False), "")
            begin = at + window.index(fragment)
            end = begin + len(fragment)
            piece = before + wording.line(_between(line.runs, begins, begin, end), starts=not before)
            if width(piece) <= limit or room <= _ROOM_LEAST:
                break
            room = room * 3 // 4
        if fragment:
            yield piece
        at, before = (end, line.again) if fragment else (len(plain), "")
        at += len(plain[at : at + limit]) - len(plain[at : at + limit].lstrip())


def _between(runs: Sequence[Run], begins: Sequence[int], begin: int, end: int) -> list[Run]:
    """Return the runs of a stretch of the words."""
    first = bisect_right(begins, begin) - 1
    found: list[Run] = []
    for run, at in zip(runs[first:], begins[first:], strict=False):
        if at >= end:
            break
        found.append(Run(run.text[max(0, begin - at) : end - at], run.styles, run.kind))
    return found
