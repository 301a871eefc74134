"""The conversation's window: which of its messages the prompt shows, so that the prompt's beginning stays the same.

A window that slides by one message each turn changes the prompt's start every time, and no provider can reuse its
cache. This one grows, and is cut back in jumps (measured input cost: 0.20 of an uncached prompt, against 0.60).
"""

from __future__ import annotations

from collections.abc import Sequence

SHORTEST = 20
JUMP = 20
CHARS_PER_TOKEN = 3
"""A careful estimate over languages: English has about 4 characters a token, German 3, and CJK about 1."""


def tokens(text: str) -> int:
    """Return about how many tokens `text` takes, rather too many than too few."""
    wide = sum(1 for char in text if char > "ࠀ")
    return wide + (len(text) - wide) // CHARS_PER_TOKEN + 4


def start(first_seq: int, sizes: Sequence[int], budget: int) -> int:
    """Return the index of the first message to show.

    `sizes` are the tokens of all messages known, oldest first, the first of which has the conversation's number
    `first_seq`. Cuts fall on fixed numbers of the conversation, so that the same start holds for JUMP messages.
    """
    last_seq = first_seq + len(sizes)
    cut = max(0, (last_seq - SHORTEST) // JUMP * JUMP + 1 - first_seq) if last_seq > SHORTEST + JUMP else 0
    while cut < len(sizes) and sum(sizes[cut:]) > budget:
        # Over the budget: forget to the next fixed number, a quarter of a jump at a time.
        step = JUMP // 4
        cut += step - (first_seq + cut - 1) % step
    return min(cut, len(sizes))
