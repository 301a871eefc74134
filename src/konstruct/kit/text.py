"""Text that came from outside, made storable."""

from __future__ import annotations


def storable(text: str) -> str:
    """Return `text` as PostgreSQL can hold it: without NUL characters and without lone surrogates.

    JSON may carry both as escapes; neither has a meaning that a reader would miss.
    """
    if "\x00" in text:
        text = text.replace("\x00", "")
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text
