"""A text as WhatsApp shows it, after Meta's page on formatting and not after our writer: which words are bold, italic, ..."""

from __future__ import annotations

import re

_CODE = re.compile(r"```(.+?)```|`([^`\n]+)`", re.DOTALL)
_ADDRESS = re.compile(r"https?://[^\s<>]+")
_MASK = "\ue000"


def formatted(text: str) -> list[tuple[str, str]]:
    """Return each (sign, words) that WhatsApp formats: `*`, `_`, `~`, and "`" for code."""
    found = [("`", code[1] or code[2]) for code in _CODE.finditer(text)]
    masked = _ADDRESS.sub(_masked, _CODE.sub(_masked, text))
    for line, shown in zip(masked.split("\n"), _CODE.sub(_kept_lines, text).split("\n"), strict=True):
        for sign in "*_~":
            found += ((sign, shown[begin + 1 : end]) for begin, end in _pairs(line, sign))
    return found


def _pairs(line: str, sign: str) -> list[tuple[int, int]]:
    pairs, at = [], 0
    while at < len(line):
        if line[at] == sign and _begins(line, at):
            end = next((n for n in range(at + 2, len(line)) if line[n] == sign and _ends(line, n)), None)
            if end is not None:
                pairs.append((at, end))
                at = end
        at += 1
    return pairs


def _begins(line: str, at: int) -> bool:
    return (at == 0 or not line[at - 1].isalnum()) and at + 1 < len(line) and not line[at + 1].isspace()


def _ends(line: str, at: int) -> bool:
    return not line[at - 1].isspace() and (at + 1 == len(line) or not line[at + 1].isalnum())


def _masked(match: re.Match[str]) -> str:
    return "".join("\n" if char == "\n" else _MASK for char in match[0])


def _kept_lines(match: re.Match[str]) -> str:
    return match[0]
