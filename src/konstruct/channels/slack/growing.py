"""An answer on its way as Slack may show it: safe, and such that whatever comes after only adds to it."""

from __future__ import annotations

import re
from collections.abc import Set

from konstruct.channels.slack.blocks import Block, segment
from konstruct.channels.slack.safety import clean, neutralise
from konstruct.channels.texts import visible

_MARKS = re.compile(r"[ \t]*(?:`+|~+)[ \t]*")


def growing(text: str, participants: Set[str]) -> str:
    """Return the beginning of `text` that no continuation changes; "" if there is nothing to see in it yet."""
    blocks = segment(neutralise(_settled(clean(text)), participants))
    if not blocks:
        return ""
    *whole, last = blocks
    shown = "".join(block.gap + block.text() for block in whole) + last.gap + _unclosed(last)
    shown = shown.strip("\n").rstrip()
    return shown if visible(shown) else ""


def _settled(text: str) -> str:
    """Cut `text` after a whole word, before anything that may still become the end of a fence.

    Half a mention does no harm: what makes one inert is put behind its first sign, whatever follows.
    """
    end = _last_word_end(text, len(text))
    line = text[text.rfind("\n", 0, end) + 1 : end]
    return text[: end - len(line)] if _MARKS.fullmatch(line) else text[:end]


def _last_word_end(text: str, limit: int) -> int:
    """Return where the last word ends of which it is known, at or before `limit`, that it is whole."""
    for position in range(min(limit, len(text) - 1), 0, -1):
        if text[position].isspace() and not text[position - 1].isspace():
            return position
    return 0


def _unclosed(block: Block) -> str:
    """Return the last block without the end of a fence: more lines may come."""
    return block.text() if block.fence is None else "\n".join((block.opening, *block.lines))
