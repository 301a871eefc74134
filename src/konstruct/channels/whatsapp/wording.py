"""A line as WhatsApp formats it: *bold*, _italic_, ~struck through~, `code`. Nothing else of the line means anything there.

WhatsApp takes a sign for formatting where it stands at the edge of a word, with its twin on the same line, and knows no
escape: where the text's own signs would be taken so, a hair space parts them from their word. Ours are set only where they
work.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from konstruct.channels.whatsapp.emphasis import Style
from konstruct.channels.whatsapp.inline import Run

HAIR = "\u200a"
"""A blank as narrow as can be: no sign begins formatting before a blank, or ends it behind one."""
BREAK = "\u200b"
"""Shown as nothing: what stands behind it does not stand at the beginning of the line."""
SIGNS: dict[Style, str] = {"bold": "*", "italic": "_", "strike": "~"}
_MEANT = "*_~`"
_SIGN = re.compile("[*_~`]")
_STARTS = ("- ", "* ", ">", "• ")


@dataclass(slots=True)
class _Cell:
    """One character; or code, or an address, whole."""

    text: str
    styles: frozenset[Style]
    kind: str


@dataclass(slots=True)
class _Char:
    """A character as it will stand there. own: of the text itself; sign: ours; else: of code or an address."""

    char: str
    role: str


def line(runs: Sequence[Run], *, starts: bool = True) -> str:
    """Return the line that `runs` make. `starts`: nothing of ours stands before it."""
    if not any(run.styles or run.kind != "text" or _SIGN.search(run.text) for run in runs):
        plain = "".join(run.text for run in runs)
        return BREAK + plain if starts and plain.startswith(_STARTS) else plain
    cells = [cell for run in runs for cell in _cells(run)]
    opening: dict[int, list[tuple[int, str]]] = {}
    closing: dict[int, list[tuple[int, str]]] = {}
    for style, sign in SIGNS.items():
        for first, last in _spans(cells, style, sign):
            opening.setdefault(first, []).append((last, sign))
            closing.setdefault(last, []).append((first, sign))
    chars: list[_Char] = []
    for at, cell in enumerate(cells):
        chars += (_Char(sign, "sign") for _, sign in sorted(opening.get(at, ()), reverse=True))
        role = "own" if cell.kind == "text" else cell.kind
        chars += (_Char(char, role) for char in cell.text)
        chars += (_Char(sign, "sign") for _, sign in sorted(closing.get(at, ()), key=lambda span: (-span[0], span[1])))
    text = _parted(chars)
    return BREAK + text if starts and text.startswith(_STARTS) and chars and chars[0].role == "own" else text


def code(inner: str) -> str:
    """Return code that stands within a line."""
    if not inner.strip():
        return inner
    if "`" not in inner:
        return f"`{inner}`"
    return f"```{fenced(inner)}```"


def fenced(inner: str) -> str:
    """Return code that stands between fences: what it has of fences itself is broken up."""
    inner = inner.replace("```", f"``{BREAK}`")
    inner = f"{BREAK}{inner}" if inner.startswith("`") else inner
    return f"{inner}{BREAK}" if inner.endswith("`") else inner


def _cells(run: Run) -> Iterable[_Cell]:
    if run.kind == "code":
        return [_Cell(code(run.text), run.styles, "code")]
    if run.kind == "address":
        return [_Cell(run.text, run.styles, "address")]
    return [_Cell(char, run.styles, "text") for char in run.text]


def _spans(cells: Sequence[_Cell], style: Style, sign: str) -> Iterable[tuple[int, int]]:
    """Yield first and last cell of each stretch in this style that WhatsApp would show so."""
    at = 0
    while at < len(cells):
        if style not in cells[at].styles:
            at += 1
            continue
        end = at
        while end < len(cells) and style in cells[end].styles:
            end += 1
        first, last, at = at, end - 1, end
        while first <= last and cells[first].text.isspace():
            first += 1
        while first <= last and cells[last].text.isspace():
            last -= 1
        if first <= last and _works(cells, first, last, sign):
            yield first, last


def _works(cells: Sequence[_Cell], first: int, last: int, sign: str) -> bool:
    before = cells[first - 1].text[-1] if first > 0 else " "
    after = cells[last + 1].text[0] if last + 1 < len(cells) else " "
    edges = {cells[first].text[0], cells[last].text[-1]}
    told = any(cell.kind == "text" and not cell.text.isspace() for cell in cells[first : last + 1])
    return told and not before.isalnum() and not after.isalnum() and sign not in edges


def _parted(chars: list[_Char]) -> str:
    """Return the characters as text, the text's own signs parted from their words where they would be taken for ours."""
    opens, closes = _edges(chars)
    first_open = {sign: min((at for at in opens if chars[at].char == sign), default=len(chars)) for sign in _MEANT}
    last_close = {sign: max((at for at in closes if chars[at].char == sign), default=-1) for sign in _MEANT}
    out: list[str] = []
    for at, each in enumerate(chars):
        own = each.role == "own" and each.char in _MEANT
        if own and at in closes and first_open[each.char] < at:
            out.append(HAIR)
        out.append(each.char)
        if own and at in opens and last_close[each.char] > at:
            out.append(HAIR)
    return "".join(out)


def _edges(chars: Sequence[_Char]) -> tuple[set[int], set[int]]:
    """Return where a sign may begin formatting, and where one may end it."""
    opens: set[int] = set()
    closes: set[int] = set()
    for at, each in enumerate(chars):
        if each.char not in _MEANT or each.role not in ("own", "sign"):
            continue
        before = chars[at - 1].char if at > 0 else " "
        after = chars[at + 1].char if at + 1 < len(chars) else " "
        if not before.isalnum() and not after.isspace():
            opens.add(at)
        if not before.isspace() and not after.isalnum():
            closes.add(at)
    return opens, closes
