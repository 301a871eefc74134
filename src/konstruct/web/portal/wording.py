"""How pages say times, numbers and money. Pure functions, the filters of every template."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from konstruct.kit.channel_names import channel_name

_UNITS = ((60, "just now", ""), (3600, "min", 60), (86400, "h", 3600), (7 * 86400, "d", 86400))


def ago(moment: datetime) -> str:
    """Return how long ago a moment was, in the fewest letters that say it: "just now", "5 min ago", "12 Mar 2026"."""
    seconds = (datetime.now(UTC) - moment).total_seconds()
    if seconds < -60:
        return day(moment)
    for below, unit, size in _UNITS:
        if seconds < below:
            return f"{int(seconds // size)} {unit} ago" if isinstance(size, int) else unit
    return day(moment)


def day(moment: datetime) -> str:
    """Return a date: "12 Mar 2026"."""
    return f"{moment.day} {moment:%b %Y}"


def full_time(moment: datetime) -> str:
    """Return a moment to the second, for a tooltip."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def number(value: float) -> str:
    """Return a count with separators: "12,345"."""
    return f"{value:,.0f}"


def money(micro: int | None) -> str:
    """Return millionths of a US dollar as dollars: "$1.20", "$0.0004"; "unknown" for None, which is never nothing."""
    if micro is None:
        return "unknown"
    dollars = micro / 1_000_000
    if micro and dollars < 0.01:
        return f"${dollars:.4f}" if dollars >= 0.0001 else "<$0.0001"
    return f"${dollars:,.2f}"


def initials(name: str) -> str:
    """Return one or two letters that stand for a name."""
    words = [word for word in name.split() if word[0].isalnum()] or ["?"]
    return (words[0][0] + (words[-1][0] if len(words) > 1 else "")).upper()


FILTERS: dict[str, Callable[..., Any]] = {
    "ago": ago,
    "day": day,
    "full_time": full_time,
    "number": number,
    "money": money,
    "channel": channel_name,
    "initials": initials,
}
