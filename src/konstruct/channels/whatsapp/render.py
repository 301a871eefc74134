"""A reply's markdown as its WhatsApp messages: each within the limit of a text, and a document if it is very long."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from konstruct.channels.texts import cleaned, visible
from konstruct.channels.whatsapp.dialect import blocks
from konstruct.channels.whatsapp.dividing import divide
from konstruct.conversations.part import Part

TEXT_MAX = 4096
"""Units of a text message (Meta, "text messages": 4,096 characters; the larger way of counting them)."""
PARTS_MAX = 3
"""Messages of one answer, each of which costs; what is longer is easier to read as a document."""
IN_FILE = "_This is the beginning. The whole answer is in the document below._"
NO_FILE = "_The document could not be sent, so this is the rest of the answer:_"
_FIRST_MAX = TEXT_MAX - max(len(IN_FILE), len(NO_FILE)) - 4
"""Of the parts of an answer that is a document: what is said about it has room in each."""


def render(text: str) -> list[Part]:
    """Return `text` as its messages; [] if it shows nothing.

    Beyond `PARTS_MAX` it is its beginning, and the whole of it as a document: the markdown as it was written.
    """
    whole = list(islice(_parts(text, TEXT_MAX), PARTS_MAX + 1))
    if len(whole) <= PARTS_MAX:
        return [Part(one) for one in whole]
    beginning = next(_parts(text, _FIRST_MAX))
    return [Part(f"{beginning}\n\n{IN_FILE}"), Part(cleaned(text).strip("\n"), "file")]


def instead_of_file(text: str) -> list[Part]:
    """Return the messages that show a document's text where none can be sent: all but the first, which is there already."""
    first, *others = list(_parts(text, _FIRST_MAX))[1:] or [""]
    return [Part(f"{NO_FILE}\n\n{first}".rstrip()), *(Part(one) for one in others)]


def _parts(text: str, limit: int) -> Iterator[str]:
    """Yield `text` as parts of at most `limit` units in WhatsApp's formatting; none if it shows nothing."""
    clean = cleaned(text)
    if visible(clean):
        yield from (part for part in divide(blocks(clean), limit) if visible(part))
