"""CSV: each row becomes a line of “column: value” pairs, so that it can be understood by itself."""

from __future__ import annotations

import csv
import io

from konstruct.memory.extraction.encoding import decode
from konstruct.memory.extraction.gathering import Gathered, Progress
from konstruct.memory.extraction.limits import MAX_COLUMNS, MAX_ROWS
from konstruct.memory.extraction.refusal import Unreadable
from konstruct.memory.extraction.tables import columns_of, row_text

TOO_MANY_ROWS = f"has more than {MAX_ROWS:,} rows: split the table into several files"
TOO_MANY_COLUMNS = f"has a row with more than {MAX_COLUMNS} columns: leave out those that nobody asks about"
NO_TABLE = "cannot be read as a table: a quotation mark is not closed, or a cell is far too long"
_DELIMITERS = (",", ";", "\t", "|")
_SAMPLE_LINES = 20
_CELL_CHARS = 100_000
_REPORT_EVERY = 500


def read(data: bytes, progress: Progress) -> str:
    """Return the rows of a table as text. Raises Unreadable."""
    text = decode(data)
    delimiter, text = _delimiter(text)
    total = text.count("\n") + 1
    gathered = Gathered()
    columns: list[str] | None = None
    csv.field_size_limit(_CELL_CHARS)
    try:
        filled = (row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if any(map(str.strip, row)))
        for number, row in enumerate(filled):
            if number > MAX_ROWS:
                raise Unreadable(TOO_MANY_ROWS)
            if len(row) > MAX_COLUMNS:
                raise Unreadable(TOO_MANY_COLUMNS)
            if number == 0 and (columns := columns_of(row)):
                continue
            gathered.add(row_text(row, columns))
            if number % _REPORT_EVERY == 0:
                progress(number, total)
    except csv.Error:
        raise Unreadable(NO_TABLE) from None
    return gathered.text()


def _delimiter(text: str) -> tuple[str, str]:
    """Return the delimiter, and the text without the line in which a spreadsheet program may have named it."""
    first, _, rest = text.partition("\n")
    if first.strip().lower().startswith("sep=") and first.strip()[4:5] in _DELIMITERS:
        return first.strip()[4:5], rest
    lines = text[: _SAMPLE_LINES * 2000].splitlines()[:_SAMPLE_LINES]
    return max(_DELIMITERS, key=lambda mark: _evenness(lines, mark)), text


def _evenness(lines: list[str], mark: str) -> tuple[int, int]:
    """How many of the lines have as many of `mark` as the first has, then how many that are. None of it counts for nothing."""
    counts = [line.count(mark) for line in lines if line.strip()]
    if not counts or not counts[0]:
        return 0, 0
    return sum(count == counts[0] for count in counts), counts[0]
