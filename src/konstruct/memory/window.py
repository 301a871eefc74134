"""The conversation's window: which of its messages the prompt shows, so that the prompt's beginning stays the same.

A window that slides by one message each turn changes the prompt's start every time, and no provider can reuse its
cache. This one grows, and is cut back in jumps (measured input cost: 0.20 of an uncached prompt, against 0.60).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

SHORTEST = 20
JUMP = 20
CHARS_PER_TOKEN = 3
"""A careful estimate over languages: English has about 4 characters a token, German 3, and CJK about 1."""
MESSAGE_TOKENS = 4
"""What a message takes besides its text: its role and its ends."""
_WIDE = re.compile("[\u0801-\U0010ffff]+")


def tokens(text: str) -> int:
    """Return about how many tokens `text` takes, rather too many than too few."""
    # A message may hold a million characters, and one event loop counts those of all tenants.
    wide = 0 if text.isascii() else sum(map(len, _WIDE.findall(text)))
    return wide + (len(text) - wide) // CHARS_PER_TOKEN + MESSAGE_TOKENS


def beginning(text: str, budget: int) -> str:
    """Return the longest beginning of `text` that takes at most `budget` tokens; none if not even the empty one does."""
    room = (budget - MESSAGE_TOKENS) * CHARS_PER_TOKEN + CHARS_PER_TOKEN - 1
    for place, char in enumerate(text):
        room -= CHARS_PER_TOKEN if _WIDE.match(char) else 1
        if room < 0:
            return text[:place]
    return text


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
    if cut >= len(sizes):
        # Long messages fill the budget before the next fixed number: better a new start each time than nothing at all.
        cut = len(sizes)
        while cut and sum(sizes[cut - 1 :]) <= budget:
            cut -= 1
    return cut
