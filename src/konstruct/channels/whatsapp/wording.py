"""A line as WhatsApp formats it: *bold*, _italic_, ~struck through~, `code`. Nothing else of the line means anything there.

WhatsApp takes a sign for formatting where it stands at the edge of a word, with its twin on the same line, and knows no
escape: where the text's own signs would be taken so, a hair space parts them from their word. Ours are set only where they
work.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise

from konstruct.channels.whatsapp.emphasis import Style
from konstruct.channels.whatsapp.inline import Run

HAIR = "\u200a"
"""A blank as narrow as can be: no sign begins formatting before a blank, or ends it behind one."""
BREAK = "\u200b"
"""Shown as nothing: what stands behind it does not stand at the beginning of the line."""
SIGNS: dict[Style, str] = {"bold": "*", "italic": "_", "strike": "~"}
GRAVE = "\u02cb"
_MEANT = "*_~"
_SIGN = re.compile("[*_~]")
_ANY = re.compile("[*_~`]")
_STARTS = ("- ", "* ", ">", "• ")


_Bound = tuple[int, int, Run]
"""Where a run begins and ends in the words of its line."""
_Piece = tuple[str, str]
"""Characters, and whose they are: own (the text's), sign (ours), kept (code or an address: nothing in it means anything)."""
_Places = dict[int, list[tuple[int, str]]]
"""Our signs by where they stand in the words: each with the place of its twin."""


def line(runs: Sequence[Run], *, starts: bool = True) -> str:
    """Return the line that `runs` make. `starts`: nothing of ours stands before it."""
    if not any(run.styles or run.kind != "text" or _ANY.search(run.text) for run in runs):
        plain = "".join(run.text for run in runs)
        return BREAK + plain if starts and plain.startswith(_STARTS) else plain
    shown = _shown(runs)
    text = "".join(shown)
    ends = list(accumulate(len(each) for each in shown))
    bounds = list(zip((0, *ends), ends, runs, strict=False))
    opening, closing = _signs(text, bounds)
    pieces = _pieces(text, bounds, opening, closing)
    words = _parted(pieces)
    return BREAK + words if starts and words.startswith(_STARTS) and pieces[0][1] == "own" else words


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


def _shown(runs: Sequence[Run]) -> list[str]:
    """Return the characters of each run. Two backticks in a line make code of what is between them, wherever they stand: beside
    others, the text's own are written as the accent that looks the same."""
    lone = sum(run.text.count("`") + 2 * (run.kind == "code") for run in runs) < 2
    shown: list[str] = []
    for run in runs:
        words = code(run.text) if run.kind == "code" else run.text
        words = words.replace("`", GRAVE) if run.kind == "text" and not lone else words
        shown.append(f"{BREAK}{words}" if shown and shown[-1][-1:] == words[:1] == "`" else words)
    return shown


def _signs(text: str, bounds: Sequence[_Bound]) -> tuple[_Places, _Places]:
    """Return where our signs stand: those that begin something, and those that end it."""
    opening: _Places = {}
    closing: _Places = {}
    for style, sign in SIGNS.items():
        for begin, end, told in _stretches(bounds, style):
            words = text[begin:end]
            first, last = end - len(words.lstrip()), begin + len(words.rstrip())
            if told and first < last and _works(text, first, last, sign):
                opening.setdefault(first, []).append((last, sign))
                closing.setdefault(last, []).append((first, sign))
    return opening, closing


def _stretches(bounds: Sequence[_Bound], style: Style) -> Iterator[tuple[int, int, bool]]:
    """Yield each stretch in this style, over as many runs as it has, and whether it holds words: code has no other style."""
    begun: int | None = None
    told = False
    for begin, _, run in bounds:
        if style in run.styles:
            begun = begin if begun is None else begun
            told = told or (run.kind != "code" and bool(run.text.strip()))
        elif begun is not None:
            yield begun, begin, told
            begun, told = None, False
    if begun is not None:
        yield begun, bounds[-1][1], told


def _works(text: str, first: int, last: int, sign: str) -> bool:
    """Whether WhatsApp would show the stretch so: at the edges of words, where the sign is not among them."""
    edges = text[first - 1 : first].isalnum() or text[last : last + 1].isalnum()
    return not edges and sign not in (text[first], text[last - 1])


def _pieces(text: str, bounds: Sequence[_Bound], opening: _Places, closing: _Places) -> list[_Piece]:
    """Return the line in pieces: the text's own, our signs, and what means nothing (code, addresses)."""
    kept = [(begin, end) for begin, end, run in bounds if run.kind != "text"]
    cuts = sorted({0, len(text), *opening, *closing, *(place for each in kept for place in each)})
    # Code and addresses have no blanks at their edges: no sign of ours stands within them.
    inside = {begin for begin, _ in kept}
    pieces: list[_Piece] = []
    for begin, end in pairwise((*cuts, len(text))):
        pieces += ((sign, "sign") for _, sign in sorted(closing.get(begin, ()), key=lambda each: (-each[0], each[1])))
        pieces += ((sign, "sign") for _, sign in sorted(opening.get(begin, ()), reverse=True))
        if begin < end:
            pieces.append((text[begin:end], "kept" if begin in inside else "own"))
    return pieces


def _parted(pieces: Sequence[_Piece]) -> str:
    """Return the pieces as text, the text's own signs parted from their words where they would be taken for ours."""
    text = "".join(words for words, _ in pieces)
    own: list[int] = []
    places: list[int] = []
    at = 0
    for words, role in pieces:
        if role == "own":
            own += (at + found.start() for found in _SIGN.finditer(words))
        elif role == "sign":
            places.append(at)
        at += len(words)
    places = sorted((*places, *own))
    opens = [at for at in places if _may_begin(text, at)]
    closes = [at for at in places if _may_end(text, at)]
    first_open = {sign: next((at for at in opens if text[at] == sign), len(text)) for sign in _MEANT}
    last_close = {sign: next((at for at in reversed(closes) if text[at] == sign), -1) for sign in _MEANT}
    out, done = [], 0
    begins, ends = set(opens), set(closes)
    for at in own:
        before = HAIR if at in ends and first_open[text[at]] < at else ""
        after = HAIR if at in begins and last_close[text[at]] > at else ""
        out += [text[done:at], before, text[at], after]
        done = at + 1
    return "".join((*out, text[done:]))


def _may_begin(text: str, at: int) -> bool:
    """Whether a sign may begin formatting there."""
    return not text[at - 1 : at].isalnum() and at + 1 < len(text) and not text[at + 1].isspace()


def _may_end(text: str, at: int) -> bool:
    """Whether a sign may end formatting there."""
    return at > 0 and not text[at - 1].isspace() and not text[at + 1 : at + 2].isalnum()
