"""The reply window as the inbox shows it: until when a person may be written to freely, in the business's own time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from konstruct.channels import window
from konstruct.channels.port import ChannelAdapter
from konstruct.conversations.overview_repository import Overview


@dataclass(frozen=True, slots=True)
class WindowView:
    """Whether the window is open, and until or since when."""

    open: bool
    at: datetime | None
    """When it closes, or closed; None: they have never written."""
    clock: str
    """Likewise, as the business's clock shows it: "14:05", "tomorrow 09:30", "Fri 27 Nov 09:30"."""
    left: str = ""
    """For how long it is open still: "3 h 12 min"."""


def window_of(conversation: Overview, adapters: Mapping[str, ChannelAdapter], now: datetime | None = None) -> WindowView | None:
    """Return the window of a contact's conversation, None where the channel has none."""
    adapter = adapters.get(conversation.channel)
    if adapter is None or conversation.kind != "contact" or adapter.caps.outside_window != "template":
        return None
    now = now or datetime.now(UTC)
    if conversation.window_expires_at is None:
        return WindowView(False, None, "")
    # What the sender keeps back belongs to the time in which nothing goes out any more.
    ends = conversation.window_expires_at - timedelta(seconds=window.margin_s(adapter.caps))
    return WindowView(ends > now, ends, clock(ends, now, conversation.time_zone), left((ends - now).total_seconds()))


def clock(moment: datetime, now: datetime, time_zone: str) -> str:
    """Return a moment near now as a clock of that time zone shows it, with its day where that is another."""
    try:
        zone: ZoneInfo | None = ZoneInfo(time_zone)
    except (ZoneInfoNotFoundError, ValueError):
        zone = None
    there, here = moment.astimezone(zone or UTC), now.astimezone(zone or UTC)
    days = (there.date() - here.date()).days
    day = {0: "", 1: "tomorrow ", -1: "yesterday "}.get(days, f"{there:%a} {there.day} {there:%b} ")
    return f"{day}{there:%H:%M}"


def left(seconds: float) -> str:
    """Return a length of time in words, to the minute."""
    minutes = max(1, round(seconds / 60))
    hours, rest = divmod(minutes, 60)
    if not hours:
        return f"{minutes} min"
    return f"{hours} h {rest} min" if rest else f"{hours} h"
