"""A table of markdown as a list: an item for each row, which names what stands in each column. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from konstruct.channels.whatsapp.inline import Run, runs

_RULE = re.compile(r"[ \t]*\|?(?:[ \t]*:?-+:?[ \t]*\|)+(?:[ \t]*:?-+:?[ \t]*)?|[ \t]*\|[ \t]*:?-+:?[ \t]*")
_BAR = re.compile(r"(?<!\\)\|")
_CODE = re.compile(r"(?<!`)(`{1,4})(?!`)[^\n]{1,500}?(?<!`)\1(?!`)")


@dataclass(slots=True)
class Table:
    """The cells of the head, and of each row, still in markdown."""

    head: list[str]
    rows: list[list[str]] = field(default_factory=list)
    """Those that were not taken yet."""
    begun: bool = False

    def taken(self, defined: Mapping[str, str]) -> Iterator[tuple[str, tuple[Run, ...]]]:
        """Yield the head of the first column as a line of its own, then each row as an item: (what stands before it, words)."""
        rows = [row for row in self.rows if not _is_dashes(row) and any(row)]
        self.rows = []
        if rows and not self.begun:
            self.begun = True
            if self.head[0]:
                yield "", tuple(_bold(runs(self.head[0], defined)))
        for row in rows:
            found: list[Run] = []
            for column, cell in enumerate(row):
                if not cell:
                    continue
                name = self.head[column] if 0 < column < len(self.head) else ""
                words = runs(cell, defined)
                found += [Run(" · ")] if found else []
                found += [*runs(name, defined), Run(": ")] if name else []
                found += words if column else _bold(words)
            yield "- ", tuple(replace(run, text=run.text.replace("\n", " ")) for run in found)

    def rest(self, defined: Mapping[str, str]) -> Iterator[tuple[str, tuple[Run, ...]]]:
        """There are no more rows: of a table that has none, the head is all there is."""
        yield from self.taken(defined)
        named = [cell for cell in self.head if cell]
        if not self.begun and named:
            yield "", tuple(_bold(runs(" · ".join(named), defined)))


def is_rule(line: str) -> bool:
    """Whether `line` is the one below a table's head."""
    return bool(_RULE.fullmatch(line))


def row_of(line: str) -> list[str]:
    """Return the cells of a row."""
    # A bar in code parts no cells.
    masked = _CODE.sub(lambda code: code[0].replace("|", "\x00"), line.strip())
    cells = _BAR.split(masked.removeprefix("|"))
    if len(cells) > 1 and not cells[-1].strip():
        cells.pop()
    return [cell.replace("\x00", "|").replace("\\|", "|").strip() for cell in cells]


def _is_dashes(row: list[str]) -> bool:
    return all(re.fullmatch(r":?-+:?", cell) for cell in row)


def _bold(words: list[Run]) -> list[Run]:
    return [replace(run, styles=run.styles | {"bold"}) for run in words]
