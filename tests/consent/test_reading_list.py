"""Files as spreadsheets write them: every good line is read, and of every other one it is said what is wrong and what to do."""

from __future__ import annotations

import codecs
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from konstruct.conversations.consent import csv_file
from konstruct.conversations.consent.csv_file import CsvError
from konstruct.conversations.consent.person_id import PersonIdError, read_person_id, region_of
from konstruct.conversations.consent.reading_list import ReadList, read_list

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
HEAD = "phone,name,obtained_at,how,wording,version,proof,purpose,expires_at"
GOOD = "+49 151 12345678,Maria,2026-03-31 14:05,form,Yes please.,v1,form 17,marketing,"


def _read(text: str | bytes, region: str | None = "DE") -> ReadList:
    return read_list(text.encode() if isinstance(text, str) else text, region, BERLIN, NOW)


def test_each_way_in_which_spreadsheets_write_is_read_the_same() -> None:
    plain = f"{HEAD}\r\n{GOOD}\r\n"
    umlaut = plain.replace("Maria", "Märia")
    tabs = umlaut.replace(",", "\t")
    strange = umlaut.replace("phone,", "Telefonnummer,").replace("obtained_at", "Opt-in date").replace(",how,", ",HOW?,")
    for name, data in {
        "utf-8": umlaut.encode(), "bom": codecs.BOM_UTF8 + umlaut.encode(), "utf-16": umlaut.encode("utf-16"),
        "utf-16 be": codecs.BOM_UTF16_BE + umlaut.encode("utf-16-be"), "windows": umlaut.encode("cp1252"),
        "semicolons": umlaut.replace(",", ";").encode(), "tabs": tabs.encode(), "bars": umlaut.replace(",", "|").encode(),
        "unix": umlaut.replace("\r\n", "\n").encode(), "mac": umlaut.replace("\r\n", "\r").encode(),
        "empty lines": f"\n\n{umlaut}\n,,,\n".encode(), "other names": strange.encode(),
        "quoted": umlaut.replace("Yes please.", '"Yes please."').encode(), "another column": umlaut.replace(
            "phone", "colour,phone").replace("+49", "red,+49").encode(),
    }.items():  # fmt: skip
        read = _read(data)
        assert read.problems == [], name
        [entry] = read.entries
        assert (entry.person_id, entry.name) == ("4915112345678", "Märia"), name
        evidence = entry.evidence
        assert evidence.obtained_at == datetime(2026, 3, 31, 12, 5, tzinfo=UTC), name
        assert (evidence.purpose, evidence.wording, evidence.version, evidence.proof) == (
            "marketing", "Yes please.", "v1", "form 17"), name  # fmt: skip


def test_a_wrong_line_is_named_with_what_is_wrong_and_what_to_do() -> None:
    wrong = {
        "4.91511E+12,A,2026-03-31,form,Yes.,,x,any,": "format the column as text",
        "151,A,2026-03-31,form,Yes.,,x,any,": "country code",
        ",A,2026-03-31,form,Yes.,,x,any,": "phone is missing",
        "+49 151 12345670,A,03/04/2026,form,Yes.,,x,any,": "write the year first",
        "+49 151 12345671,A,46112,form,Yes.,,x,any,": "spreadsheet's own number",
        "+49 151 12345672,A,2026-02-30,form,Yes.,,x,any,": "no date",
        "+49 151 12345673,A,2027-01-01,form,Yes.,,x,any,": "lies in the future",
        "+49 151 12345674,A,1980-01-01,form,Yes.,,x,any,": "before 1990",
        "+49 151 12345675,A,,form,Yes.,,x,any,": "obtained at is missing",
        "+49 151 12345676,A,2026-03-31,,,,,,": "how is missing",
        "+49 151 12345677,A,2026-03-31,form,Yes.,,x,newsletter,": "write marketing, utility or any",
        '+49 151 12345679,A,2026-03-31,form,"=HYPERLINK(""x"")",,x,any,': "as a formula",
        "+49 151 12345680,=1+1,2026-03-31,form,Yes.,,x,any,": "name is no name",
        "+49 151 12345681,A,2026-03-31,form,Yes,no,,x,any,2027-01-01": "more cells",
        f"+49 151 12345682,A,2026-03-31,form,{'x' * 4001},,x,any,": "4,001 characters",
        "+49 151 12345683,A,2026-03-31,form,Yes.,,x,any,2026-01-01": "expires at lies before",
        "0049 151 12345678,A,2026-05-05,form,Yes.,,x,marketing,": "in line 2 already",
    }
    read = _read("\n".join([HEAD, GOOD, *wrong]))
    assert [entry.line for entry in read.entries] == [2]
    said = {problem.line: problem.said for problem in read.problems}
    for number, (line, expected) in enumerate(wrong.items(), 3):
        assert expected in said.get(number, ""), (line, said.get(number))
    assert len(said) == len(wrong)
    # The same person for another purpose is another consent; a line's number is that in the file, whatever was in quotes before.
    quoted = GOOD.replace("Yes please.", '"Yes,\nplease."')
    two = _read("\n".join([HEAD, quoted, GOOD.replace("marketing", "utility"), "x"]))
    assert [entry.line for entry in two.entries] == [2, 4] and [problem.line for problem in two.problems] == [5]
    missing = _read(f"{HEAD}\n+49 151 12345676,A,2026-03-31,,,,,,\n").problems[0].said
    assert all(f"{name} is missing" in missing for name in ("how", "wording", "proof")) and "purpose" in missing


def test_a_file_that_is_none_is_refused_as_a_whole() -> None:
    for data, expected in (
        (b"", "empty"), (b"\n\n", "empty"), (b"PK\x03\x04rest", "save it as CSV"), (b"a\0b", "no text"),
        (b"phone,name\n1,2\n", "are missing"), (b"x" * (csv_file.MAX_BYTES + 1), "larger than"),
        (f"{HEAD},telephone\n".encode(), "two columns"), (b"\xff\xfe\x00", "damaged"),
        (f'{HEAD}\n"{"x" * 30_000}'.encode(), "quotation mark"), ((",".join("x" * 101)).encode(), "columns"),
        (f"{HEAD}\nx\n".encode() + b"y\n" * csv_file.MAX_ROWS, "more than"),
    ):  # fmt: skip
        with pytest.raises(CsvError, match=expected):
            _read(data)


def test_numbers_become_digits_with_a_country_code_or_nothing() -> None:
    for text, region, expected in (
        ("+49 (0)151 12345678", None, "4915112345678"), ("0151/12345678", "DE", "4915112345678"),
        ("0151 12345678", None, None), ("4915112345678", None, "4915112345678"), ("(415) 555-2671", "US", "14155552671"),
        ("(415) 555-2671", "DE", None), ("612 34 56 78", "ES", "34612345678"), ("US.1349abc", "DE", "US.1349abc"),
        ("+15550001111", None, "15550001111"), ("++49151", None, None), ("+", None, None),
        ("'+4915112345678", None, "4915112345678"),
        ("\u202a+49 151 12345678\u202c", None, "4915112345678"), ("+49 151 12345678 and more", "DE", None),
    ):  # fmt: skip
        try:
            found = read_person_id(text, region)
        except PersonIdError:
            found = None
        assert found == expected, (text, region)
    assert (region_of("4915112345678"), region_of("14155552671"), region_of(None), region_of("999")) == ("DE", "US", None, None)


@settings(max_examples=150, deadline=None)
@given(data=st.binary(max_size=400) | st.text(max_size=300).map(lambda text: f"{HEAD}\n{text}".encode("utf-8", "replace")))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        read = _read(data)
    except CsvError as error:
        assert str(error)
    else:
        assert all(problem.line >= 2 and problem.said for problem in read.problems)
