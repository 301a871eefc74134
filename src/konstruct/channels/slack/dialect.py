"""Markdown as models write it, made into the markdown that Slack's markdown block shows.

Slack shows headings, emphasis, lists, task lists, quotes, links, code, tables and rules; an image becomes a link (docs:
"Markdown block", 2026). It does not know HTML, footnotes, quotes in quotes, or links defined elsewhere in the text, which
moreover may come to stand in another message. Code is left as it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from konstruct.channels.slack.blocks import Fence, fence_of

_CODE_SPAN = re.compile(r"(`{1,8})(?!`).{1,2000}?(?<!`)\1(?!`)")
_DEFINITION = re.compile(r" {0,3}\[([^\]^\[]{1,80})\]:[ \t]+<?(https?://[^\s<>]{1,2000})>?[ \t]*(?:[\"'(].{0,200}[\"')])?[ \t]*")
_REFERENCE = re.compile(r"(?<![\]\\])\[([^\[\]]{1,300})\](?:\[([^\[\]^]{0,80})\])?(?![\[(])")
_NOTE = re.compile(r"(?<!\\)\[\^([A-Za-z0-9_.\-]{1,20})\](:?)")
_QUOTES = re.compile(r"([ \t]{0,3})>(?:[ \t]{0,3}>){1,20}[ \t]?")
_ITEM = re.compile(r"([ \t]{0,20})1([.)])([ \t]+.*)")
_BEGINS = re.compile(r"[ \t]{0,20}(?:>[ \t]?|(?:[-*+]|[0-9]{1,9}[.)])[ \t]+)")
_MARKS = {"b": "**", "strong": "**", "i": "*", "em": "*", "s": "~~", "del": "~~", "strike": "~~", "code": "`", "kbd": "`"}
_DROPPED = ("u", "p", "div", "span", "sub", "sup", "small", "center", "summary", "font", "mark")
_PAIR = re.compile(rf"<({'|'.join((*_MARKS, *_DROPPED))})(?: [^<>]{{0,200}})?>([^<>]{{1,2000}})</\1>")
_BREAK = re.compile(r"<br ?/?>")
_FOLD = re.compile(r"[ \t]*</?details(?: open)?>[ \t]*")
_ROUNDS = 8
"""Tags within tags; what is nested deeper is not writing. A tag without its other half is left: somebody writes about HTML."""


def adapt(text: str) -> str:
    """Return `text` with what Slack does not show put into forms that it shows. Idempotent but for freaks."""
    lines = list(_outside_code(text.split("\n")))
    defined = {match[1].lower(): match[2] for line, code in lines if not code and (match := _DEFINITION.fullmatch(line))}
    numbers = _Numbers()
    out: list[str] = []
    for line, code in lines:
        if code:
            out.append(line)
        elif not (defined and _DEFINITION.fullmatch(line)):
            out.extend(numbers.read(each) for each in _line(line, defined))
    return "\n".join(out)


def _outside_code(lines: list[str]) -> Iterator[tuple[str, bool]]:
    """Yield each line, and whether it is fenced code or a fence."""
    fence: Fence | None = None
    for line in lines:
        if fence is not None:
            yield line, True
            fence = None if fence.closed_by(line) else fence
        else:
            fence = fence_of(line)
            yield line, fence is not None


def _line(line: str, defined: dict[str, str]) -> list[str]:
    line = _QUOTES.sub(r"\1> ", line)
    gap = _gap(line)

    def convert(part: str) -> str:
        for _ in range(_ROUNDS):
            plain = _PAIR.sub(lambda pair: _MARKS.get(pair[1], "") + pair[2] + _MARKS.get(pair[1], ""), part)
            if plain == part:
                break
            part = plain
        part = _NOTE.sub(lambda match: f"[{match[1]}]", _BREAK.sub(gap, part))
        return _REFERENCE.sub(lambda match: _link(match, defined), part) if defined else part

    return [] if _FOLD.fullmatch(line) else _but_code(line, convert).split("\n")


def _gap(line: str) -> str:
    """Return what stands for a `<br>`: a line end that stays in the item or the quote, a blank in a table."""
    if line.lstrip().startswith("|"):
        return " "
    begins = _BEGINS.match(line)
    if begins is None:
        return "\n"
    return "\n" + (begins[0] if ">" in begins[0] else " " * len(begins[0]))


def _but_code(line: str, convert: Callable[[str], str]) -> str:
    out, at = [], 0
    for span in _CODE_SPAN.finditer(line):
        out += [convert(line[at : span.start()]), span[0]]
        at = span.end()
    return "".join((*out, convert(line[at:])))


def _link(match: re.Match[str], defined: dict[str, str]) -> str:
    address = defined.get((match[2] or match[1]).lower())
    return f"[{match[1]}]({address})" if address else match[0]


class _Numbers:
    """Counts the items of a list that are all numbered 1: a part that begins in the middle of it would begin at 1 again."""

    def __init__(self) -> None:
        self._next: dict[str, int] = {}

    def read(self, line: str) -> str:
        """Return the line, its number set."""
        item = _ITEM.fullmatch(line)
        indent = line[: len(line) - len(line.lstrip())]
        if item is None:
            if line.strip():
                self._next = {each: number for each, number in self._next.items() if len(each) < len(indent)}
            return line
        self._next = {each: number for each, number in self._next.items() if len(each) <= len(indent)}
        number = self._next.get(indent, 1)
        self._next[indent] = number + 1
        return f"{indent}{number}{item[2]}{item[3]}"
