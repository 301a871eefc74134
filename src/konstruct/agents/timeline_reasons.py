"""Why a turn ended as it did, and what to do about it, in words for the people of the business."""

from __future__ import annotations

from dataclasses import dataclass

from konstruct.agents import fallbacks, staying


@dataclass(frozen=True, slots=True)
class Why:
    """What happened, and what helps."""

    happened: str
    advice: str


_MODEL = {
    "unavailable": Why(
        "The language model could not be reached.",
        "This usually passes by itself. If it goes on, ask your operator whether the model's service is running.",
    ),
    "rate_limited": Why(
        "The language model's provider asked us to slow down.",
        "Wait a few minutes. If it happens often, a higher limit at the provider helps.",
    ),
    "auth": Why(
        "The language model's provider did not accept our key.",
        "Ask your operator to check the key of the language model: until then nothing can be answered.",
    ),
    "bad_request": Why(
        "The language model refused the question as we sent it.",
        "Ask your operator whether the name of the model is right, and whether it can do what is asked of it.",
    ),
    "garbage": Why(
        "The language model answered in a form that could not be read.",
        "This usually passes by itself. If it goes on, ask your operator about the model's service.",
    ),
}
_REASONS = {
    fallbacks.MODEL_DOWN: _MODEL["unavailable"],
    fallbacks.TOO_SLOW: Why(
        "The answer took longer than a turn may take.",
        "Look below where the time went. If it was the language model, a quicker one helps; it may also have been a bad moment.",
    ),
    fallbacks.EMPTY: Why(
        "The language model gave an answer without any text.",
        "Ask the question again in other words. If it happens often, make the employee's instructions plainer.",
    ),
    fallbacks.TOO_LONG: Why(
        "The question was longer than the language model can read.",
        "Shorter messages help, and so do shorter instructions of the employee.",
    ),
    fallbacks.OVER_BUDGET: Why(
        "This month's budget for answers is used up.",
        "Raise the budget, or wait for the first of the month. See Usage.",
    ),
    fallbacks.TOO_MANY_STEPS: Why(
        "The language model kept asking for tools and never came to an answer.",
        "Make the employee's instructions plainer about what it should do itself.",
    ),
    fallbacks.BROKEN: Why(
        "Something went wrong on our side several times in a row.",
        "Your operator sees it among the dead letters. The person was told that somebody will look after it.",
    ),
}
_DONE = {
    staying.OFF_TOPIC: "What was asked is none of the business's concern: the employee said so, and offered a human.",
    staying.HUMAN: "The person asked for a human: the conversation was handed over.",
}
_SENDING = {
    "account_disconnected": "the channel was disconnected before it was sent",
    "channel_not_found": "the conversation is gone from the channel, or the employee was removed from it",
    "expired": "it could not be sent for a whole day",
    "is_archived": "the channel is archived",
    "not_in_channel": "the employee is not in that channel any more",
    "outcome_unknown": "nobody can say whether it was shown: the channel did not answer, and was not asked any more",
    "owner_changed": "a person took the conversation over first",
    "timeout": "the channel did not answer in time",
    "no_connection": "the channel could not be reached",
    "connection_lost": "the connection was lost while it was sent",
    "window_over": "the process that sent it came to an end",
    "no_trace": "no trace of it was found: it is sent once more",
    "ratelimited": "the channel asked us to slow down",
}


def why_fallback(reason: str | None, failure_kind: str | None) -> Why:
    """Return why a turn ended in a fallback. `failure_kind` is the language model's failure, where there was one."""
    if reason == fallbacks.MODEL_DOWN and failure_kind in _MODEL:
        return _MODEL[failure_kind]
    return _REASONS.get(reason or "", _REASONS[fallbacks.BROKEN])


def remark(reason: str | None) -> str | None:
    """Return what there is to say of a turn that did not end in a fallback."""
    return _DONE.get(reason or "")


def why_not_sent(reason: str) -> str:
    """Return what kept a delivery from being shown; a word of the channel's that we do not know is given as it is."""
    return _SENDING.get(reason, f"the channel said “{reason}”")
