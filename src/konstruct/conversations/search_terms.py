"""A search as terms: what is asked for, what a message holds, and which of its words to mark. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from konstruct.kit import lexical

TERM_MAX = 64
"""Longer words are cut, in messages and in searches alike: an index row has a limit."""
TERMS_MAX = 8
"""Words of a search that count."""
PREFIX_MIN = 2
QUERY_MAX = 200
_SNIPPET = 180
_BEFORE = 60
_SCANNED = 20_000
"""Characters of a message that are looked through for words to mark."""
NOTHING = ""
"""The term of a message without any."""


@dataclass(frozen=True, slots=True)
class Search:
    """All of `exact` must be in a message, and, unless it is None, a term that `last` may become."""

    exact: tuple[str, ...]
    last: str | None
    """The word being typed, case-folded."""
    whole: str | None
    """The term of that word, if it is complete already; None for a word that says nothing by itself."""

    @property
    def asks(self) -> bool:
        """Whether there is anything to look for."""
        return bool(self.exact or self.last or self.whole)

    @property
    def prefix(self) -> str | None:
        """What a term may begin with; None where only whole terms count."""
        return self.last if self.last is not None and len(self.last) >= PREFIX_MIN else None

    def holds(self, terms: Iterable[str]) -> bool:
        """Return whether a message with these terms is found."""
        found = set(terms)
        if not found.issuperset(self.exact):
            return False
        if self.last is None:
            return True
        prefix = self.prefix
        return self.whole in found or (prefix is not None and any(term.startswith(prefix) for term in found))

    def marks(self, word: str) -> bool:
        """Return whether a case-folded word of a message is one of those asked for."""
        term = lexical.term_of(word)[:TERM_MAX]
        prefix = self.prefix
        return term in self.exact or term == self.whole or (prefix is not None and (word.startswith(prefix)))


def parse(text: str) -> Search:
    """Return the search that somebody typed. Its last word may still grow; words that say nothing are left out."""
    words = lexical.words(text[:QUERY_MAX])
    if not words:
        return Search((), None, None)
    last = words[-1][:TERM_MAX]
    exact = _distinct(lexical.terms(" ".join(words[:-1])))[:TERMS_MAX]
    whole = lexical.terms(last)
    if not whole and exact:
        # "opening hours of the": the last word does not say anything yet.
        return Search(exact, None, None)
    return Search(exact, last, whole[0][:TERM_MAX] if whole else None)


def terms_of(text: str, name: str | None) -> tuple[str, ...]:
    """Return the distinct terms of a message and of its author's name; never empty."""
    return _distinct([*lexical.terms(text), *lexical.terms(name or "")]) or (NOTHING,)


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a snippet, marked or not."""

    text: str
    marked: bool


def snippet(text: str, search: Search) -> tuple[Piece, ...]:
    """Return the part of `text` around the first word found, in pieces; its beginning if none is (the name matched)."""
    hits = [(start, end) for start, end, word in lexical.spans(text[:_SCANNED]) if search.marks(word)]
    begin = max(0, hits[0][0] - _BEFORE) if hits else 0
    finish = min(len(text), begin + _SNIPPET)
    pieces: list[Piece] = [Piece("…", False)] if begin else []
    at = begin
    for start, end in hits:
        if end > finish:
            break
        pieces += [Piece(text[at:start], False), Piece(text[start:end], True)]
        at = end
    pieces.append(Piece(text[at:finish] + ("…" if finish < len(text) else ""), False))
    return tuple(piece for piece in pieces if piece.text)


def _distinct(terms: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(term[:TERM_MAX] for term in terms))
