"""Why a file is not taken, in words for the person who uploaded it."""

from __future__ import annotations


class Unreadable(Exception):  # noqa: N818  # it is what the file is, not what went wrong here
    """A file cannot become a document. The text goes on after the file's name: “is protected by a password: …”."""


DAMAGED = "is damaged, and cannot be read: open it in the program that made it, save it again, and upload the new file"
TOO_MUCH_TEXT = "has more than a million characters of text: split it into several documents"
TOO_SLOW = "takes too long to read: save it again in a simpler form, or upload it in parts"
TOO_HEAVY = "needs too much memory to be read: save it again in a simpler form, or upload it in parts"
NO_TEXT = "has no text in it: there would be nothing to learn from it"
TWO_KINDS = "is two kinds of file at once: it looks made to do harm"
PASSWORD = "is protected by a password: save it without one, and upload it again"  # noqa: S105  # words for people
