"""What the pages of documents show."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from konstruct.memory.documents import TITLE_MAX, Passage
from konstruct.memory.documents_repository import DocumentDetail, DocumentInfo, Piece
from konstruct.memory.extraction.kinds import SUFFIXES, kind_of_mime
from konstruct.memory.extraction.limits import MAX_DOCUMENT_CHARS, MAX_FILE_BYTES
from konstruct.memory.highlight import Span, reasons, spans

_HEADING = re.compile(r"#{1,6}\s+(.+)")
PASTED = "pasted text"
"""The source of what was written into the form, in place of a file's name."""


@dataclass(frozen=True, slots=True)
class Row:
    """A document in the list."""

    info: DocumentInfo

    @property
    def label(self) -> str:
        """What people call this kind of document."""
        return "Text" if self.info.size is None else kind_of_mime(self.info.mime).label

    @property
    def size(self) -> str:
        """Its size in the unit that makes the shortest number."""
        return _size(self.info.size) if self.info.size is not None else f"{self.info.chars:,} characters"

    @property
    def percent(self) -> int | None:
        """How far the reading is; None before it has said so."""
        return min(99, 100 * self.info.done // self.info.total) if self.info.total else None

    @property
    def reading(self) -> bool:
        """Whether it is still being read."""
        return self.info.status == "processing"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one file: taken, known already, or refused with the reason in `text`."""

    text: str
    tone: str
    document_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class ListView:
    """The list with its forms. `address` is that of the list itself, to be asked for again while something is being read."""

    rows: Sequence[Row]
    address: str
    older: str | None = None
    told: str = ""
    outcomes: Sequence[Outcome] = ()
    pasted: Mapping[str, str] = field(default_factory=lambda: {"title": "", "text": ""})
    errors: Mapping[str, str] = field(default_factory=dict)
    accept: str = ",".join(SUFFIXES)
    max_bytes: int = MAX_FILE_BYTES
    max_size: str = f"{MAX_FILE_BYTES // 1024 // 1024} MB"
    title_max: int = TITLE_MAX
    text_max: int = MAX_DOCUMENT_CHARS

    @property
    def reading(self) -> bool:
        """Whether a document of the list is still being read."""
        return any(row.reading for row in self.rows)


@dataclass(frozen=True, slots=True)
class Part:
    """A chunk of a document: its heading and what stands under it."""

    number: int
    heading: str
    body: str
    source: str
    recorded_at: datetime

    @classmethod
    def of(cls, piece: Piece) -> Part:
        """Return what the page shows of a chunk."""
        return cls(piece.position + 1, *_parted(piece.text), piece.source, piece.recorded_at)


@dataclass(frozen=True, slots=True)
class DetailView:
    """A document with a page of its chunks."""

    detail: DocumentDetail
    row: Row
    pieces: Sequence[Part]
    first: bool
    next: str | None


@dataclass(frozen=True, slots=True)
class Found:
    """A passage that a search found, and why."""

    document_id: UUID
    title: str
    source: str
    recorded_at: datetime
    heading: Sequence[Span]
    body: Sequence[Span]
    reasons: Sequence[str]

    @classmethod
    def of(cls, query: str, passage: Passage) -> Found:
        """Return what the page shows of a passage."""
        why = reasons(query, f"{passage.title}\n{passage.text}")
        heading, body = (spans(query, part) for part in _parted(passage.text))
        return cls(passage.document_id, passage.title, passage.source, passage.recorded_at, heading, body, why)


@dataclass(frozen=True, slots=True)
class SearchView:
    """What the employee would find; None for a page without a question."""

    query: str
    found: Sequence[Found] | None


def told_of(values: Mapping[str, str]) -> str:
    """Return what an act before this page came to, from the address's numbers; anything else there says nothing."""
    count = {name: int(value) for name, value in values.items() if value.isascii() and value.isdigit() and len(value) < 4}
    if count.get("deleted"):
        return "The document is deleted, with everything that was stored of it."
    said = []
    if added := count.get("added", 0):
        said.append("The document is added." if added == 1 else f"{added} documents are added.")
    if known := count.get("known", 0):
        said.append("One was known already, and is left as it was." if known == 1 else f"{known} were known already.")
    return " ".join(said)


def _parted(text: str) -> tuple[str, str]:
    """A chunk's heading, without its marks, and the rest; a chunk that is only a heading has no other text."""
    first, _, rest = text.partition("\n")
    heading = _HEADING.match(first)
    return (heading.group(1), rest) if heading and rest.strip() else ("", text)


def _size(count: int) -> str:
    if count < 1024:
        return f"{count} B"
    return f"{count / 1024:.0f} KB" if count < 1024 * 1024 else f"{count / 1024 / 1024:.1f} MB"
