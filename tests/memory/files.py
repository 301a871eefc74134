"""Makes files of every kind, honest and hostile."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Mapping, Sequence

import docx
from pypdf import PdfReader, PdfWriter

WORD_TYPES = (
    '<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Override PartName="/word/document.xml" ContentType='
    '"application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>'
)
EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"


def pdf(pages: Sequence[Sequence[tuple[int, str]]]) -> bytes:
    """Return a PDF; each page is a list of lines with their font size. No lines: a page that is all picture."""
    contents = []
    for lines in pages:
        shown, y = [], 800
        for size, line in lines:
            y -= size + 6
            escaped = line.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")
            shown.append(f"BT /F1 {size} Tf 1 0 0 1 50 {y} Tm ({escaped}) Tj ET")
        contents.append("\n".join(shown).encode("latin-1"))
    return _pdf_of(contents)


def _pdf_of(contents: Sequence[bytes], more: str = "") -> bytes:
    kids = " ".join(f"{4 + 2 * number} 0 R" for number in range(len(contents)))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(contents)} >>".encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for number, content in enumerate(contents):
        packed = zlib.compress(content, 9)
        page = f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents {5 + 2 * number} 0 R"
        objects.append(f"{page} /Resources << /Font << /F1 3 0 R >> >> {more} >>".encode())
        objects.append(f"<< /Length {len(packed)} /Filter /FlateDecode >>\nstream\n".encode() + packed + b"\nendstream")
    body, places = b"%PDF-1.7\n", []
    for number, content in enumerate(objects, 1):
        places.append(len(body))
        body += f"{number} 0 obj\n".encode() + content + b"\nendobj\n"
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    trailer = f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}trailer\n<< /Size {len(objects) + 1} /Root 1 0 R >>\n"
    return body + trailer.encode() + f"startxref\n{len(body)}\n%%EOF\n".encode()


def swelling_pdf(mebibytes: int = 60) -> bytes:
    """Return a small PDF whose page unpacks to very much."""
    return _pdf_of([b"BT /F1 12 Tf 1 0 0 1 50 700 Tm (word) Tj ET\n" * (mebibytes * 1024 * 1024 // 45)])


def locked_pdf(password: str) -> bytes:
    """Return a PDF that only `password` opens."""
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(pdf([[(12, "Secret prices")]]))))
    writer.encrypt(user_password=password, owner_password="owner", algorithm="AES-256")
    buffer = io.BytesIO()
    writer.write(buffer)
    return buffer.getvalue()


def word() -> bytes:
    """Return a Word document with headings, a list and a table."""
    document = docx.Document()
    document.add_heading("Returns", 1)
    document.add_paragraph("Within 30 days, with the receipt.")
    document.add_heading("Exceptions", 2)
    document.add_paragraph("Helmets", style="List Bullet")
    table = document.add_table(rows=0, cols=2)
    for cells in (("Model", "Price"), ("Clubman", "1,290 EUR"), ("Tourer", "990 EUR")):
        for cell, text in zip(table.add_row().cells, cells, strict=True):
            cell.text = text
    buffer = io.BytesIO()
    document.save(buffer)
    return buffer.getvalue()


def word_with(more: Mapping[str, bytes], *, replace: Mapping[bytes, bytes] | None = None) -> bytes:
    """Return the Word document with more files in its archive, and bytes of its document replaced."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(word())) as source, zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as target:
        for entry in source.infolist():
            content = source.read(entry)
            for old, new in (replace or {}).items():
                content = content.replace(old, new)
            target.writestr(entry.filename, content)
        for name, content in more.items():
            target.writestr(name, content)
    return buffer.getvalue()


def archive(files: Mapping[str, bytes]) -> bytes:
    """Return a ZIP archive."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as target:
        for name, content in files.items():
            target.writestr(name, content)
    return buffer.getvalue()
