"""A table as text that can be read a row at a time: each value beside the name of its column."""

from __future__ import annotations

import re
from collections.abc import Sequence

_NAME_CHARS = 100
_NUMBER = re.compile(r"^[^\w]*\d[\d.,:/ %€$£-]*$")


def columns_of(row: Sequence[str]) -> list[str] | None:
    """Return the names of the columns if `row`, the first of a table, looks like them; else None."""
    names = [" ".join(cell.split())[:_NAME_CHARS] for cell in row]
    while names and not names[-1]:
        names.pop()
    named = len(names) > 1 and all(names) and len({name.casefold() for name in names}) == len(names)
    return names if named and not any(_NUMBER.match(name) for name in names) else None


def row_text(row: Sequence[str], columns: Sequence[str] | None) -> str:
    """Return a row as one line: “Model: Clubman; Price: 1,290 EUR”. Empty cells are left out."""
    cells = [" ".join(cell.split()) for cell in row]
    if columns is None:
        return "; ".join(cell for cell in cells if cell)
    named = [f"{name}: {cell}" for name, cell in zip(columns, cells, strict=False) if cell]
    return "; ".join(named + [cell for cell in cells[len(columns) :] if cell])


def table_lines(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the rows of a whole table as lines."""
    columns = columns_of(rows[0]) if len(rows) > 1 else None
    lines = [row_text(row, columns) for row in (rows[1:] if columns else rows)]
    return [line for line in lines if line]
