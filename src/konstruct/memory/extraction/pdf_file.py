"""PDF: the text of each page; lines set larger than the rest become headings."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterator
from typing import Any

from konstruct.memory.extraction.gathering import Gathered, Progress
from konstruct.memory.extraction.limits import MAX_DOCUMENT_CHARS, MAX_PAGES
from konstruct.memory.extraction.refusal import DAMAGED, PASSWORD, TOO_HEAVY, TOO_MUCH_TEXT, TWO_KINDS, Unreadable

PICTURES = "has pictures of text only, as a scanner makes them: run text recognition (OCR) over it first, or paste its text"
TOO_MANY_PAGES = f"has more than {MAX_PAGES} pages: split it into several files"
_HEADING_FROM = 1.15
"""A line this much larger than most of the text is a heading."""
_HEADING_CHARS = 120
_END_OF_ARCHIVE = b"PK\x05\x06"
_END_BYTES = 22 + 65_535

Line = tuple[str, float]


def read(data: bytes, progress: Progress) -> str:
    """Return the text of a PDF. Raises Unreadable."""
    if _END_OF_ARCHIVE in data[-_END_BYTES:]:
        raise Unreadable(TWO_KINDS)
    from pypdf import PdfReader
    from pypdf.errors import LimitReachedError

    try:
        reader = PdfReader(io.BytesIO(data), strict=False)
        # Many a PDF is only protected against changes: the empty password opens it.
        if reader.is_encrypted and not reader.decrypt(""):
            raise Unreadable(PASSWORD)
        total = len(reader.pages)
        if total > MAX_PAGES:
            raise Unreadable(TOO_MANY_PAGES)
        pages = list(_pages(reader, total, progress))
    except (Unreadable, MemoryError):
        raise
    except LimitReachedError:
        raise Unreadable(TOO_HEAVY) from None
    except Exception:  # a damaged file makes the library raise whatever it runs into
        raise Unreadable(DAMAGED) from None
    return _text(pages)


def _pages(reader: Any, total: int, progress: Progress) -> Iterator[list[Line]]:
    chars = 0
    for number, page in enumerate(reader.pages):
        progress(number, total)
        lines = _lines(page)
        chars += sum(len(text) for text, _ in lines)
        if chars > MAX_DOCUMENT_CHARS:
            raise Unreadable(TOO_MUCH_TEXT)
        yield lines


def _lines(page: Any) -> list[Line]:
    """The lines of a page, each with the size most of it is set in."""
    sizes: list[tuple[str, float]] = []

    def visit(text: str, cm: list[float], tm: list[float], _: object, size: float) -> None:
        # The third and fourth number of both matrices say how much the text is stretched upwards.
        scale = (tm[2] ** 2 + tm[3] ** 2) ** 0.5 * (cm[2] ** 2 + cm[3] ** 2) ** 0.5
        sizes.append((text, round(abs(size or 0) * scale, 1)))

    page.extract_text(visitor_text=visit)
    lines: list[tuple[list[str], Counter[float]]] = [([], Counter())]
    for text, size in sizes:
        for number, piece in enumerate(text.split("\n")):
            if number:
                lines.append(([], Counter()))
            lines[-1][0].append(piece)
            lines[-1][1][size] += len(piece.strip())
    return [("".join(pieces).strip(), weights.most_common(1)[0][0] if weights else 0.0) for pieces, weights in lines]


def _text(pages: list[list[Line]]) -> str:
    weights: Counter[float] = Counter()
    for line, size in (line for page in pages for line in page):
        weights[size] += len(line)
    usual = weights.most_common(1)[0][0] if weights else 0.0
    larger = sorted((size for size in weights if usual and size >= usual * _HEADING_FROM), reverse=True)
    gathered = Gathered()
    for page in pages:
        block: list[str] = []
        for line, size in page:
            if size in larger and 0 < len(line) <= _HEADING_CHARS:
                gathered.add("\n".join(block))
                gathered.add(f"{'#' * min(6, larger.index(size) + 1)} {line.lstrip('#').strip()}")
                block = []
            else:
                block.append(line)
        gathered.add("\n".join(block))
    return gathered.text(empty=PICTURES)
