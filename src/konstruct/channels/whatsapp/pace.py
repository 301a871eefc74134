"""How fast one number may send: Meta's throughput, and one message in six seconds to each person."""

from __future__ import annotations

from collections.abc import Mapping

from konstruct.channels.rates import POST, Rate
from konstruct.kit.settings import Settings

_NUMBER_PER_S = 64
_BURST = 8
"""Together they are below Meta's 80 in any one second, with room for messages that catch up with each other on the way."""
_PERSON_S = 6.0


def rates(_settings: Settings) -> Mapping[str, Rate]:
    """Return the rates of the Graph API's methods for one number."""
    return {POST: Rate(per_minute=_NUMBER_PER_S * 60, burst=_BURST, channel_per_s=1 / _PERSON_S, kept=True)}
