"""Whether a channel's rules let something be sent to a person now: some let a business write only for a while after they did."""

from __future__ import annotations

from collections.abc import Mapping

from konstruct.channels.port import Capabilities, ChannelAdapter

CLOSED = "window_closed"
NOT_AGREED = "not_agreed"
_MARGIN_MAX_S = 60.0
_MARGIN_SHARE = 0.01


def windows_of(adapters: Mapping[str, ChannelAdapter]) -> dict[str, float | None]:
    """Return for how many seconds a person may be answered, by the channel's kind; None: always."""
    return {kind: adapter.caps.reply_window_s for kind, adapter in adapters.items()}


def closed(caps: Capabilities, heard_s: float | None, window_s: float | None = None) -> str | None:
    """Return why nothing may be sent any more, or None.

    `heard_s`: seconds since the person wrote last; None: never. `window_s`: for how long their window is open still, where
    that is kept with the contact: then that is what counts. A little is kept back, for the call itself and for clocks that
    differ: the provider's is the one that counts.
    """
    if caps.opt_in_required and heard_s is None and window_s is None:
        return NOT_AGREED
    left = left_s(caps, heard_s, window_s)
    return CLOSED if left is not None and left <= 0 else None


def left_s(caps: Capabilities, heard_s: float | None, window_s: float | None = None) -> float | None:
    """Return for how many seconds a free text may still be sent, 0 if it may not; None: without an end."""
    if caps.reply_window_s is None or caps.outside_window == "free":
        return None
    margin = margin_s(caps)
    if window_s is not None:
        return max(0.0, window_s - margin)
    if heard_s is None:
        return 0.0
    return max(0.0, caps.reply_window_s - margin - heard_s)


def margin_s(caps: Capabilities) -> float:
    """Return how much of the window is kept back, in seconds."""
    return min(_MARGIN_MAX_S, (caps.reply_window_s or 0.0) * _MARGIN_SHARE)
