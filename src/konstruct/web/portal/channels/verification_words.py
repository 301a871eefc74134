"""What is said of a business's verification at Meta: how it stands, what is missing, and what to do next."""

from __future__ import annotations

from dataclasses import dataclass

from konstruct.channels.verifications_repository import Source, State

BADGES: dict[State, tuple[str, str]] = {
    "not_started": ("not verified yet", "warn"),
    "submitted": ("Meta is looking at it", "info"),
    "approved": ("verified", "ok"),
    "rejected": ("not accepted", "bad"),
}
"""(words, tone) of each state."""
ENTER: dict[State, str] = {
    "not_started": "We have taken it back",
    "submitted": "We have applied at Meta",
    "approved": "Meta has verified us",
    "rejected": "Meta has not accepted it",
}
HAPPENED: dict[State, str] = {
    "not_started": "Not begun",
    "submitted": "Applied at Meta",
    "approved": "Verified by Meta",
    "rejected": "Not accepted by Meta",
}
SOURCES: dict[Source, str] = {
    "provider": "Meta says so",
    "member": "entered by",
    "nobody": "Meta does not tell any more, so you can enter it",
}


@dataclass(frozen=True, slots=True)
class Next:
    """What to do now."""

    title: str
    text: str
    steps: tuple[str, ...] = ()


_APPLY = (
    "Open Meta Business Suite (business.facebook.com), Settings, Security Centre, and choose Start verification. You have to be"
    " an admin of the business there.",
    "Enter the name, address and phone number exactly as they stand in the commercial register.",
    "Have ready: an extract from the register or a tax document, and a bill or a bank statement with the address.",
    "Confirm by a code that Meta sends to an address of your own domain, or to the phone number.",
)
_NEXT: dict[State, Next] = {
    "not_started": Next(
        "Apply today: it takes Meta 1 to 6 weeks",
        "Until then everybody who writes to you is answered. Writing to people first opens when Meta has verified your business.",
        _APPLY,
    ),
    "submitted": Next(
        "Wait for Meta: 1 to 6 weeks",
        "There is nothing to do now but to look at your e-mail: if Meta wants more, it writes to the admins of the business.",
    ),
    "approved": Next("Nothing is missing", "Your business is verified: you can write to people first, within Meta's limits."),
    "rejected": Next(
        "Look at why, and apply again",
        "Most often a name or an address differs from the documents by a word.",
        (
            "Open Meta Business Suite, Settings, Security Centre: Meta says there what it did not accept.",
            "Correct the details so that they are those of the documents, letter by letter.",
            "Apply again; where Meta does not allow it, ask for a review in Business Support Home.",
        ),
    ),
}
_SAID = {
    "pending_need_more_info": Next(
        "Meta wants more from you",
        "It does not go on until you have answered.",
        ("Open Meta Business Suite, Settings, Security Centre, and hand in what Meta asks for there.",),
    ),
    "pending_submission": Next(
        "You have begun, and not sent it in",
        "Meta looks at it only after that.",
        ("Open Meta Business Suite, Settings, Security Centre, and finish what you began.",),
    ),
    "expired": Next("The verification has run out", "It has to be done once more; that takes 1 to 6 weeks.", _APPLY),
    "ineligible": Next(
        "Meta does not verify this business now",
        "Business Support Home says why, and whether a review can be asked for.",
        ("Open Meta Business Suite, Settings, Security Centre.", "Ask for a review there, or in Business Support Home."),
    ),
    "revoked": Next(
        "Meta has taken the verification back",
        "Business Support Home says why. Writing to people first is closed until it is settled.",
        ("Open Business Support Home (business.facebook.com), and ask for a review.",),
    ),
}


def next_of(state: State, said: str | None) -> Next:
    """Return what to do now; the provider's own word says more than the state."""
    return _SAID.get(said or "") or _NEXT[state]


def track(state: State) -> list[tuple[str, str]]:
    """Return the stations on the way, each with how it stands: done, now, next or bad."""
    if state == "rejected":
        return [("Applied", "done"), ("Looked at by Meta", "done"), ("Not accepted", "bad")]
    reached = {"not_started": 0, "submitted": 1, "approved": 3}[state]
    titles = ("Apply", "Meta looks at it", "Verified")
    return [(title, "done" if at < reached else "now" if at == reached else "next") for at, title in enumerate(titles)]
