"""A list of people as a spreadsheet writes it: its bytes become rows with the names of the columns that are known."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from konstruct.conversations.consent.words import plain
from konstruct.kit.errors import KonstructError

MAX_BYTES = 5 * 1024 * 1024
MAX_ROWS = 20_000
MAX_COLUMNS = 100
_CELL_MAX = 20_000
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_DELIMITERS = ",;\t|"

COLUMNS: Mapping[str, str] = {
    "person": "phone, phone number, phone/user id, user id, mobile, mobile number, number, whatsapp, wa id, tel, telephone, "
    " telefon, telefonnummer, handy, handynummer, teléfono, téléphone, telefone, cellulare",
    "name": "name, full name, customer, contact, nombre, nom, nome",
    "obtained_at": "obtained at, obtained, date, opt in date, opted in at, consent date, datum, fecha, data",
    "how": "how, source, method, channel, opt in method, wie",
    "wording": "wording, text, consent text, statement, wortlaut",
    "version": "version, wording version, text version",
    "proof": "proof, evidence, reference, url, link, nachweis",
    "purpose": "purpose, for, type, category, zweck",
    "expires_at": "expires at, expires, valid until, gültig bis",
}
"""The columns by what they may be called; case, accents and signs do not matter."""
NEEDED = ("person", "obtained_at", "how", "wording", "proof", "purpose")
_BY_NAME = {
    plain(called).replace(" ", ""): name
    for name, names in COLUMNS.items()
    for called in (name.replace("_", " "), *names.split(","))
}


class CsvError(KonstructError):
    """Nothing of the file can be read; the error's own text says what to do."""


@dataclass(frozen=True, slots=True)
class Line:
    """A row of the file: where it begins there, and its cells by column. `odd`: it has more cells than there are columns."""

    number: int
    cells: Mapping[str, str] = field(repr=False)
    odd: bool = False


def read_lines(data: bytes) -> Iterator[Line]:
    """Yield the rows that are not empty. Raises CsvError, also on the way."""
    text = _text(data)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=False)
    csv.field_size_limit(_CELL_MAX)
    try:
        header = next((row for row in reader if any(cell.strip() for cell in row)), None)
        if header is None:
            raise CsvError("the file is empty")
        columns = _columns(header)
        before, count = reader.line_num, 0
        for row in reader:
            number, before = before + 1, reader.line_num
            if not any(cell.strip() for cell in row):
                continue
            count += 1
            if count > MAX_ROWS:
                raise CsvError(f"the file has more than {MAX_ROWS:,} rows: split it, each part with its header")
            cells = {name: row[place].strip() for place, name in columns.items() if place < len(row)}
            yield Line(number, cells, any(cell.strip() for cell in row[len(header) :]))
    except csv.Error as error:
        wrong = "a cell is too long, perhaps because a quotation mark is not closed" if "limit" in str(error) else str(error)
        raise CsvError(f"the file cannot be read from line {reader.line_num}: {wrong}") from None


def _text(data: bytes) -> str:
    if len(data) > MAX_BYTES:
        raise CsvError(f"the file is larger than {MAX_BYTES // 1024 // 1024} MB: split it, each part with its header")
    if data[:4] == b"PK\x03\x04" or data[:4] == b"\xd0\xcf\x11\xe0":
        raise CsvError("this is a spreadsheet's own file: save it as CSV (UTF-8) there, and upload that")
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            try:
                return data.decode(encoding)
            except UnicodeDecodeError:
                raise CsvError("the file is damaged: save it as CSV (UTF-8), and upload that") from None
    if b"\0" in data:
        raise CsvError("this is no text: save the list as CSV (UTF-8), and upload that")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


def _delimiter(text: str) -> str:
    """The delimiter is the one that divides the first line into most cells."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    return max(_DELIMITERS, key=lambda sign: len(next(csv.reader([first], delimiter=sign), [])))


def _columns(header: list[str]) -> dict[int, str]:
    if len(header) > MAX_COLUMNS:
        raise CsvError(f"the file has more than {MAX_COLUMNS} columns")
    columns: dict[int, str] = {}
    for place, called in enumerate(header):
        name = _BY_NAME.get(plain(called).replace(" ", ""))
        if name is None:
            continue
        if name in columns.values():
            raise CsvError(f"two columns are called like “{name.replace('_', ' ')}”: keep one of them")
        columns[place] = name
    missing = [name.replace("_", " ") for name in NEEDED if name not in columns.values()]
    if missing:
        raise CsvError(
            f"the first line has to name the columns, and {', '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing:"
            " the example shows how it looks"
        )
    return columns
