"""What the operators' pages call things: spans of time, states, and the codes of dead letters."""

from __future__ import annotations

LANES = {"turn": "Answers to think of", "send": "Answers to show"}
STATUS_TONES = {"active": "ok", "suspended": "warn", "erasing": "bad"}
KINDS = {"turn": "No answer found", "delivery": "Answer not shown"}
ACTIONS = {
    "suspend": "suspended it",
    "resume": "resumed it",
    "retry_dead_letter": "retried a dead letter",
    "discard_dead_letter": "discarded a dead letter",
}
_REASONS = {
    "broken": "The turn failed too often. The person got a sentence of regret.",
    "outcome_unknown": "The channel never said whether it was shown, and no trace of it was found.",
    "expired": "It could not be shown for a day.",
}


def span(seconds: float) -> str:
    """Return a span of time in the fewest letters that say it: "0 s", "3 min", "5 h", "2 d"."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return f"{int(seconds)} s"


def reason(code: str) -> str:
    """Return what a dead letter's code means."""
    return _REASONS.get(code, f"The channel refused it, with the code {code}.")


def percent(share: float | None) -> str:
    """Return a share: "64 %"; a dash for none."""
    return "–" if share is None else f"{share * 100:.0f} %"
