"""Where a long line may be cut: after a sentence, else a word, else between two characters as a reader sees them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

_SENTENCE = re.compile(r"[.!?…。！？]+[\"')\]»”]*\s+")
_SPACE = re.compile(r"\s+")
_CLUSTER_MAX = 64
"""How far back a cut may move to keep a cluster whole; longer ones are not writing."""

_JOINER = "\u200d"
_VIRAMA = 9
"""Unicode's combining class of the signs that join two consonants in the scripts of India."""


def width(text: str) -> int:
    """Return the length of `text` in UTF-16 units: the larger of the two ways in which a provider may count."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def fragments(line: str, limit: int, *, keep_spaces: bool) -> Iterator[str]:
    """Yield `line` in pieces of at most `limit` units. `keep_spaces` keeps the blanks at the cuts (code needs them)."""
    while width(line) > limit:
        cut = _cut(line, limit)
        head, line = line[:cut], line[cut:]
        if not keep_spaces:
            head, line = head.rstrip(), line.lstrip()
        if head:
            yield head
    if line:
        yield line


def _cut(line: str, limit: int) -> int:
    fits = len(line[:limit].encode("utf-16-le", "surrogatepass")[: 2 * limit].decode("utf-16-le", "ignore"))
    for boundary in (_SENTENCE, _SPACE):
        ends = [match.end() for match in boundary.finditer(line, fits // 2, fits)]
        if ends:
            return ends[-1]
    return _between_clusters(line, fits)


def _between_clusters(line: str, cut: int) -> int:
    for position in range(cut, max(cut - _CLUSTER_MAX, 0), -1):
        if not _inside_cluster(line, position):
            return position
    return cut


def _inside_cluster(line: str, position: int) -> bool:
    """Whether a cut before `position` would part a base from its marks, an emoji sequence or a flag."""
    if position >= len(line):
        return False
    before, after = line[position - 1], line[position]
    if _JOINER in (before, after) or "\U0001f3fb" <= after <= "\U0001f3ff":
        return True
    if unicodedata.combining(before) == _VIRAMA:
        return True
    if unicodedata.category(after) in ("Mn", "Mc", "Me") or "\U000e0020" <= after <= "\U000e007f":
        return True
    return _is_flag_letter(after) and _flag_letters_before(line, position) % 2 == 1


def _is_flag_letter(char: str) -> bool:
    return "\U0001f1e6" <= char <= "\U0001f1ff"


def _flag_letters_before(line: str, position: int) -> int:
    count = 0
    while count < position and _is_flag_letter(line[position - 1 - count]):
        count += 1
    return count
