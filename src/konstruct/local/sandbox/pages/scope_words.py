"""What scopes mean, in the words of the person who is asked."""

from __future__ import annotations

from collections.abc import Iterable

_WORDS: tuple[tuple[str, str, frozenset[str]], ...] = (
    ("read", "Read direct messages that people write to it", frozenset(("im:history", "im:read"))),
    ("read", "Hear when somebody mentions it", frozenset(("app_mentions:read",))),
    (
        "read",
        "Read messages in the channels it is added to, and their names",
        frozenset(
            "channels:history groups:history mpim:history channels:read groups:read mpim:read metadata.message:read".split()
        ),
    ),
    ("read", "See people's names and roles", frozenset(("users:read", "users.profile:read", "team:read"))),
    ("read", "Read files that people give it", frozenset(("files:read",))),
    ("write", "Answer, and show that it is working", frozenset(("chat:write", "assistant:write"))),
    ("write", "Answer under its own name and picture", frozenset(("chat:write.customize",))),
    ("write", "Open a direct message with somebody", frozenset(("im:write", "mpim:write"))),
    ("write", "Send files", frozenset(("files:write",))),
    ("write", "Add reactions", frozenset(("reactions:write", "reactions:read"))),
    ("write", "Offer the command /konstruct", frozenset(("commands",))),
)


def in_words(scopes: Iterable[str]) -> dict[str, list[str]]:
    """Return what an app with `scopes` may do: `read` and `write`, each a list of sentences. What has no words stays as it is."""
    asked = set(scopes)
    told: dict[str, list[str]] = {"read": [], "write": []}
    for kind, words, covers in _WORDS:
        if asked & covers:
            told[kind].append(words)
        asked -= covers
    for scope in sorted(asked):
        told["read" if scope.endswith((":read", ":history")) else "write"].append(scope)
    return told
