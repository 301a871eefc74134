"""What people call a kind of channel."""

from __future__ import annotations

_NAMES = {"whatsapp": "WhatsApp"}
"""Those that are written otherwise than their kind suggests."""


def channel_name(kind: str) -> str:
    """Return the name of a kind of channel, such as "Slack" for "slack"."""
    return _NAMES.get(kind) or kind.replace("_", " ").capitalize()
