"""What follows from what the provider says: of a number when it is asked, or of an account by itself."""

from __future__ import annotations

import re
from typing import NamedTuple

from konstruct.channels.port_events import AccountChanged
from konstruct.channels.port_numbers import NumberSeen
from konstruct.channels.quality.levels import Level, worse


class Said(NamedTuple):
    """What follows, and the word that says why; None where nothing is wrong."""

    level: Level
    cause: str | None = None


_QUALITY: dict[str, Level] = {"YELLOW": "no_outreach", "RED": "replies_only"}
_STATUS: dict[str, Level] = {
    "FLAGGED": "no_outreach",
    "RESTRICTED": "replies_only",
    "RATE_LIMITED": "replies_only",
    "BANNED": "suspended",
    "DISABLED": "suspended",
    "DELETED": "suspended",
}
# Blocked is what an unpaid bill does as well: nobody is written to, and it ends by itself when the provider says so.
_HEALTH: dict[str, Level] = {"BLOCKED": "no_outreach"}

_RESTRICTIONS: tuple[tuple[str, Level], ...] = (
    ("CUSTOMER_INITIATED", "suspended"),
    ("BIZ_INITIATED", "replies_only"),
    ("BUSINESS_INITIATED", "replies_only"),
    # That no further number may be added says nothing about this one.
    ("ADD_PHONE_NUMBER", "open"),
)
"""Kinds of ACCOUNT_RESTRICTION by a part of their name, the gravest first. One that nobody knows yet is as grave as RED."""
_BANS = {"SCHEDULE_FOR_DISABLE": "replies_only", "REINSTATE": "open"}
_OVER = frozenset(("ACCOUNT_VIOLATION", "ACCOUNT_DELETED", "ACCOUNT_OFFBOARDED"))
_LIFTED = ("REINSTATE", "RECONNECTED", "UNFLAGGED")
_WORD = re.compile(r"[^A-Za-z0-9_]+")


def of_number(seen: NumberSeen) -> Said:
    """Return what follows from a poll: the gravest of what is said. Words that nobody knows change nothing."""
    found = Said("open")
    told = (("quality", seen.quality, _QUALITY), ("status", seen.status, _STATUS), ("health", seen.health, _HEALTH))
    for name, word, levels in told:
        level = levels.get((word or "").upper(), "open")
        if worse(level, found.level):
            found = Said(level, word_of(f"{name}_{word}".lower()))
    return found


def of_change(event: AccountChanged) -> Said:
    """Return what follows from what the provider said by itself; `open` lifts what it said before."""
    cause = word_of(event.change)
    detail = (event.detail or "").upper()
    if "RESTRICTION" in event.change:
        for part, level in _RESTRICTIONS:
            if part in detail:
                return Said(level, cause if level != "open" else None)
    for state, ban in _BANS.items():
        if state in detail or state in event.change:
            return Said(ban, cause if ban != "open" else None)  # type: ignore[arg-type]  # the table's values are levels
    if event.change in _OVER or event.standing == "stopped":
        return Said("suspended", cause)
    if event.change == "FLAGGED":
        return Said("no_outreach", cause)
    if event.standing == "limited":
        return Said("replies_only", cause)
    return Said("open")


def concerns_sending(event: AccountChanged) -> bool:
    """Return whether it says anything of what may be sent: that no number may be added does not, nor that one was."""
    if event.standing in ("good", "unchanged"):
        return event.standing == "good" and any(word in f"{event.change} {event.detail or ''}" for word in _LIFTED)
    return not ("RESTRICTION" in event.change and of_change(event).level == "open")


def word_of(text: str) -> str:
    """Return a word for rows, of letters, digits and `_`."""
    return _WORD.sub("_", text)[:100].strip("_") or "unknown"
