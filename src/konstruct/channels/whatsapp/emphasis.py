"""Which of the signs of emphasis in a text belong together: CommonMark's rules, a little more lenient where models are."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Style = Literal["bold", "italic", "strike"]
_STACK_MAX = 30
"""How many open signs are looked back upon; more are not writing."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A run of one sign, and the characters beside it ("" at an end of the text)."""

    char: str
    count: int
    before: str
    after: str

    @property
    def opens(self) -> bool:
        """Whether something may begin here."""
        if not self.after or self.after.isspace() or self._between_digits:
            return False
        if self.char == "*" and self.count >= 2:
            return True
        leaning = not _punctuation(self.after) or not self.before or self.before.isspace() or _punctuation(self.before)
        return leaning and not (self.char == "_" and self.before.isalnum())

    @property
    def closes(self) -> bool:
        """Whether something may end here."""
        if not self.before or self.before.isspace() or self._between_digits:
            return False
        if self.char == "*" and self.count >= 2:
            return True
        leaning = not _punctuation(self.before) or not self.after or self.after.isspace() or _punctuation(self.after)
        return leaning and not (self.char == "_" and self.after.isalnum())

    @property
    def _between_digits(self) -> bool:
        """2*3, 2**8: a sum, not emphasis."""
        return (self.before.isdigit() and self.after.isalnum()) or (self.before.isalnum() and self.after.isdigit())


@dataclass(slots=True)
class _Open:
    at: int
    mark: Mark
    left: int


def styled(marks: Sequence[Mark | None]) -> tuple[list[frozenset[Style]], list[int]]:
    """Return the style of each place, and how many signs of each mark stand for themselves. None: a place with words."""
    left = [0 if mark is None else mark.count for mark in marks]
    begins: list[list[Style]] = [[] for _ in range(len(marks) + 1)]
    ends: list[list[Style]] = [[] for _ in range(len(marks) + 1)]
    stack: list[_Open] = []
    for at, mark in enumerate(marks):
        if mark is None:
            continue
        if mark.closes:
            left[at] = _close(at, mark, stack, left, begins, ends)
        if mark.opens and left[at] and (mark.char != "~" or left[at] <= 2):
            stack.append(_Open(at, mark, left[at]))
            del stack[:-_STACK_MAX]
    return list(_filled(begins, ends, len(marks))), left


def _close(at: int, mark: Mark, stack: list[_Open], left: list[int], begins: list[list[Style]], ends: list[list[Style]]) -> int:
    """Find what `mark` ends; return how many of its signs are left over."""
    remaining = mark.count
    while remaining:
        place = next((n for n in range(len(stack) - 1, -1, -1) if _match(stack[n], mark, remaining)), None)
        if place is None:
            break
        opened = stack[place]
        used = remaining if mark.char == "~" else 2 if min(opened.left, remaining) >= 2 else 1
        style: Style = "strike" if mark.char == "~" else "bold" if used == 2 else "italic"
        begins[opened.at + 1].append(style)
        ends[at].append(style)
        opened.left -= used
        left[opened.at] = opened.left
        remaining -= used
        del stack[place + 1 if opened.left else place :]
    return remaining


def _match(opened: _Open, mark: Mark, remaining: int) -> bool:
    if opened.mark.char != mark.char:
        return False
    if mark.char == "~":
        return opened.left == remaining
    both = opened.mark.closes or mark.opens
    # CommonMark: of signs that may both begin and end, the sum is no multiple of three, unless each is.
    return not (both and (opened.left + remaining) % 3 == 0 and (opened.left % 3 or remaining % 3))


def _filled(begins: list[list[Style]], ends: list[list[Style]], count: int) -> list[frozenset[Style]]:
    found: list[frozenset[Style]] = []
    open_now: dict[Style, int] = {"bold": 0, "italic": 0, "strike": 0}
    for at in range(count):
        for style in ends[at]:
            open_now[style] -= 1
        for style in begins[at]:
            open_now[style] += 1
        found.append(frozenset(style for style, depth in open_now.items() if depth > 0))
    return found


def _punctuation(char: str) -> bool:
    return unicodedata.category(char)[0] in ("P", "S")
