"""What keeps the employee with the business where a channel asks for it."""

from __future__ import annotations

from tests.sabotage.removal import Removal

_LOOP = "src/konstruct/agents/loop.py"
_SPINE = "tests/spine/test_staying.py"
_DECLINED = f"{_SPINE}::test_off_topic_is_declined_in_one_sentence_and_a_human_comes_if_asked_for"

STAYING = (
    Removal(
        "staying-sentence",
        "that an answer which declines is one sentence with an offer",
        _LOOP,
        '    return answer if sentence is None else Answer(sentence, "answered", staying.OFF_TOPIC)',
        "    return answer",
        _DECLINED,
    ),
    Removal(
        "staying-only-there",
        "that other channels are left alone",
        _LOOP,
        '    if not turn.business_only or answer.outcome != "answered":',
        '    if answer.outcome != "answered":',
        f"{_SPINE}::test_elsewhere_the_employee_answers_what_it_likes",
    ),
    Removal(
        "staying-human-words",
        "that a word for a human is enough",
        _LOOP,
        "        if turn.business_only and any(wants_human(line.text) for line in turn.asked):",
        "        if False:",
        f"{_SPINE}::test_whoever_asks_for_a_human_gets_one_without_the_model",
    ),
    Removal(
        "staying-policy",
        "the rule in the prompt",
        "src/konstruct/agents/prompt.py",
        "    if turn.business_only:",
        "    if False:",
        _DECLINED,
    ),
)
