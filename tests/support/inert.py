"""Text that notifies nobody but whom it may: written apart from the code under test, after what Slack documents as notifying."""

from __future__ import annotations

import re

PEOPLE = frozenset({"U1", "WABC2"})
LIVE = re.compile(r"<!(channel|here|everyone|group|subteam)|(?<![a-z0-9])@(channel|here|everyone)(?![a-z0-9])", re.IGNORECASE)
MENTION = re.compile(r"<@([A-Z0-9]+)(?:\|[^>]*)?>")


def assert_inert(text: str) -> None:
    """Fail if `text` mentions anybody but PEOPLE."""
    # Whatever reads the text next may drop control characters.
    text = "".join(char for char in text if char >= " " or char == "\n")
    assert not LIVE.search(text)
    assert {match[1] for match in MENTION.finditer(text)} <= PEOPLE
