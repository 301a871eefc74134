"""How fast one number may send: Meta's throughput, and one message in six seconds to each person.

Sources: Meta, "Messaging limits" and "Throughput" (80 messages a second and number, of both directions together), "Pair rate
limits" (one message in 6 seconds to a person; a burst of up to 45 is tolerated, and borrows from what may follow: we do not
borrow, for an answer is one message).
"""

from __future__ import annotations

from collections.abc import Mapping

from konstruct.channels.rates import POST, WORKING, Rate
from konstruct.kit.settings import Settings

_NUMBER_PER_S = 64
_BURST = 8
"""Together they are below Meta's 80 in any one second, with room for messages that catch up with each other on the way."""
_PERSON_S = 6.0


def rates(_settings: Settings) -> Mapping[str, Rate]:
    """Return the rates of the Graph API's methods for one number."""
    return {
        POST: Rate(per_minute=_NUMBER_PER_S * 60, burst=_BURST, channel_per_s=1 / _PERSON_S, kept=True),
        WORKING: Rate(per_minute=20 * 60, burst=20, channel_per_s=0.2),
    }
