"""The blocks of a markdown text: paragraphs, fenced code, tables. Each can cut itself into pieces that stand alone."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum

from konstruct.channels.cutting import fragments, width
from konstruct.channels.slack.safety import BREAK

_OPEN = re.compile(r"([ \t]{0,40})(`{3,}|~{3,})(.*)")
_TABLE_RULE = re.compile(r"\s*\|?[\s:|-]*-[\s:|-]*")
_STANDING = re.compile(r" {0,3}(?:#{1,6}(?:[ \t].*)?|(?:\*[ \t]*){3,}|(?:-[ \t]*){3,}|(?:_[ \t]*){3,})")
"""A heading or a rule: it stands by itself."""
TABLE_ROWS_MAX = 100
TABLE_COLUMNS_MAX = 20
TABLE_UNITS_MAX = 10_000
"""Of the tables of one message (docs: "Table block"). The markdown block makes them of the tables in it."""
_LANGUAGE_MAX = 30


class Kind(Enum):
    """What a block is."""

    TEXT = "text"
    CODE = "code"
    TABLE = "table"


@dataclass(frozen=True, slots=True)
class Fence:
    """The marks around fenced code."""

    indent: str
    marker: str
    language: str

    def closed_by(self, line: str) -> bool:
        """Return whether `line` ends the code (CommonMark: as many marks or more, and nothing else)."""
        mark = line.strip()
        return len(mark) >= len(self.marker) and mark == self.marker[0] * len(mark)


@dataclass(frozen=True, slots=True)
class Block:
    """Lines that belong together. `lines` of code leave out the fence."""

    kind: Kind
    lines: tuple[str, ...]
    gap: str
    """What separates it from the block before: one line end or two."""
    fence: Fence | None = None
    opening: str = ""

    def text(self) -> str:
        """Return the whole block, its fence closed."""
        if self.fence is None:
            return "\n".join(self.lines)
        return "\n".join((self.opening, *self.lines, self.fence.indent + self.fence.marker))

    @property
    def rows(self) -> int:
        """How many rows of a table it has, its head included."""
        return len(self.lines) if self.kind is Kind.TABLE else 0

    @property
    def stands(self) -> bool:
        """Whether Slack makes a block of its own of it: a heading, a rule, a table."""
        return self.kind is Kind.TABLE or (self.kind is Kind.TEXT and bool(_STANDING.fullmatch(self.lines[0])))

    def pieces(self, first: int, limit: int) -> Iterator[str]:
        """Yield the block in pieces: the first within `first` units where that helps, all within `limit`."""
        if self.fence is not None:
            return _code_pieces(self.fence, self.lines, first, limit)
        if self.kind is Kind.TABLE:
            return _table_pieces(self.lines, first, limit)
        return _pack(_text_lines(self.lines, limit), first, limit)


def segment(text: str) -> list[Block]:
    """Return the blocks of `text`, in order."""
    reader = _Reader()
    for line in text.split("\n"):
        reader.read(line)
    reader.flush()
    return reader.blocks


class _Reader:
    """Collects lines into blocks."""

    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self._kind = Kind.TEXT
        self._lines: list[str] = []
        self._gap = "\n"
        self._fence: Fence | None = None
        self._opening = ""

    def read(self, line: str) -> None:
        if self._fence is not None:
            if self._fence.closed_by(line):
                self.flush()
            else:
                self._lines.append(line)
        elif (fence := fence_of(line)) is not None:
            self.flush()
            self._kind, self._fence, self._opening = Kind.CODE, fence, line
        elif not line.strip():
            self.flush()
            self._gap = "\n\n"
        else:
            kind = Kind.TABLE if line.lstrip().startswith("|") else Kind.TEXT
            # Three dashes below a line make a heading of it: they stay together.
            stands = bool(_STANDING.fullmatch(line)) and (not self._lines or line.lstrip().startswith("#"))
            if self._lines and (kind is not self._kind or stands):
                self.flush()
            self._kind = kind
            self._lines.append(line)
            if stands:
                self.flush()

    def flush(self) -> None:
        if self._lines or self._fence is not None:
            self.blocks.append(self._block())
            self._gap = "\n"
        self._kind, self._lines, self._fence, self._opening = Kind.TEXT, [], None, ""

    def _block(self) -> Block:
        lines = tuple(self._lines)
        if self._kind is Kind.TABLE and lines[0].count("|") > TABLE_COLUMNS_MAX + 1:
            # Slack refuses it as a table: as code, its columns can be read at least.
            return Block(Kind.CODE, lines, self._gap, Fence("", "```", ""), "```")
        return Block(self._kind, lines, self._gap, self._fence, self._opening)


def fence_of(line: str) -> Fence | None:
    """Return the marks of the code that `line` opens, or None if it opens none."""
    match = _OPEN.fullmatch(line)
    if match is None or (match[2][0] == "`" and "`" in match[3]):
        return None
    words = match[3].split()
    return Fence(match[1], match[2], words[0][:_LANGUAGE_MAX] if words else "")


def _text_lines(lines: Iterable[str], limit: int) -> Iterator[str]:
    for line in lines:
        for number, fragment in enumerate(fragments(line, limit - len(BREAK), keep_spaces=False)):
            # What a cut put at the start of a line must not open a fence there.
            guarded = number and fragment.lstrip().startswith(("```", "~~~"))
            yield BREAK + fragment if guarded else fragment


def _code_pieces(fence: Fence, lines: tuple[str, ...], first: int, limit: int) -> Iterator[str]:
    mark = fence.marker[0]
    longest = max((len(run) for line in lines for run in re.findall(f"{re.escape(mark)}+", line)), default=0)
    # Longer than any run inside, so that a cut line cannot look like the end of the code.
    marker = mark * max(len(fence.marker), longest + 1)
    opening, closing = f"{fence.indent}{marker}{fence.language}", fence.indent + marker
    frame = width(opening) + width(closing) + 2
    inner = (piece for line in lines or ("",) for piece in (fragments(line, limit - frame, keep_spaces=True) if line else [line]))
    for body in _pack(inner, first - frame, limit - frame):
        yield f"{opening}\n{body}\n{closing}"


def _table_pieces(lines: tuple[str, ...], first: int, limit: int) -> Iterator[str]:
    head = ""
    if len(lines) > 2 and _TABLE_RULE.fullmatch(lines[1]) and width(lines[0] + lines[1]) < limit // 4:
        head, lines = f"{lines[0]}\n{lines[1]}\n", lines[2:]
    room = min(limit, TABLE_UNITS_MAX) - width(head)
    rows = TABLE_ROWS_MAX - 2
    for body in _pack(_text_lines(lines, room), first - width(head), room, rows):
        yield head + body


def _pack(lines: Iterable[str], first: int, limit: int, most: int | None = None) -> Iterator[str]:
    """Yield as many of `lines` together as fit, `most` at most; a line that does not fit the first piece starts the second."""
    held: list[str] = []
    used, room = 0, first
    for line in lines:
        size = width(line) + 1
        if used + size - 1 > room or len(held) == most:
            if held:
                yield "\n".join(held)
            held, used, room = [], 0, limit
        held.append(line)
        used += size
    if held:
        yield "\n".join(held)
