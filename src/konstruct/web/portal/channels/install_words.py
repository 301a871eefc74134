"""What is said when an install did not come about: what happened, that nothing was stored, and what helps."""

from __future__ import annotations

from dataclasses import dataclass

from konstruct.channels.installs import StateRefusal
from konstruct.channels.port_abilities import NotGranted


@dataclass(frozen=True, slots=True)
class Told:
    """A page: its status, its words, and whether beginning again helps."""

    status: int
    title: str
    text: str
    again: bool = True
    start: str = "/oauth/slack/start"
    """Where one begins again, and what the button says."""
    label: str = "Add to Slack"


_NOTHING = "Nothing was stored."
NOT_SET_UP = Told(
    404,
    "Add to Slack is not set up here",
    "This house has no Slack app of its own yet: ask your operator to set one up, or connect your own Slack app.",
    again=False,
)
DECLINED = Told(200, "Not added to Slack", f"You declined in Slack, so it was not added. {_NOTHING} You can add it at any time.")
NOT_APPROVED = Told(
    400,
    "Slack did not approve it",
    f"Slack sent you back without an approval. {_NOTHING} If your workspace lets only some people add apps, ask one of its"
    " administrators to approve it there, and then begin again.",
)
STATES = {
    StateRefusal.UNKNOWN: Told(
        400, "This did not begin here", f"This way back from Slack belongs to nothing that your business began. {_NOTHING}"
    ),
    StateRefusal.ELSEWHERE: Told(
        400,
        "This began in another sign-in",
        f"It was begun in another browser, or before you signed in again. {_NOTHING} Please begin again here.",
    ),
    StateRefusal.EXPIRED: Told(410, "That took too long", f"Slack's page was open for more than ten minutes. {_NOTHING}"),
    StateRefusal.USED: Told(
        410,
        "This way back was used already",
        "Each way back from Slack works once. If it was you a moment ago, look at your channels: it may be connected.",
    ),
}
TAKEN = Told(
    409,
    "This workspace is connected to another business",
    f"A workspace can have one business here only. {_NOTHING} If it is yours, have it disconnected there first.",
    again=False,
)
TAKEN_ORGANISATION = Told(
    409,
    "A part of this organisation is connected to another business",
    f"An organisation can be connected as a whole only when no other business here has a workspace of it. {_NOTHING} You can"
    " add it to a single workspace instead.",
)
OVERLAP = Told(
    409,
    "Your organisation is connected already",
    f"You have connected the whole organisation that this workspace belongs to, so it works there already. {_NOTHING}",
    again=False,
)
OVERLAP_ORGANISATION = Told(
    409,
    "A workspace of this organisation is connected already",
    f"Its messages would come twice. {_NOTHING} Disconnect the workspace first, and then add the whole organisation.",
)
BUSY = Told(
    409, "Somebody else is connecting it right now", "Please look at your channels in a moment, and begin again if needed."
)
_UNKNOWN = Told(
    503,
    "Slack's answer did not arrive",
    f"Slack may have approved it, but we do not know. {_NOTHING} Please try again: adding it twice does no harm.",
)
_UNREACHED = Told(503, "Slack could not be reached", f"{_NOTHING} Please try again in a minute.")
_OVER = Told(410, "Slack's approval is over", f"An approval holds for ten minutes, and works once. {_NOTHING}")
_WRONG_APP = Told(
    503,
    "Slack does not accept this house's app",
    f"Something is wrong with how the Slack app is set up here. {_NOTHING} Please tell your operator.",
    again=False,
)
_UNREACHED_CODES = frozenset(("no_connection", "timeout", "ratelimited", "rate_limited"))
_OVER_CODES = frozenset(("invalid_code", "code_already_used", "code_expired"))


def of(outcome: NotGranted) -> Told:
    """Return what is said of an approval that could not be redeemed."""
    if outcome.unknown:
        return _UNKNOWN
    if outcome.code in _UNREACHED_CODES:
        return _UNREACHED
    return _OVER if outcome.code in _OVER_CODES else _WRONG_APP
