"""What Meta's error 190 says of a token, in the words of the house (`credentials.TOKEN_OVER`)."""

from __future__ import annotations

from konstruct.channels.whatsapp.graph_errors import GraphError

_OVER = 190
_SUBCODES = {463: "token_expired", 467: "token_revoked", 458: "token_revoked", 460: "token_revoked"}
"""Expired; no longer valid; the app was removed; the password was changed."""


def token_word(error: GraphError | None) -> str | None:
    """Return the word for a token that is over, or None where the error says nothing of the token itself."""
    if error is None or error.code != _OVER:
        return None
    return _SUBCODES.get(error.subcode or 0, "invalid_auth")
