"""How long the sender waits: for a call's end, for the proof of a send, and for a history that may not be read now."""

from __future__ import annotations

from dataclasses import dataclass

from konstruct.kit.settings import Settings


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds that a delivery is given for each thing it may have to wait for."""

    send_s: float = 10.0
    """From the commit of `sending` to the end of the call."""
    echo_s: float = 60.0
    """Time for the echo of an unknown send to come in, before the provider's history is asked and it is sent once more.

    Not sooner: Slack gives apps like ours one such call a minute, and the echo nearly always comes first.
    """
    look_up_s: float = 120.0
    """How long an unknown send waits in all for a history that may not be read now. Silence is worse than a second copy."""


def patience_of(settings: Settings) -> Patience:
    """Return the patience that the settings ask for."""
    return Patience(settings.send_window_s, settings.echo_wait_s, settings.look_up_wait_s)
