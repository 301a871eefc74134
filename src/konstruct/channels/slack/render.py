"""A reply's markdown as its Slack messages: safe, each within the limit of a markdown block, and a file if it is very long."""

from __future__ import annotations

from collections.abc import Set

from konstruct.channels.slack.dialect import adapt
from konstruct.channels.slack.parts import divide
from konstruct.channels.slack.safety import clean, neutralise
from konstruct.channels.texts import visible
from konstruct.conversations.part import Part

PART_MAX = 11_500
"""Units of one part. Slack takes 12,000 characters of markdown in a payload (docs: "markdown block")."""
PARTS_MAX = 3
"""Messages of one answer; what is longer is easier to read as a file."""
IN_FILE = "*This is the beginning. The whole answer is in the file below.*"
NO_FILE = "*The file could not be shown here, so this is the rest of the answer:*"

_RESERVE = 32
"""Kept free for what the second look at each part may add where a cut made a new form."""
_FIRST_MAX = PART_MAX - _RESERVE - max(len(IN_FILE), len(NO_FILE)) - 4
"""Of the parts of an answer that is a file: what is said about the file has room in each."""


def render(text: str, participants: Set[str]) -> list[Part]:
    """Return `text` as its messages, which mention nobody but `participants`; [] if it shows nothing.

    Beyond `PARTS_MAX` it is its beginning, and the whole of it as a file: the markdown as it was written.
    """
    whole = texts(text, participants)
    if len(whole) <= PARTS_MAX:
        return [Part(one) for one in whole]
    beginning = _parts(text, participants, _FIRST_MAX)[0]
    return [Part(f"{beginning}\n\n{IN_FILE}"), Part(clean(text).strip("\n"), "file")]


def instead_of_file(text: str, participants: Set[str]) -> list[Part]:
    """Return the messages that show a file's text where no file can be shown: all but the first, which is there already."""
    first, *others = _parts(text, participants, _FIRST_MAX)[1:] or [""]
    return [Part(f"{NO_FILE}\n\n{first}".rstrip()), *(Part(one) for one in others)]


def texts(text: str, participants: Set[str]) -> list[str]:
    """Return `text` as parts of at most `PART_MAX` units that mention nobody but `participants`; [] if it shows nothing."""
    return _parts(text, participants, PART_MAX - _RESERVE)


def _parts(text: str, participants: Set[str], limit: int) -> list[str]:
    safe = neutralise(adapt(clean(text)), participants).strip("\n").rstrip()
    if not visible(safe):
        return []
    # Looked at again: a cut may have freed an `@here` that stood inside a longer word.
    return [neutralise(part, participants) for part in divide(safe, limit) if visible(part)]
