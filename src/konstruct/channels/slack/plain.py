"""Markdown as plain words: what a notification, a lock screen and a screen reader say."""

from __future__ import annotations

import re

_FENCE = re.compile(r"[ \t]*(?:`{3,}|~{3,})[^`\n]*")
_TABLE_RULE = re.compile(r"[ \t]*\|?(?:[ \t]*:?-{2,}:?[ \t]*\|)+[ \t]*(?::?-{2,}:?)?[ \t]*")
_RULE = re.compile(r" {0,3}(?:(?:\*[ \t]*){3,}|(?:-[ \t]*){3,}|(?:_[ \t]*){3,})")
_HEADING = re.compile(r" {0,3}#{1,6}[ \t]+(.*?)[ \t]*#*")
_QUOTE = re.compile(r" {0,3}>[ \t]?")
_TASK = re.compile(r"([ \t]*[-*+][ \t]+)\[([ xX])\][ \t]+")
_IMAGE = re.compile(r"!\[([^\[\]]{0,300})\]\([^()\s]{1,2000}\)")
_LINK = re.compile(r"\[([^\[\]]{1,300})\]\([^()\s]{1,2000}\)")
_STRONG = re.compile(r"(\*\*\*|\*\*|__|~~)(?=\S)([^\n]{1,1000}?)(?<=\S)\1")
_EMPHASIS = re.compile(r"(?<![\w*])([*_])(?=[^\s*_])([^*_\n]{1,500}?)(?<=[^\s*_])\1(?![\w*])")
_CODE = re.compile(r"(`{1,4})(?!`)([^\n]{1,1000}?)(?<!`)\1(?!`)")


def plain(text: str) -> str:
    """Return `text` without the signs of markdown and without empty lines."""
    out, in_code = [], False
    for line in text.split("\n"):
        if _FENCE.fullmatch(line):
            in_code = not in_code
        elif in_code:
            out.append(line)
        elif not (_TABLE_RULE.fullmatch(line) or _RULE.fullmatch(line)):
            out.append(_words(line))
    return "\n".join(line for line in out if line.strip())


def _words(line: str) -> str:
    line = _QUOTE.sub("", line, count=1) if _QUOTE.match(line) else line
    if heading := _HEADING.fullmatch(line):
        line = heading[1]
    line = _TASK.sub(lambda task: task[1] + ("done: " if task[2] != " " else "to do: "), line)
    line = _LINK.sub(r"\1", _IMAGE.sub(r"\1", line))
    line = _EMPHASIS.sub(r"\2", _STRONG.sub(r"\2", line))
    line = _CODE.sub(r"\2", line)
    if line.lstrip().startswith("|"):
        line = " · ".join(cell.strip() for cell in line.strip().strip("|").split("|"))
    return line.rstrip()
