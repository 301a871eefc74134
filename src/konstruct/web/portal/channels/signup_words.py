"""What is said while a number is being connected: what happened, what is missing, and what helps."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from konstruct.channels.credentials import TOKEN_OVER
from konstruct.channels.installs import StateRefusal
from konstruct.channels.port_abilities import NotGranted
from konstruct.channels.port_signup import NOT_COVERED, SEVERAL, WRONG_APP
from konstruct.channels.signups import BUSY, CHOOSE, NO_NUMBER, PIN_WRONG, UNUSABLE
from konstruct.web.portal.channels.install_words import Told

START = "/oauth/whatsapp/start"
_NOTHING = "Nothing was stored."


def _told(status: int, title: str, text: str, *, again: bool = True) -> Told:
    return Told(status, title, text, again, START, "Connect WhatsApp")


NOT_SET_UP = _told(
    404,
    "Connect WhatsApp is not set up here",
    "This house has no Meta app of its own yet: ask your operator to set one up. An operator can also connect a number by"
    " command, with a token that you made at Meta.",
    again=False,
)
STATES = {
    StateRefusal.UNKNOWN: _told(
        400, "This did not begin here", f"What Meta's window gave belongs to nothing that your business began. {_NOTHING}"
    ),
    StateRefusal.ELSEWHERE: _told(
        400,
        "This began in another sign-in",
        f"It was begun in another browser, or before you signed in again. {_NOTHING} Please begin again here.",
    ),
    StateRefusal.EXPIRED: _told(
        410,
        "That took too long",
        f"The page was asleep for more than ten minutes. {_NOTHING} What you entered at Meta is there"
        " still: begin again, and choose it.",
    ),
    StateRefusal.USED: _told(
        410,
        "This was used already",
        "Each of Meta's answers works once. If it was you a moment ago, look at your channels: it may be connected.",
    ),
}
NOT_APPROVED = _told(400, "Meta gave nothing back", f"Meta's window was closed without an approval. {_NOTHING}")
TAKEN = _told(
    409,
    "This number is connected to another business",
    "A number, a WhatsApp account and a Meta business can belong to one business here only, because Meta's limits strike them"
    f" together. {_NOTHING} If it is yours, have it disconnected there first.",
    again=False,
)
_UNKNOWN = _told(
    503,
    "Meta's answer did not arrive",
    f"Meta may have approved it, but we do not know. {_NOTHING} Please try again: what you entered at Meta is there still.",
)
_UNREACHED = _told(503, "Meta could not be reached", f"{_NOTHING} Please try again in a minute.")
_OVER = _told(
    410,
    "Meta's approval is over",
    f"An approval holds for half a minute, and works once. {_NOTHING} Please begin again: what you entered at Meta is there"
    " still.",
)
_WRONG_APP = _told(
    503,
    "Meta does not accept this house's app",
    f"Something is wrong with how the Meta app is set up here. {_NOTHING} Please tell your operator.",
    again=False,
)
_REFUSED = {
    NOT_COVERED: _told(
        403,
        "Meta did not give access to that account",
        f"What you approved does not cover the WhatsApp account that was named. {_NOTHING} Please begin again, and approve the"
        " account that you want to connect.",
    ),
    SEVERAL: _told(
        409,
        "Which WhatsApp account?",
        f"You approved several WhatsApp accounts, and Meta did not say which of them is meant. {_NOTHING} Please begin again, and"
        " approve only one.",
    ),
    WRONG_APP: _WRONG_APP,
}
_RIGHTS = _told(
    403,
    "Not every permission was given",
    f"To answer people there, the employee has to manage and use the WhatsApp account. {_NOTHING} Please begin again, and leave"
    " every box ticked.",
)
_TOKEN = _told(403, "Meta took the access back", f"It does not hold any more. {_NOTHING} Please begin again.")
_CODE_OVER = frozenset(("100",))
_UNREACHED_CODES = frozenset(("no_connection", "timeout", "2", "4", "80007"))


def of(outcome: NotGranted) -> Told:
    """Return what is said of a code that could not be redeemed."""
    if outcome.unknown:
        return _UNKNOWN
    if outcome.code in _UNREACHED_CODES:
        return _UNREACHED
    return _OVER if outcome.code in _CODE_OVER else _WRONG_APP


def refused(code: str) -> Told:
    """Return what is said of an approval that cannot come to anything."""
    if code.startswith("missing_"):
        return _RIGHTS
    return _TOKEN if code in TOKEN_OVER else _REFUSED.get(code) or replace(_WRONG_APP)


@dataclass(frozen=True, slots=True)
class Missing:
    """What keeps a number from being connected. asks: what the page asks for besides going on."""

    happened: str
    advice: str
    asks: Literal["nothing", "pin", "number"] = "nothing"


_REACH = Missing("Meta could not be reached, or its answer did not arrive.", "Nothing is lost: go on in a minute.")
_LOCKED = Missing(
    "Meta has locked this account.", "Look at Meta's Business Support Home for why, and go on when it is open again."
)
_RATE = Missing(
    "Meta was asked too often about this number.",
    "Wait before you go on: Meta allows ten registrations of a number in three days.",
)
_GUESSES = Missing(
    "The PIN was wrong too often.",
    "Meta takes no PIN for this number for a while. Wait some hours, and go on with the right one.",
)
_MISSING = {
    NO_NUMBER: Missing(
        "Your WhatsApp account has no phone number yet.",
        "Add one in Meta's WhatsApp Manager, under Phone numbers, and confirm it by its code. Then go on here.",
    ),
    CHOOSE: Missing("Your WhatsApp account has several phone numbers.", "Choose the one that is to be answered.", "number"),
    BUSY: Missing("Somebody else is connecting it right now.", "Go on in a moment."),
    UNUSABLE: Missing("The access does not hold any more.", "Connect WhatsApp once more: what is done stays done."),
    "133000": Missing("An earlier removal of this number has not ended at Meta.", "Wait five minutes, then go on."),
    "133004": _REACH,
    PIN_WRONG: Missing(
        "This number has a PIN of its own already.",
        "Two-step verification was set up for it before, with a PIN that we do not know. Enter that PIN. If nobody knows it, set"
        " a new one in Meta's WhatsApp Manager (Phone numbers, the number's settings, Two-step verification), and enter that.",
        "pin",
    ),
    "133006": Missing(
        "Meta wants the number to be confirmed first.",
        "In Meta's WhatsApp Manager, under Phone numbers, have a code sent to the number and enter it there. Then go on here.",
    ),
    "133008": _GUESSES,
    "133009": _GUESSES,
    "133010": Missing("Meta does not know the number as registered.", "Go on: it is registered once more."),
    "133015": Missing("This number was deleted at Meta a moment ago.", "Wait five minutes, then go on."),
    "133016": _RATE,
    "368": _LOCKED,
    "131031": _LOCKED,
    "100": Missing(
        "Meta did not take it.", "Look in Meta's WhatsApp Manager whether the number is there and confirmed. Then go on here."
    ),
}
_RIGHT = Missing(
    "Meta does not allow it.", "Connect WhatsApp once more, as an admin of the business at Meta, and leave every box ticked."
)
_PASSING = frozenset(
    ("no_connection", "timeout", "connection_lost", "unreadable_answer", "1", "2", "4", "80007", "wrong_app_secret")
)


def missing(code: str | None) -> Missing:
    """Return the words for why it does not go on; those for a code that we do not know say so without guessing."""
    if code is None:
        return Missing("It was interrupted.", "Go on: what is done stays done.")
    if code in _MISSING:
        return _MISSING[code]
    if code in _PASSING or code.startswith("http_"):
        return _REACH
    if code in TOKEN_OVER:
        return _MISSING[UNUSABLE]
    if code in ("0", "3", "10") or (len(code) == 3 and code.startswith("2")):
        return _RIGHT
    return Missing(f"Meta refused it, with its code {code}.", "Go on in a while; if it stays so, tell your operator the code.")
