"""How fast one number may send: Meta's throughput, and one message in six seconds to each person."""

from __future__ import annotations

from collections.abc import Mapping

from konstruct.channels.rates import POST, Rate
from konstruct.kit.settings import Settings


def rates(_settings: Settings) -> Mapping[str, Rate]:
    """Return the rates of the Graph API's methods for one number."""
    return {POST: Rate(per_minute=80 * 60, burst=80, channel_per_s=1 / 6)}
