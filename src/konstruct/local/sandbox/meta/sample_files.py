"""Files to send where nobody has one at hand: a picture, a document and a voice note."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from functools import cache

WIDTH, HEIGHT = 320, 200


@cache
def picture() -> tuple[str, str, bytes]:
    """Return a small PNG: a hill under an evening sky."""
    rows = b"".join(b"\x00" + bytes(value for x in range(WIDTH) for value in _colour(x, y)) for y in range(HEIGHT))
    head = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 2, 0, 0, 0)
    chunks = _chunk(b"IHDR", head) + _chunk(b"IDAT", zlib.compress(rows, 6)) + _chunk(b"IEND", b"")
    return "evening.png", "image/png", b"\x89PNG\r\n\x1a\n" + chunks


def _colour(x: int, y: int) -> tuple[int, int, int]:
    hill = HEIGHT * 0.62 + 34 * ((x - WIDTH * 0.35) / WIDTH) ** 2 * 8
    if y > hill:
        return 38 + y // 12, 70 + x // 16, 74
    share = y / HEIGHT
    sun = (x - 236) ** 2 + (y - 92) ** 2 < 22**2
    return (255, 236, 190) if sun else (int(118 + 130 * share), int(128 + 40 * share), int(176 - 70 * share))


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def document() -> tuple[str, str, bytes]:
    """Return a PDF of one page."""
    words = b"BT /F1 16 Tf 60 720 Td (Receipt no. 2041: one bottom bracket, 34 pounds) Tj ET"
    parts = (
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(words), words),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    )
    body, places = b"%PDF-1.4\n", []
    for at, part in enumerate(parts, 1):
        places.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (at, part)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    end = b"xref\n0 %d\n0000000000 65535 f \n%strailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n"
    return "receipt.pdf", "application/pdf", body + end % (len(parts) + 1, table, len(parts) + 1, len(body))


def voice() -> tuple[str, str, bytes]:
    """Return a voice note: the two head pages of an Ogg Opus file, and a page of silence."""
    head = b"OpusHead" + struct.pack("<BBHIHB", 1, 1, 312, 16_000, 0, 0)
    tags = b"OpusTags" + struct.pack("<I", 7) + b"sandbox" + struct.pack("<I", 0)
    silence = b"\xf8\xff\xfe" * 3
    pages = [(head, 2, 0), (tags, 0, 0), (silence, 4, 48_000)]
    return "voice.ogg", "audio/ogg", b"".join(_page(at, *page) for at, page in enumerate(pages))


def _page(at: int, content: bytes, flags: int, position: int) -> bytes:
    sizes = [3, 3, 3] if flags == 4 else [len(content)]
    frame = struct.pack("<4sBBQIII", b"OggS", 0, flags, position, 1, at, 0) + bytes([len(sizes), *sizes]) + content
    return frame[:22] + struct.pack("<I", _crc(frame)) + frame[26:]


def _crc(content: bytes) -> int:
    crc = 0
    for byte in content:
        crc ^= byte << 24
        for _ in range(8):
            crc = (crc << 1 ^ 0x04C11DB7) & 0xFFFFFFFF if crc & 0x80000000 else crc << 1
    return crc


SAMPLES: dict[str, Callable[[], tuple[str, str, bytes]]] = {"picture": picture, "document": document, "voice": voice}
"""Each returns a name, a media type and the bytes."""
