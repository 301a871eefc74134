"""Paragraphs, lists, quotes, headings and code blocks of a message, as safe HTML."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Literal

from markupsafe import Markup

from konstruct.local.sandbox.pages.markup import Inline, Names, inline_for, lines, plain

Dialect = Literal["markdown", "mrkdwn", "whatsapp"]
_FENCE = re.compile(r"^\s*```+\s*[\w+-]*\s*$")
_HEADING = re.compile(r"^(#{1,6})\s+(.+?)\s*#*$")
_RULE = re.compile(r"^\s*([-*_])(?:\s*\1){2,}\s*$")
_ITEM = re.compile(r"^(\s*)([-*+•]|\d{1,3}[.)])\s+(.+)$")
_QUOTE = re.compile(r"^(?:>|&gt;) ?(.*)$")
_DEEPEST = 4
Item = tuple[int, bool, str]
"""Indent in characters, whether numbered, text."""


def message_html(text: str, dialect: Dialect, names: Names) -> Markup:
    """Return a message's text as HTML: never a tag, address scheme or attribute that the text brought along."""
    inline = inline_for(dialect, names)
    if dialect == "whatsapp":
        # It has no entities: what looks like one is shown as it is.
        text = text.replace("&", "&amp;")
    return Markup("").join(_blocks(_fences_apart(text), dialect, inline))


def _fences_apart(text: str) -> list[str]:
    # Slack's dialect allows a fence in the middle of a line.
    return re.sub(r"(?m)(?<=\S)```$|^```(?=\S+[^\w\n`])", "\n```\n", text).splitlines()


def _blocks(rows: list[str], dialect: Dialect, inline: Inline) -> Iterator[Markup]:
    at = 0
    while at < len(rows):
        end, html = _block(rows, at, dialect, inline)
        yield html
        at = end


def _block(rows: list[str], at: int, dialect: Dialect, inline: Inline) -> tuple[int, Markup]:
    """Return the block that starts at row `at`, and the row after it."""
    row = rows[at]
    if not row.strip():
        return at + 1, Markup("")
    if _FENCE.match(row):
        return _code(rows, at)
    if _QUOTE.match(row):
        end = _while(rows, at, lambda r: bool(_QUOTE.match(r)))
        quoted = [_QUOTE.sub(r"\1", r) for r in rows[at:end]]
        return end, Markup("<blockquote>{}</blockquote>").format(lines(quoted, inline))
    if dialect == "markdown":
        if heading := _HEADING.match(row):
            return at + 1, Markup('<p class="heading">{}</p>').format(inline(heading.group(2)))
        if _RULE.match(row):
            return at + 1, Markup("<hr>")
    if dialect != "mrkdwn" and _ITEM.match(row):
        return _list(rows, at, inline)
    end = max(at + 1, _while(rows, at, lambda r: bool(r.strip()) and not _starts_block(r, dialect)))
    return end, Markup("<p>{}</p>").format(lines(rows[at:end], inline))


def _starts_block(row: str, dialect: Dialect) -> bool:
    if _FENCE.match(row) or _QUOTE.match(row):
        return True
    if dialect != "mrkdwn" and _ITEM.match(row):
        return True
    return dialect == "markdown" and bool(_HEADING.match(row) or _RULE.match(row))


def _while(rows: list[str], at: int, holds: Callable[[str], bool]) -> int:
    while at < len(rows) and holds(rows[at]):
        at += 1
    return at


def _code(rows: list[str], at: int) -> tuple[int, Markup]:
    end = _while(rows, at + 1, lambda r: not _FENCE.match(r))
    return end + 1, Markup("<pre><code>{}</code></pre>").format(plain("\n".join(rows[at + 1 : end])))


def _list(rows: list[str], at: int, inline: Inline) -> tuple[int, Markup]:
    items: list[Item] = []
    while at < len(rows):
        found = _ITEM.match(rows[at])
        if found:
            if items and len(found.group(1)) <= items[0][0] + 1 and found.group(2)[0].isdigit() != items[0][1]:
                break
            items.append((len(found.group(1)), found.group(2)[0].isdigit(), found.group(3)))
        elif rows[at].startswith("  ") and rows[at].strip() and items:
            indent, numbered, text = items[-1]
            items[-1] = (indent, numbered, f"{text}\n{rows[at].strip()}")
        else:
            break
        at += 1
    return at, _nested(items, inline, 0)


def _nested(items: list[Item], inline: Inline, depth: int) -> Markup:
    base, numbered = items[0][0], items[0][1]
    out, at = Markup(""), 0
    while at < len(items):
        end = at + 1
        while end < len(items) and items[end][0] > base + 1 and depth < _DEEPEST:
            end += 1
        inner = _nested(items[at + 1 : end], inline, depth + 1) if end > at + 1 else Markup("")
        out += Markup("<li>{}{}</li>").format(lines(items[at][2].split("\n"), inline), inner)
        at = end
    return (Markup("<ol>{}</ol>") if numbered else Markup("<ul>{}</ul>")).format(out)
