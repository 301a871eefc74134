"""Bytes to text: UTF-8, UTF-16, and what older Windows programs write."""

from __future__ import annotations

import codecs
import re

from konstruct.memory.extraction.refusal import DAMAGED, Unreadable

BINARY = "does not hold text, whatever its name says: upload the document itself, not a picture, program or archive"
_UNDEFINED = bytes((0x81, 0x8D, 0x8F, 0x90, 0x9D))
_CONTROLS = re.compile("[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_SAMPLE = 4096


def decode(data: bytes, charset: str = "") -> str:
    """Return the text of `data`; `charset` is what the file says of itself, if anything. Raises Unreadable."""
    text = _decode(data, charset).removeprefix("\ufeff")
    if _CONTROLS.search(text):
        raise Unreadable(BINARY)
    return text


def _decode(data: bytes, charset: str) -> str:
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return _strict(data, "utf-16")
    if wide := _utf_16_without_mark(data):
        return _strict(data, wide)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        pass
    if charset and (text := _as_declared(data, charset)) is not None:
        return text
    if any(byte in data for byte in _UNDEFINED):
        raise Unreadable(BINARY)
    return _strict(data, "cp1252")


def _utf_16_without_mark(data: bytes) -> str:
    """Latin text in UTF-16 has a zero in every second byte, and nothing else has."""
    sample = data[: _SAMPLE if len(data) > _SAMPLE else len(data) // 2 * 2]
    if len(data) % 2 or len(sample) < 4:
        return ""
    zeros = sample[0::2].count(0), sample[1::2].count(0)
    if zeros[0] == 0 and zeros[1] > len(sample) // 4:
        return "utf-16-le"
    return "utf-16-be" if zeros[1] == 0 and zeros[0] > len(sample) // 4 else ""


def _as_declared(data: bytes, charset: str) -> str | None:
    """Return the text in a charset that a file names, or None: only those that map bytes to characters and do nothing else."""
    try:
        found = codecs.lookup(charset).name
        if not re.fullmatch(r"iso8859-\d+|cp125\d|koi8-[ru]|gb18030|gbk|big5|euc_jp|euc_kr|shift_jis|mac-roman|utf-16", found):
            return None
        return data.decode(found)
    except (LookupError, UnicodeDecodeError, ValueError):
        return None


def _strict(data: bytes, name: str) -> str:
    try:
        return data.decode(name)
    except UnicodeDecodeError:
        raise Unreadable(DAMAGED) from None
