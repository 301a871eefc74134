"""What a file is: its name, its first bytes and what the browser says must agree."""

from __future__ import annotations

import pytest

from konstruct.memory.extraction.kinds import KINDS, detect
from konstruct.memory.extraction.refusal import Unreadable
from konstruct.memory.uploads import tidy_name, title_of
from tests.memory import files

TEXT = b"We open at nine."


@pytest.mark.parametrize(
    ("filename", "declared", "head", "kind"),
    [
        ("a.txt", "text/plain", TEXT, "text"),
        ("A.MD", "", TEXT, "markdown"),
        ("a.markdown", "application/octet-stream", TEXT, "markdown"),
        ("a.pdf", "application/pdf", b"%PDF-1.7", "pdf"),
        ("a.docx", KINDS[3].mime, b"PK\x03\x04", "docx"),
        ("a.htm", "text/html; charset=utf-8", b"<html>", "html"),
        ("a.csv", "application/vnd.ms-excel", b"a;b", "csv"),
        ("mz.txt", "text/plain", b"MZ 250 motorcycles: spare parts", "text"),
        ("riff.md", "", b"RIFF is a format, and so is ID3.", "markdown"),
    ],
)
def test_what_agrees_is_taken(filename: str, declared: str, head: bytes, kind: str) -> None:
    assert detect(filename, declared, head).name == kind


@pytest.mark.parametrize(
    ("filename", "declared", "head", "said"),
    [
        ("a.txt", "", b"", "is empty"),
        ("setup.exe", "", b"MZ\x90\x00", "is a program"),
        ("handbook.pdf", "", b"MZ\x90\x00", "but is a program"),
        ("handbook.pdf", "", b"\x7fELF\x02", "but is a program"),
        ("run.txt", "text/plain", b"#!/bin/sh\nrm -rf /", "but is a program"),
        ("run.sh", "", b"echo", "is a program"),
        ("a.zip", "application/zip", b"PK\x03\x04", "is an archive: unpack it"),
        ("a.txt", "", b"PK\x03\x04", "is an archive"),
        ("a.docx", "", b"Rar!\x1a\x07", "is an archive"),
        ("a.md", "", b"7z\xbc\xaf\x27\x1c", "is an archive"),
        ("a.csv", "", b"\x1f\x8b\x08", "is an archive"),
        ("a.txt", "", b"x" * 257 + b"ustar", "is an archive"),
        ("a.pdf", "", b"\x89PNG\r\n", "is a picture"),
        ("photo.jpg", "image/jpeg", b"\xff\xd8\xff", "is a picture"),
        ("a.doc", "", b"\xd0\xcf\x11\xe0", "older Office format"),
        ("a.docx", "", b"\xd0\xcf\x11\xe0", "older Office format"),
        ("a.docm", "", b"PK\x03\x04", "may hold macros"),
        ("a.xlsx", "", b"PK\x03\x04", "save the sheet as CSV"),
        ("a.rtf", "", b"{\\rtf1", "save it as DOCX or PDF"),
        ("a.pdf", "", TEXT, "is no PDF"),
        ("a.docx", "", b"%PDF-1.7", "is no Word document"),
        ("a.txt", "", b"%PDF-1.7", "is a PDF"),
        ("a.md", "", b" <!DOCTYPE html>", "is a web page"),
        ("a.pdf", "text/html", b"%PDF-1.7", "does not go with a name in .pdf"),
        ("a.html", "application/pdf", b"<html>", "does not go with"),
        ("noname", "", TEXT, "is of a kind that is not read here"),
        ("a.xyz", "", TEXT, "is of a kind that is not read here"),
        (".pdf.exe", "application/pdf", b"%PDF-1.7", "is a program"),
    ],
)
def test_what_does_not_agree_is_refused(filename: str, declared: str, head: bytes, said: str) -> None:
    with pytest.raises(Unreadable) as caught:
        detect(filename, declared, head)
    assert said in str(caught.value)


def test_the_antivirus_test_file_is_no_document() -> None:
    with pytest.raises(Unreadable):
        detect("eicar.com", "application/x-msdownload", files.EICAR)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\me\\hand book.pdf", "hand book.pdf"),
        ("invoice\u202efdp.exe", "invoicefdp.exe"),
        ("a\x00b\n.txt", "ab.txt"),
        ("\ud800.txt", "�.txt"),
        ("", "file"),
        ("/", "file"),
        ("x" * 300 + ".docx", "x" * 195 + ".docx"),
        ("<script>.md", "<script>.md"),
    ],
)
def test_a_name_is_tidied(given: str, kept: str) -> None:
    assert tidy_name(given) == kept


def test_a_title_is_made_of_the_name() -> None:
    assert [title_of(name) for name in ("price_list 2026.csv", ".md", "noname")] == ["price list 2026", ".md", "noname"]
