"""Which kind of document a file is: its name, its first bytes and what the browser says must agree."""

from __future__ import annotations

from dataclasses import dataclass

from konstruct.memory.extraction.refusal import Unreadable

HEAD_BYTES = 4096
ACCEPTED = "text, Markdown, PDF, Word (DOCX), web page (HTML) or table (CSV)"
_UNSAID = frozenset(("", "application/octet-stream"))


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of document. `declared` are the types under which browsers send it."""

    name: str
    label: str
    mime: str
    suffixes: tuple[str, ...]
    declared: frozenset[str]


KINDS = (
    Kind("text", "Text", "text/plain", (".txt", ".text"), frozenset(("text/plain",))),
    Kind(
        "markdown",
        "Markdown",
        "text/markdown",
        (".md", ".markdown"),
        frozenset(("text/markdown", "text/x-markdown", "text/plain")),
    ),
    Kind("pdf", "PDF", "application/pdf", (".pdf",), frozenset(("application/pdf", "application/x-pdf"))),
    Kind(
        "docx",
        "Word",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        (".docx",),
        frozenset(("application/vnd.openxmlformats-officedocument.wordprocessingml.document",)),
    ),
    Kind("html", "Web page", "text/html", (".html", ".htm"), frozenset(("text/html", "application/xhtml+xml"))),
    Kind(
        "csv",
        "Table",
        "text/csv",
        (".csv",),
        # Windows with Excel declares every CSV file as Excel's.
        frozenset(("text/csv", "application/csv", "text/comma-separated-values", "text/plain", "application/vnd.ms-excel")),
    ),
)
SUFFIXES = tuple(suffix for kind in KINDS for suffix in kind.suffixes)
_TEXTS = frozenset(("text", "markdown", "html", "csv"))

_PROGRAM = f"is a program, not a document: upload {ACCEPTED}"
_ARCHIVE = "is an archive: unpack it, and upload the documents in it one by one"
_PICTURE = "is a picture or a recording: upload its text instead"
_OLD_OFFICE = "is in an older Office format: save it as DOCX or PDF, and upload that"
_RICH = "is in a format that is not read here: save it as DOCX or PDF, and upload that"
_SHEET = "is a spreadsheet: save the sheet as CSV, and upload that"
_SLIDES = "is a presentation: save it as PDF, and upload that"
_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"MZ", _PROGRAM),
    (b"\x7fELF", _PROGRAM),
    (b"\xca\xfe\xba\xbe", _PROGRAM),
    (b"\xcf\xfa\xed\xfe", _PROGRAM),
    (b"\xce\xfa\xed\xfe", _PROGRAM),
    (b"\xfe\xed\xfa", _PROGRAM),
    (b"\x00asm", _PROGRAM),
    (b"#!/", _PROGRAM),
    (b"Rar!", _ARCHIVE),
    (b"7z\xbc\xaf\x27\x1c", _ARCHIVE),
    (b"\x1f\x8b", _ARCHIVE),
    (b"BZh", _ARCHIVE),
    (b"\xfd7zXZ", _ARCHIVE),
    (b"\x28\xb5\x2f\xfd", _ARCHIVE),
    (b"MSCF", _ARCHIVE),
    (b"\xd0\xcf\x11\xe0", _OLD_OFFICE),
    (b"{\\rtf", _RICH),
    (b"%!PS", _RICH),
    (b"\x89PNG", _PICTURE),
    (b"\xff\xd8\xff", _PICTURE),
    (b"GIF8", _PICTURE),
    (b"RIFF", _PICTURE),
    (b"ID3", _PICTURE),
    (b"SQLite format 3", _RICH),
)
_BY_SUFFIX = {
    **dict.fromkeys("exe dll com scr msi bat cmd ps1 sh vbs js jar apk app lnk hta py".split(), _PROGRAM),
    **dict.fromkeys("zip rar 7z gz tgz bz2 xz tar cab iso zst dmg".split(), _ARCHIVE),
    **dict.fromkeys("png jpg jpeg gif webp svg bmp tif tiff heic mp3 mp4 mov wav".split(), _PICTURE),
    **dict.fromkeys("doc dot".split(), _OLD_OFFICE),
    **dict.fromkeys("docm dotm xlsm pptm".split(), "may hold macros: save it as DOCX or PDF, and upload that"),
    **dict.fromkeys("rtf odt pages epub eml msg".split(), _RICH),
    **dict.fromkeys("xls xlsx ods numbers".split(), _SHEET),
    **dict.fromkeys("ppt pptx odp key".split(), _SLIDES),
}
_ZIP = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")


def kind_of_mime(mime: str) -> Kind:
    """Return the kind of a stored document; text, if its type is of none."""
    return next((kind for kind in KINDS if kind.mime == mime), KINDS[0])


def kind_of_content(filename: str, head: bytes) -> Kind:
    """Return the kind of a file from its first HEAD_BYTES; its name only says which sort of text. Raises Unreadable."""
    if not head:
        raise Unreadable("is empty")
    suffix = filename[filename.rfind(".") :].lower() if "." in filename else ""
    named = {kind.name: kind for kind in KINDS}
    if head.startswith(b"%PDF-"):
        return named["pdf"]
    if head.startswith(_ZIP):
        # Its reader refuses any other archive.
        return named["docx"]
    if (found := _of_bytes(head)) is not None:
        raise Unreadable(found)
    kind = next((kind for kind in KINDS if suffix in kind.suffixes and kind.name in _TEXTS), None)
    start = head.lstrip()[:15].lower()
    if start.startswith((b"<!doctype html", b"<html")):
        return named["html"]
    # Its reader refuses what holds no text.
    return kind or named["text"]


def detect(filename: str, declared: str, head: bytes) -> Kind:
    """Return the kind of a file from its name, declared type and first HEAD_BYTES. Raises Unreadable if they disagree."""
    if not head:
        raise Unreadable("is empty")
    dot = filename.rfind(".")
    suffix = filename[dot:].lower() if dot >= 0 else ""
    kind = next((kind for kind in KINDS if suffix in kind.suffixes), None)
    if kind is None:
        raise Unreadable(
            _BY_SUFFIX.get(suffix[1:]) or _of_bytes(head) or f"is of a kind that is not read here: upload {ACCEPTED}"
        )
    _check_bytes(kind, suffix, head)
    said = declared.partition(";")[0].strip().lower()
    if said not in _UNSAID and said not in kind.declared:
        raise Unreadable(
            f"is sent as {said[:60]!r}, which does not go with a name in {suffix}: save it again under the right name"
        )
    return kind


def _check_bytes(kind: Kind, suffix: str, head: bytes) -> None:
    if (found := _of_bytes(head)) is not None:
        raise Unreadable(f"has a name in {suffix}, but {found}")
    is_pdf, is_zip = head.startswith(b"%PDF-"), head.startswith(_ZIP)
    if kind.name == "pdf" and not is_pdf:
        raise Unreadable("is no PDF, whatever its name says: save it again as PDF, or upload the original document")
    if kind.name == "docx" and not is_zip:
        raise Unreadable("is no Word document, whatever its name says: save it again as DOCX, or upload it as PDF")
    if kind.name in _TEXTS:
        if is_pdf:
            raise Unreadable(f"has a name in {suffix}, but is a PDF: give it a name in .pdf")
        if is_zip:
            raise Unreadable(f"has a name in {suffix}, but {_ARCHIVE}")
        start = head.lstrip()[:15].lower()
        if kind.name != "html" and start.startswith((b"<!doctype html", b"<html")):
            raise Unreadable(f"has a name in {suffix}, but is a web page: give it a name in .html")


def _of_bytes(head: bytes) -> str | None:
    """What the first bytes say it is, if that is nothing that is read here."""
    if head[257:262] == b"ustar":
        return _ARCHIVE
    if head[4:8] == b"ftyp":
        return _PICTURE
    found = next(((magic, what) for magic, what in _MAGIC if head.startswith(magic)), None)
    # A text may begin with the letters MZ or RIFF; a program or a recording does not go on without a control byte.
    if found is None or (found[0].isalnum() and found[0].isascii() and min(head) >= 9):
        return None
    return found[1]
