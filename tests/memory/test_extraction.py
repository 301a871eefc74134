"""Each format becomes text with its headings; what is broken, locked, hidden or hostile is refused in plain words."""

from __future__ import annotations

import csv
import io
import zipfile

import pytest

from konstruct.memory.extraction import archive, csv_table, docx_file, html_page, pdf_file, plain
from konstruct.memory.extraction.gathering import Gathered
from konstruct.memory.extraction.limits import MAX_COLUMNS, MAX_DOCUMENT_CHARS, MAX_PAGES, MAX_ROWS
from konstruct.memory.extraction.refusal import DAMAGED, NO_TEXT, PASSWORD, TOO_HEAVY, TOO_MUCH_TEXT, TWO_KINDS, Unreadable
from tests.memory import files


def nothing(done: int, total: int) -> None:
    assert 0 <= done <= total


# Text and its encodings.


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
def test_text_is_read_in_each_encoding(encoding: str) -> None:
    text = "# Öffnungszeiten\n\nMontag bis Freitag, 9 bis 18 Uhr – außer feiertags."
    assert plain.read(text.encode(encoding), nothing) == text


def test_lines_are_tidied_and_nothing_invisible_stays() -> None:
    assert (
        plain.read("one\r\ntwo\r\rthree\n \n\n\nfour \u202egpj.exe\u200b".encode(), nothing)
        == "one\ntwo\n\nthree\n\nfour gpj.exe\u200b"
    )


@pytest.mark.parametrize("data", [b"", b" \n\t ", "\ufeff".encode()])
def test_no_text_is_refused(data: bytes) -> None:
    with pytest.raises(Unreadable, match="no text"):
        plain.read(data, nothing)


@pytest.mark.parametrize("data", [b"\x00\x01\x02\x03", b"abc\x00def", b"\x90\x9d\x81", bytes(range(256)), b"\xff\xfe\x00"])
def test_bytes_that_are_no_text_are_refused(data: bytes) -> None:
    with pytest.raises(Unreadable):
        plain.read(data, nothing)


def test_a_million_characters_are_the_most() -> None:
    assert len(plain.read(b"x" * MAX_DOCUMENT_CHARS, nothing)) == MAX_DOCUMENT_CHARS
    with pytest.raises(Unreadable, match="million"):
        plain.read(b"x" * (MAX_DOCUMENT_CHARS + 1), nothing)
    gathered = Gathered()
    with pytest.raises(Unreadable, match="million"):
        for _ in range(MAX_DOCUMENT_CHARS):
            gathered.add("word")


# Tables.


@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
def test_each_row_names_its_columns(mark: str) -> None:
    data = f'Model{mark}Price\n"Clubman, red"{mark}"1,290 EUR"\nTourer{mark}\n\n'.encode()
    assert csv_table.read(data, nothing) == "Model: Clubman, red; Price: 1,290 EUR\n\nModel: Tourer"


def test_a_delimiter_that_the_file_names_is_taken() -> None:
    assert csv_table.read(b"sep=;\nA;B, C\n1;2\n", nothing) == "A: 1; B, C: 2"


@pytest.mark.parametrize("first", ["1,2", "a,a", "a,"])
def test_a_table_without_names_is_read_as_it_is(first: str) -> None:
    assert csv_table.read(f"{first}\nb,c\n".encode(), nothing).endswith("b; c")


def test_formulas_and_scripts_in_cells_are_text() -> None:
    data = b"Name,Note\n=cmd|' /C calc'!A0,\"<script>alert(1)</script>\"\n"
    assert csv_table.read(data, nothing) == "Name: =cmd|' /C calc'!A0; Note: <script>alert(1)</script>"


def test_a_table_has_its_limits() -> None:
    with pytest.raises(Unreadable, match=r"20,000 rows"):
        csv_table.read(b"a,b\n" * (MAX_ROWS + 2), nothing)
    with pytest.raises(Unreadable, match="columns"):
        csv_table.read(b"," * MAX_COLUMNS + b"x", nothing)
    with pytest.raises(Unreadable, match="quotation mark"):
        csv_table.read(b'a,b\n"' + b"x" * 200_000, nothing)
    assert csv.field_size_limit() < MAX_DOCUMENT_CHARS


# Web pages.

PAGE = b"""<!doctype html><html><head><title>Shop</title><style>p{}</style><script>var x = "<p>secret";</script></head>
<body><!-- hidden comment --><h1>Returns &amp; refunds</h1><p>Within <b>30</b> days<br>with the receipt.
<div hidden><p>hidden attribute</p></div><p style="color: red; DISPLAY : none">hidden style<p>Shown again.</p>
<h3>Not returned</h3><ul><li>Helmets<li><p>Gloves</p></ul>
<table><tr><th>Model<th>Price<tr><td>Clubman<td>1,290 EUR</table><pre>a
  b</pre><noscript>no script</noscript><iframe src="http://x.example/">frame</iframe><template>t</template></body></html>"""


def test_a_page_is_what_its_reader_sees() -> None:
    assert html_page.read(PAGE, nothing) == (
        "# Returns & refunds\n\nWithin 30 days\nwith the receipt.\n\nShown again.\n\n### Not returned\n\n- Helmets\n\n- Gloves"
        "\n\nModel: Clubman; Price: 1,290 EUR\n\na\n  b"
    )


def test_a_page_without_headings_stands_under_its_title() -> None:
    assert html_page.read(b"<title>Opening  hours</title><p>Nine to six", nothing) == "# Opening hours\n\nNine to six"


def test_a_page_is_read_in_the_charset_it_names() -> None:
    page = '<meta charset="iso-8859-5"><p>Привет'.encode("iso-8859-5")
    assert html_page.read(page, nothing) == "Привет"
    # A charset that would do more than map bytes to characters is not looked up.
    with pytest.raises(Unreadable):
        html_page.read(b'<meta charset="unicode_escape"><p>\\u0041\x81', nothing)


@pytest.mark.parametrize("page", [b"<script>alert(1)", b"<!-- only a comment -->", b"<div hidden>x", b"<" * 1000])
def test_a_page_that_shows_nothing_is_refused_or_text(page: bytes) -> None:
    try:
        assert html_page.read(page, nothing).strip("<") == ""
    except Unreadable as why:
        assert str(why) == NO_TEXT


def test_a_page_of_broken_nesting_is_read_quickly() -> None:
    assert html_page.read(b"<b></i></p>" * 50_000 + b"end", nothing) == "end"


# PDF.


def test_larger_lines_of_a_pdf_are_headings() -> None:
    made = files.pdf(
        [
            [(20, "Handbook"), (15, "Opening hours"), (11, "We open at nine."), (11, "We close at (six).")],
            [(15, "Returns"), (11, "Within 30 days, with the receipt, in any of our shops.")],
        ]
    )
    assert pdf_file.read(made, nothing) == (
        "# Handbook\n\n## Opening hours\n\nWe open at nine.\nWe close at (six).\n\n## Returns\n\n"
        "Within 30 days, with the receipt, in any of our shops."
    )


def test_a_pdf_that_is_only_protected_against_changes_is_read() -> None:
    assert pdf_file.read(files.locked_pdf(""), nothing) == "Secret prices"


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (files.locked_pdf("secret"), PASSWORD),
        (files.pdf([[], []]), pdf_file.PICTURES),
        (files.pdf([[(12, "x")]])[:250], DAMAGED),
        (b"%PDF-1.7\n" + b"\x00rubbish" * 1000, DAMAGED),
        (files.pdf([[(12, "x")]]) + files.archive({"a.exe": b"MZ"}), TWO_KINDS),
        (files.pdf([[] for _ in range(MAX_PAGES + 1)]), pdf_file.TOO_MANY_PAGES),
        (files.swelling_pdf(200), TOO_HEAVY),
        (files.pdf([[(1, "word " * 10_000)] for _ in range(21)]), TOO_MUCH_TEXT),
    ],
    ids=["locked", "scan", "cut off", "rubbish", "polyglot", "pages", "bomb", "text"],
)
def test_a_pdf_that_cannot_be_read_says_why(made: bytes, said: str) -> None:
    with pytest.raises(Unreadable) as caught:
        pdf_file.read(made, nothing)
    assert str(caught.value) == said


# Word.


def test_a_word_document_keeps_headings_lists_and_tables() -> None:
    assert docx_file.read(files.word(), nothing) == (
        "# Returns\n\nWithin 30 days, with the receipt.\n\n## Exceptions\n\n- Helmets\n\nModel: Clubman; Price: 1,290 EUR"
        "\n\nModel: Tourer; Price: 990 EUR"
    )


def test_changes_are_taken_as_accepted_and_hidden_text_is_not_taken() -> None:
    run = b"<w:r><w:t>Within 30 days, with the receipt.</w:t></w:r>"
    changed = (
        b"<w:ins><w:r><w:t>New</w:t></w:r></w:ins><w:del><w:r><w:delText>Old</w:delText></w:r></w:del>"
        b"<w:r><w:rPr><w:vanish/></w:rPr><w:t>Hidden</w:t></w:r><w:r><w:tab/><w:t>end</w:t></w:r>"
    )
    text = docx_file.read(files.word_with({}, replace={run: changed}), nothing)
    assert "New\tend" in text
    assert not {"Old", "Hidden"} & set(text.split())


def test_entities_are_not_expanded() -> None:
    head = b"<w:document"
    bomb = b'<!DOCTYPE d [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;"><!ENTITY x SYSTEM "file:///etc/passwd">]>' + head
    made = files.word_with({}, replace={head: bomb, b"Helmets": b"Helmets&b;&x;"})
    try:
        text = docx_file.read(made, nothing)
    except Unreadable as why:
        assert str(why) == DAMAGED
    else:
        assert "aaa" not in text
        assert "root:" not in text


HOSTILE_WORDS = {
    "macros": (files.word_with({"word/vbaProject.bin": b"x"}), archive.PROGRAMS),
    "program": (files.word_with({"word/media/setup.EXE": b"MZ"}), archive.PROGRAMS),
    "ole": (files.word_with({"word/embeddings/oleObject1.bin": b"x"}), archive.EMBEDDED),
    "nested": (files.word_with({"word/media/inner.zip": files.archive({"a": b"b"})}), archive.EMBEDDED),
    "up": (files.word_with({"../../evil.xml": b"x"}), archive.STRANGE_PATHS),
    "root": (files.word_with({"/etc/cron.d/evil": b"x"}), archive.STRANGE_PATHS),
    "drive": (files.word_with({"C:/evil": b"x"}), archive.STRANGE_PATHS),
    "ratio": (files.word_with({"word/media/image1.png": b"\x00" * 8_000_000}), archive.BOMB),
    "entries": (files.word_with({f"word/media/{number}": b"" for number in range(2001)}), archive.BOMB),
    "macro type": (files.word_with({}, replace={b"document.main+xml": b"document.macroEnabled.main+xml"}), archive.PROGRAMS),
    "no word": (files.archive({"readme.txt": b"x"}), archive.NO_WORD),
    "sheet": (files.archive({"[Content_Types].xml": b"<Types/>", "xl/workbook.xml": b"<x/>"}), archive.NO_WORD),
    "cut off": (files.word()[:-100], DAMAGED),
    "tail": (files.word() + b"MZ program", TWO_KINDS),
    "head": (b"GIF89a" + files.word(), TWO_KINDS),
    "two archives": (files.archive({"a.exe": b"MZ"}) + files.word(), TWO_KINDS),
    "no xml": (files.archive({"[Content_Types].xml": files.WORD_TYPES.encode(), "word/document.xml": b"rubbish"}), DAMAGED),
    "no text": (files.word_with({}, replace={b"<w:t>": b"<w:x>", b"</w:t>": b"</w:x>"}), NO_TEXT),
}


@pytest.mark.parametrize("name", HOSTILE_WORDS)
def test_a_hostile_word_document_is_refused(name: str) -> None:
    made, said = HOSTILE_WORDS[name]
    with pytest.raises(Unreadable) as caught:
        docx_file.read(made, nothing)
    assert str(caught.value) == said


def test_more_than_the_archive_may_unpack_to_is_refused() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as target:
        for number in range(70):
            target.writestr(f"word/media/{number}.png", b"\x00" * 1_000_000)
    with pytest.raises(Unreadable, match="unpacks"):
        docx_file.read(buffer.getvalue(), nothing)


def test_a_repeated_or_locked_entry_is_refused() -> None:
    buffer = io.BytesIO(files.word())
    with zipfile.ZipFile(buffer, "a") as target, pytest.warns(UserWarning, match="Duplicate"):
        target.writestr("word/document.xml", b"<other/>")
    with pytest.raises(Unreadable, match="paths"):
        docx_file.read(buffer.getvalue(), nothing)
    locked = bytearray(files.archive({"[Content_Types].xml": b"x", "word/document.xml": b"y"}))
    locked[locked.index(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(Unreadable, match="password"):
        docx_file.read(bytes(locked), nothing)
