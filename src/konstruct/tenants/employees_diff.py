"""What changed between two versions of the employee, word by word. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

from konstruct.tenants.employees_draft import Draft

Kind = Literal["same", "gone", "new"]
TOKENS_MAX = 3000
"""Above this many words a stretch is shown as replaced as a whole: comparing takes the product of both sides."""
_TOKEN = re.compile(r"\s+|\w+|[^\w\s]")
TONE_NAMES = {"warm": "Warm", "neutral": "Neutral", "formal": "Formal", "brief": "Brief"}


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of text that both versions have, or only one."""

    kind: Kind
    text: str


@dataclass(frozen=True, slots=True)
class Change:
    """A field that differs."""

    label: str
    pieces: tuple[Piece, ...]


def compare(old: Draft, new: Draft) -> list[Change]:
    """Return the fields that differ, in the order of the form."""
    pairs = zip(told(old), told(new), strict=True)
    return [Change(label, tuple(words(before, after))) for (label, before), (_, after) in pairs if before != after]


def changed_fields(old: Draft, new: Draft) -> list[str]:
    """Return the labels of the fields that differ."""
    return [label for (label, before), (_, after) in zip(told(old), told(new), strict=True) if before != after]


def words(old: str, new: str) -> Iterator[Piece]:
    """Yield the pieces of both texts in reading order: all but the new ones make `old`, all but the gone ones `new`."""
    start, end = _common(old, new)
    yield from _piece("same", old[:start])
    yield from _lines(old[start : len(old) - end], new[start : len(new) - end])
    yield from _piece("same", old[len(old) - end :] if end else "")


def _lines(old: str, new: str) -> Iterator[Piece]:
    """Whole lines first: a long text with a changed line takes little time, and words pair up within their lines."""
    before, after = old.splitlines(keepends=True), new.splitlines(keepends=True)
    for tag, a, b, c, d in _opcodes(before, after):
        if tag == "equal":
            yield from _piece("same", "".join(before[a:b]))
        else:
            yield from _words("".join(before[a:b]), "".join(after[c:d]))


def _words(old: str, new: str) -> Iterator[Piece]:
    before, after = _TOKEN.findall(old), _TOKEN.findall(new)
    for tag, a, b, c, d in _opcodes(before, after):
        if tag == "equal":
            yield from _piece("same", "".join(before[a:b]))
        else:
            yield from _piece("gone", "".join(before[a:b]))
            yield from _piece("new", "".join(after[c:d]))


def _opcodes(before: Sequence[str], after: Sequence[str]) -> Sequence[tuple[str, int, int, int, int]]:
    if len(before) > TOKENS_MAX or len(after) > TOKENS_MAX:
        return [("replace", 0, len(before), 0, len(after))]
    return SequenceMatcher(None, before, after).get_opcodes()


def _piece(kind: Kind, text: str) -> Iterator[Piece]:
    if text:
        yield Piece(kind, text)


def _common(old: str, new: str) -> tuple[int, int]:
    """Return how many characters both begin with and end with, cut back to whole words; they never overlap."""
    most = min(len(old), len(new))
    start = 0
    while start < most and old[start] == new[start]:
        start += 1
    while start and start < max(len(old), len(new)) and not old[start - 1].isspace():
        start -= 1
    end = 0
    while end < most - start and old[-1 - end] == new[-1 - end]:
        end += 1
    while end and not old[-end].isspace():
        end -= 1
    return start, end


def told(draft: Draft) -> list[tuple[str, str]]:
    """Return what a version says, as label and text for each field, in the order of the form."""
    return [
        ("Name", draft.name),
        ("Tone", TONE_NAMES.get(draft.tone, draft.tone)),
        ("More about the tone", draft.tone_note),
        ("Instructions", draft.instructions),
        ("Languages", ", ".join(draft.languages) or "The language of the person who asks"),
        ("Working hours", _hours(draft)),
        ("Outside of working hours", draft.outside_hours),
        ("Must not", draft.must_not),
        ("Further rules", draft.policy),
    ]


def _hours(draft: Draft) -> str:
    if draft.hours is None:
        return "Always"
    return "\n".join((*draft.hours.lines(), f"Time zone {draft.hours.time_zone}"))
