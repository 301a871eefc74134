"""DOCX: paragraphs and tables in their order, headings kept, deleted and hidden text left out."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

from konstruct.memory.extraction import archive
from konstruct.memory.extraction.gathering import Gathered, Progress
from konstruct.memory.extraction.refusal import DAMAGED, Unreadable
from konstruct.memory.extraction.tables import table_lines

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
# What Word would not show, or would show a second time.
_LEFT_OUT = {f"{_W}del", f"{_W}moveFrom", f"{_W}pPr", f"{_W}rPr", f"{_W}instrText", _FALLBACK}
_MARKS = {f"{_W}tab": "\t", f"{_W}br": "\n", f"{_W}cr": "\n", f"{_W}noBreakHyphen": "-"}
_LIST = 0
_REPORT_EVERY = 100


def read(data: bytes, progress: Progress) -> str:
    """Return the text of a Word document. Raises Unreadable."""
    archive.check(data)
    import docx

    try:
        document = docx.Document(io.BytesIO(data))
        body: Any = document.element.body
        levels = _levels(document)
        blocks = list(_blocks(body))
    except MemoryError:
        raise
    except Exception:  # a damaged file makes the library raise whatever it runs into
        raise Unreadable(DAMAGED) from None
    gathered = Gathered()
    for number, block in enumerate(blocks):
        if block.tag == f"{_W}tbl":
            for line in table_lines(_rows(block)):
                gathered.add(line)
        else:
            gathered.add(_paragraph(block, levels))
        if number % _REPORT_EVERY == 0:
            progress(number, len(blocks))
    return gathered.text()


def _levels(document: Any) -> dict[str, int]:
    """The levels of the styles that are headings, 0 for those of lists. Word keeps their names in English everywhere."""
    levels: dict[str, int] = {}
    for style in document.styles.element.iter(f"{_W}style"):
        name = next((str(found.get(f"{_W}val")) for found in style.iter(f"{_W}name")), "").casefold()
        kind, _, number = name.partition(" ")
        if name == "title":
            levels[str(style.get(f"{_W}styleId"))] = 1
        elif kind == "list":
            levels[str(style.get(f"{_W}styleId"))] = _LIST
        elif kind == "heading" and number.isdigit():
            levels[str(style.get(f"{_W}styleId"))] = min(6, max(1, int(number)))
    return levels


def _blocks(parent: Any) -> Iterator[Any]:
    """Paragraphs and tables, also those inside content controls and accepted changes."""
    for child in parent:
        if child.tag in (f"{_W}p", f"{_W}tbl"):
            yield child
        elif child.tag in (f"{_W}sdt", f"{_W}sdtContent", f"{_W}customXml", f"{_W}ins", f"{_W}moveTo"):
            yield from _blocks(child)


def _paragraph(paragraph: Any, levels: dict[str, int]) -> str:
    text = _text(paragraph).strip()
    style = paragraph.find(f"{_W}pPr/{_W}pStyle")
    outline = paragraph.find(f"{_W}pPr/{_W}outlineLvl")
    level = levels.get(str(style.get(f"{_W}val"))) if style is not None else None
    if not level and outline is not None and str(outline.get(f"{_W}val")) in "012345":
        level = int(outline.get(f"{_W}val")) + 1
    if level and text:
        return f"{'#' * level} {' '.join(text.split())}"
    listed = level == _LIST or paragraph.find(f"{_W}pPr/{_W}numPr") is not None
    return f"- {text}" if listed and text else text


def _rows(table: Any) -> list[list[str]]:
    return [
        [_text(cell).strip() for cell in row.iter(f"{_W}tc") if _row_of(cell) is row] for row in table.iterchildren(f"{_W}tr")
    ]


def _row_of(cell: Any) -> Any:
    """The row a cell stands in; a table inside a cell has rows of its own, whose text is part of that cell."""
    return next(cell.iterancestors(f"{_W}tr"), None)


def _text(element: Any) -> str:
    return "".join(_pieces(element))


def _pieces(element: Any) -> Iterator[str]:
    for child in element:
        if child.tag == f"{_W}t":
            yield child.text or ""
        elif child.tag in _MARKS:
            yield _MARKS[child.tag]
        elif child.tag == f"{_W}r" and _hidden(child):
            continue
        elif child.tag not in _LEFT_OUT:
            yield from _pieces(child)
            if child.tag == f"{_W}p":
                yield "\n"


def _hidden(run: Any) -> bool:
    mark = run.find(f"{_W}rPr/{_W}vanish")
    return mark is not None and mark.get(f"{_W}val") not in ("0", "false", "off")
