"""Why a passage was found: the words in it that a search goes by. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from konstruct.kit.lexical import terms

_WORD = re.compile(r"[€$£¥₹]|[^\W_]+(?:['’][^\W_]+)*")


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of a text; `hit` if it is what was looked for."""

    text: str
    hit: bool


def spans(query: str, text: str) -> list[Span]:
    """Return `text` in pieces; those with a term of `query` are hits. Joined, the pieces are the text again."""
    wanted, found, end = set(terms(query)), list[Span](), 0
    for match in _WORD.finditer(text):
        if wanted.isdisjoint(terms(match.group())):
            continue
        if match.start() > end:
            found.append(Span(text[end : match.start()], hit=False))
        found.append(Span(match.group(), hit=True))
        end = match.end()
    if end < len(text):
        found.append(Span(text[end:], hit=False))
    return found


def reasons(query: str, text: str) -> list[str]:
    """Return the words of `query` whose meaning is in `text`, in their order and each once."""
    there = set(terms(text))
    words = dict.fromkeys(match.group() for match in _WORD.finditer(query))
    return [word for word in words if not there.isdisjoint(terms(word))]
