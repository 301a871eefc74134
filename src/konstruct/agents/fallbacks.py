"""What the employee says when it cannot answer: one plain sentence, never a stack trace, never silence."""

from __future__ import annotations

from konstruct.llm.port import LlmErrorKind

MODEL_DOWN = "model_down"
TOO_SLOW = "too_slow"
EMPTY = "empty_answer"
TOO_LONG = "too_long"
OVER_BUDGET = "over_budget"
TOO_MANY_STEPS = "too_many_steps"
BROKEN = "broken"

_SENTENCES = {
    MODEL_DOWN: "Sorry, I can't answer right now: the service that I think with is not there. Please ask again in a few minutes.",
    TOO_SLOW: "Sorry, this is taking me too long. Please ask me again, perhaps in smaller pieces.",
    EMPTY: "Sorry, I could not find words for an answer. Please put the question another way.",
    TOO_LONG: "Sorry, that is more than I can read at once. Please send it in smaller pieces.",
    OVER_BUDGET: "Sorry, I have used up what I may spend on answers this month. Please ask a colleague of mine for now.",
    TOO_MANY_STEPS: "Sorry, I went round in circles with this one. Please ask a colleague of mine.",
    BROKEN: "Sorry, something went wrong on my side and I could not answer. The people who look after me have been told.",
}
_BY_ERROR: dict[LlmErrorKind, str] = {"timeout": TOO_SLOW, "too_long": TOO_LONG, "over_budget": OVER_BUDGET}


def sentence(reason: str) -> str:
    """Return what to say for a reason; every reason has a sentence."""
    return _SENTENCES.get(reason, _SENTENCES[BROKEN])


def reason_of(kind: LlmErrorKind) -> str:
    """Return the reason for a model's failure."""
    return _BY_ERROR.get(kind, MODEL_DOWN)
