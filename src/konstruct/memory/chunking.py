"""Cuts a document into chunks: whole paragraphs under their heading, so that each chunk can be read by itself. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

CHUNK_CHARS = 800
"""A chunk with its heading is at most this long: about 200 tokens, so that several fit a prompt."""
_HEADING_CHARS = 160
_HEADING = re.compile(r"^\s{0,3}#{1,6}\s+\S")


def chunks_of(text: str) -> list[str]:
    """Return the chunks of `text` in order. Each but those before the first heading begins with the heading it stands under."""
    chunks: list[str] = []
    for heading, paragraphs in _sections(text):
        room = CHUNK_CHARS - (len(heading) + 1 if heading else 0)
        bodies = list(_packed(paragraphs, room))
        chunks += [f"{heading}\n{body}" if heading else body for body in bodies]
        if heading and not bodies:
            chunks.append(heading)
    return chunks


def _sections(text: str) -> Iterator[tuple[str, list[str]]]:
    """Each heading with its paragraphs; the paragraphs before the first heading have an empty one."""
    heading, lines = "", list[str]()
    for line in text.splitlines():
        if _HEADING.match(line):
            if heading or any(kept.strip() for kept in lines):
                yield heading, _paragraphs(lines)
            heading, lines = line.strip()[:_HEADING_CHARS], []
        else:
            lines.append(line.rstrip())
    if heading or any(kept.strip() for kept in lines):
        yield heading, _paragraphs(lines)


def _paragraphs(lines: list[str]) -> list[str]:
    return [found.strip("\n") for found in re.split(r"\n{2,}", "\n".join(lines)) if found.strip()]


def _packed(paragraphs: list[str], room: int) -> Iterator[str]:
    """Neighbouring paragraphs together, as many as fit into `room` characters."""
    kept = ""
    for paragraph in paragraphs:
        for piece in _cut(paragraph, room):
            joined = f"{kept}\n\n{piece}" if kept else piece
            if len(joined) <= room:
                kept = joined
                continue
            yield kept
            kept = piece
    if kept:
        yield kept


def _cut(paragraph: str, room: int) -> Iterator[str]:
    """A paragraph that is too long, cut after a line, else after a sentence, else between words, else anywhere."""
    rest = paragraph
    while len(rest) > room:
        window = rest[: room + 1]
        ends = (window.rfind("\n"), max(window.rfind(mark) for mark in (". ", "! ", "? ")) + 1, window.rfind(" "))
        at = next((end for end in ends if end > room // 3), room)
        yield rest[:at].strip()
        rest = rest[at:].strip()
    if rest:
        yield rest
