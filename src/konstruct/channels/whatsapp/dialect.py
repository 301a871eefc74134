"""Markdown as models write it, as the lines and the code that WhatsApp shows. Pure.

WhatsApp knows bold, italic, struck through, code, quotes and flat lists (Meta, "formatting messages"). Headings become bold
lines, tables lists of what stands in their rows, links their words and their address; a list within a list is set in.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from konstruct.channels.cutting import fragments
from konstruct.channels.whatsapp import wording
from konstruct.channels.whatsapp.emphasis import Style
from konstruct.channels.whatsapp.inline import Run, runs
from konstruct.channels.whatsapp.tables import Table, is_rule, row_of

_FENCE = re.compile(r"([ \t]*)(`{3,}|~{3,})([^\n]*)")
_HEADING = re.compile(r" {0,3}#{1,6}(?:[ \t]+(.*?))?(?:[ \t]+#+)?[ \t]*")
_UNDERLINE = re.compile(r" {0,3}(?:=+|-{2,})[ \t]*")
_RULE = re.compile(r" {0,3}(?:(?:\*[ \t]*){3,}|(?:-[ \t]*){3,}|(?:_[ \t]*){3,})")
_QUOTE = re.compile(r" {0,3}>(?:[ \t]{0,3}>){0,20}[ \t]?")
_ITEM = re.compile(r"([ \t]{0,40})(?:([-*+•])|([0-9]{1,9})[.)])(?:[ \t]+(.*)|[ \t]*)")
_TASK = re.compile(r"\[([ xX])\][ \t]+")
_FOLD = re.compile(r"[ \t]*</?details(?: open)?>[ \t]*")
_DEFINITION = re.compile(r" {0,3}\[([^\]^\[]{1,80})\]:[ \t]+<?(https?://[^\s<>]{1,2000})>?[ \t]*(?:[\"'(].{0,200}[\"')])?[ \t]*")
_PARAGRAPH_MAX = 13_000
"""Characters that are looked at together; signs of emphasis further apart do not belong to each other."""
_HEADING_MAX = 500
"""Characters of a heading; what is longer is none."""
RULER = "———"


@dataclass(frozen=True, slots=True)
class Line:
    """One line. `prefix` stands before it, `again` before each further piece if it has to be cut."""

    runs: tuple[Run, ...]
    prefix: str = ""
    again: str = ""

    def text(self) -> str:
        """Return it as WhatsApp formats it."""
        return self.prefix + wording.line(self.runs, starts=not self.prefix)


@dataclass(frozen=True, slots=True)
class Block:
    """Lines that belong together, or code. `gap` separates it from the block before: one line end or two."""

    lines: tuple[Line, ...]
    gap: str
    code: str | None = None

    @property
    def length(self) -> int:
        """How many characters it has at least."""
        if self.code is not None:
            return len(self.code)
        return sum(len(run.text) for line in self.lines for run in line.runs)

    def text(self) -> str:
        """Return the whole block."""
        if self.code is not None:
            return f"```{wording.fenced(self.code)}```"
        return "\n".join(line.text() for line in self.lines)


def blocks(text: str) -> Iterator[Block]:
    """Yield what `text` (with plain line ends) says, in order, reading no further than is asked for."""
    lines = text.split("\n")
    reader = _Reader(_definitions(lines))
    for at, line in enumerate(lines):
        reader.read(line, lines[at + 1] if at + 1 < len(lines) else "")
        if reader.blocks:
            yield from reader.blocks
            reader.blocks.clear()
    reader.flush()
    yield from reader.blocks


def _definitions(lines: Sequence[str]) -> dict[str, str]:
    return {match[1].lower(): match[2] for line in lines if (match := _DEFINITION.fullmatch(line))}


class _Reader:
    """Collects lines into blocks."""

    def __init__(self, defined: Mapping[str, str]) -> None:
        self.blocks: list[Block] = []
        self._defined = defined
        self._held: list[str] = []
        """The lines of a paragraph, or of an item."""
        self._size = 0
        self._prefix = self._again = ""
        self._quotes = False
        self._gap = "\n"
        self._fence = ""
        self._fence_indent = 0
        self._code: list[str] = []
        self._table: Table | None = None
        self._numbers: dict[int, int] = {}
        self._indents: list[int] = []

    def read(self, line: str, following: str) -> None:
        """Take the next line; `following` is the one behind it."""
        if self._fence:
            self._read_code(line)
        elif self._table is not None and "|" in line and line.strip() and len(line) <= _PARAGRAPH_MAX:
            self._table.rows.append(row_of(line))
            self._some_rows()
        else:
            self._end_table()
            self._read_text(line, following)

    def flush(self) -> None:
        """Everything was read, or something else begins: what is held is a block."""
        self._end_table()
        if self._fence:
            self._end_code()
        self._flush_held()
        self._prefix, self._again, self._quotes = "", "", False

    def _flush_held(self) -> None:
        if self._held:
            found = _lines(runs("\n".join(self._held), self._defined))
            made = [Line(line, self._prefix if at == 0 else self._again, self._again) for at, line in enumerate(found)]
            self._add(*made)
            self._prefix = self._again
        self._held, self._size = [], 0

    def _read_text(self, line: str, following: str) -> None:
        fence = _FENCE.fullmatch(line)
        if fence is not None and not (fence[2][0] == "`" and "`" in fence[3]):
            self.flush()
            self._fence, self._fence_indent = fence[2], len(fence[1])
        elif not line.strip():
            self.flush()
            self._gap = "\n\n"
        elif self._held and not self._prefix and self._size <= _HEADING_MAX and _UNDERLINE.fullmatch(line):
            self._heading(" ".join(self._held))
        elif len(line) <= _HEADING_MAX and (heading := _HEADING.fullmatch(line)) is not None:
            self._heading(heading[1] or "")
        elif _RULE.fullmatch(line):
            self.flush()
            self._add(Line((Run(RULER),)))
        elif _FOLD.fullmatch(line) or _DEFINITION.fullmatch(line):
            self.flush()
        elif "|" in line and len(line) <= _PARAGRAPH_MAX and not self._prefix and is_rule(following):
            self.flush()
            self._table = Table(row_of(line))
        elif (quote := _QUOTE.match(line)) is not None:
            self._quote(line[quote.end() :])
        elif (item := _ITEM.fullmatch(line)) is not None:
            self._item(item)
        else:
            self._more(line)

    def _more(self, line: str) -> None:
        """A line of a paragraph, or one that goes on with an item."""
        if self._quotes or self._size > _PARAGRAPH_MAX:
            self.flush()
        if not self._held and not line[0].isspace():
            self._indents, self._numbers = [], {}
        self._hold(line.strip())

    def _hold(self, line: str) -> None:
        if len(line) > _PARAGRAPH_MAX:
            *pieces, line = fragments(line, _PARAGRAPH_MAX, keep_spaces=False)
            for piece in pieces:
                self._held.append(piece)
                self._flush_held()
        self._held.append(line.rstrip("\\") if line.endswith("\\") and not line.endswith("\\\\") else line)
        self._size += len(line)

    def _quote(self, content: str) -> None:
        if not self._quotes or self._size > _PARAGRAPH_MAX:
            self.flush()
            self._quotes, self._prefix, self._again = True, "> ", "> "
        heading = _HEADING.fullmatch(content)
        self._hold(f"**{heading[1]}**" if heading is not None and heading[1] else content.strip())

    def _item(self, item: re.Match[str]) -> None:
        self.flush()
        indent = len(item[1].expandtabs(4))
        self._indents = [*(each for each in self._indents if each < indent), indent]
        self._numbers = {each: number for each, number in self._numbers.items() if each <= indent}
        sets_in = "  " * (len(self._indents) - 1)
        content = (item[4] or "").strip()
        if item[3] is not None:
            number = int(item[3])
            if number == 1:
                # A list whose items are all numbered 1 counts on: a message may begin in the middle of it.
                number = self._numbers.get(indent, 0) + 1
            self._numbers[indent] = number
            self._prefix = f"{sets_in}{number}. "
        else:
            self._numbers.pop(indent, None)
            self._prefix = f"{sets_in}- "
        if (task := _TASK.match(content)) is not None:
            content = f"{'☐' if task[1] == ' ' else '☑'} {content[task.end() :]}"
        self._again = " " * len(self._prefix)
        self._hold(content)

    def _heading(self, words: str) -> None:
        self._held, held = [], self._held
        if not held or words != " ".join(held):
            self._held = held
        self.flush()
        self._indents, self._numbers = [], {}
        said = [_styled(run) for run in runs(words, self._defined)]
        if said:
            self._add(*(Line(line) for line in _lines(said)))

    def _read_code(self, line: str) -> None:
        mark = line.strip()
        if mark and len(mark) >= len(self._fence) and mark == self._fence[0] * len(mark):
            self._end_code()
            return
        indent = len(line) - len(line.lstrip(" \t"))
        self._code.append(line[min(indent, self._fence_indent) :])

    def _end_code(self) -> None:
        code = "\n".join(self._code).strip("\n").rstrip()
        self._fence, self._code = "", []
        if code.strip():
            self.blocks.append(Block((), self._gap, code))
        self._gap = "\n"

    def _some_rows(self) -> None:
        assert self._table is not None
        for prefix, row in self._table.taken(self._defined):
            self._add(Line(row, prefix, " " * len(prefix)))

    def _end_table(self) -> None:
        if self._table is not None:
            for prefix, row in self._table.rest(self._defined):
                self._add(Line(row, prefix, " " * len(prefix)))
            self._table = None

    def _add(self, *lines: Line) -> None:
        if lines:
            self.blocks.append(Block(lines, self._gap))
        self._gap = "\n"


def _styled(run: Run) -> Run:
    bold: frozenset[Style] = frozenset(("bold",))
    return replace(run, styles=bold | run.styles - {"italic"})


def _lines(found: Sequence[Run]) -> list[tuple[Run, ...]]:
    """Return the runs of each line: a line end parts what is written alike."""
    lines: list[list[Run]] = [[]]
    for run in found:
        first, *others = run.text.split("\n")
        if first:
            lines[-1].append(replace(run, text=first))
        for each in others:
            lines.append([replace(run, text=each)] if each else [])
    return [tuple(line) for line in lines if "".join(run.text for run in line).strip()]
