"""Looks at a DOCX file's archive before anything in it is unpacked."""

from __future__ import annotations

import io
import re
import zipfile

from konstruct.memory.extraction.refusal import DAMAGED, PASSWORD, TWO_KINDS, Unreadable

MAX_ENTRIES = 2_000
MAX_UNPACKED = 64 * 1024 * 1024
MAX_RATIO = 200
_RATIO_FROM = 1024 * 1024
"""Smaller entries may be packed as tightly as they like: a page of spaces is no attack."""

BOMB = "unpacks to far more than it says it is: it looks made to do harm"
STRANGE_PATHS = "holds files with paths that no word processor writes: it looks made to do harm"
PROGRAMS = "holds macros or other programs: save it as a plain DOCX without them, and upload that"
EMBEDDED = "holds other files inside: take them out, and upload each by itself"
NO_WORD = "is an archive, not a Word document: unpack it, and upload the documents in it one by one"
_PROGRAM = re.compile(r"vbaproject|vbadata|activex|macrosheets|\.(?:exe|dll|com|scr|js|vbs|bat|cmd|ps1|jar|msi|lnk|hta)$", re.I)
_EMBEDDED = re.compile(r"/embeddings/|oleobject|\.(?:zip|rar|7z|gz|tgz|bz2|xz|cab|iso|tar|docx|xlsx|pptx|docm|bin|pdf)$", re.I)
_HARMLESS = re.compile(r"^word/printersettings/|^customxml/", re.I)
_MAIN = b"application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"


def check(data: bytes) -> None:
    """Raise Unreadable unless `data` is the archive of a plain Word document."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
            _check_size(entries)
            for entry in entries:
                _check_entry(entry)
            _check_whole(data, archive, entries)
            _check_word(archive, {entry.filename for entry in entries})
    except (zipfile.BadZipFile, EOFError, OSError, ValueError, NotImplementedError, RuntimeError, KeyError):
        raise Unreadable(DAMAGED) from None


def _check_size(entries: list[zipfile.ZipInfo]) -> None:
    if len(entries) > MAX_ENTRIES or sum(entry.file_size for entry in entries) > MAX_UNPACKED:
        raise Unreadable(BOMB)
    if len({entry.filename.casefold() for entry in entries}) != len(entries):
        raise Unreadable(STRANGE_PATHS)


def _check_entry(entry: zipfile.ZipInfo) -> None:
    name = entry.filename
    parts = name.split("/")
    # orig_filename is what stands in the file: Python cuts a name at a NUL.
    if name.startswith("/") or ".." in parts or "\\" in entry.orig_filename or ":" in name or "\x00" in entry.orig_filename:
        raise Unreadable(STRANGE_PATHS)
    if (entry.external_attr >> 16) & 0o170000 == 0o120000:
        raise Unreadable(STRANGE_PATHS)
    if entry.flag_bits & 0x1:
        raise Unreadable(PASSWORD)
    if entry.file_size > _RATIO_FROM and entry.file_size > MAX_RATIO * max(1, entry.compress_size):
        raise Unreadable(BOMB)
    if _PROGRAM.search(name):
        raise Unreadable(PROGRAMS)
    if _EMBEDDED.search(name) and not _HARMLESS.match(name):
        raise Unreadable(EMBEDDED)


def _check_whole(data: bytes, archive: zipfile.ZipFile, entries: list[zipfile.ZipInfo]) -> None:
    """Refuse a file that is something else as well: bytes before the first entry, after the last, or between two."""
    first = min((entry.header_offset for entry in entries), default=0)
    ends_with_its_directory = data[-22:-18] == b"PK\x05\x06" and not archive.comment
    if first != 0 or not ends_with_its_directory or not data.startswith(b"PK\x03\x04") or b"%PDF-" in data[:1024]:
        raise Unreadable(TWO_KINDS)
    if sum(entry.compress_size for entry in entries) > len(data):
        raise Unreadable(BOMB)


def _check_word(archive: zipfile.ZipFile, names: set[str]) -> None:
    if not {"[Content_Types].xml", "word/document.xml"} <= names:
        raise Unreadable(NO_WORD)
    types = archive.read("[Content_Types].xml")
    if b"macroEnabled" in types or b"vbaProject" in types:
        raise Unreadable(PROGRAMS)
    if _MAIN not in types:
        raise Unreadable(NO_WORD)
