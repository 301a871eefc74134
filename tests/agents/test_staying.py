"""What is none of the business's concern: how it is marked, what people see of it, and how they ask for a human."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from konstruct.agents import staying
from konstruct.agents.prompt import assemble
from konstruct.conversations.human_words import wants_human
from tests.agents.support import SCOPE, START, line, turn


def test_a_marked_answer_is_one_sentence() -> None:
    ours = staying.DECLINED.format(business="Alpha Bikes")
    for text, shown in (
        ("We open at nine.", None),
        ("It says [off-topic] on the form.", None),
        ("[off-topic] I only help with bikes.", "I only help with bikes."),
        ("  [OFF-TOPIC]: I only help with bikes. But Paris is the capital of France.", "I only help with bikes."),
        ("[off-topic]\n\nIch helfe nur bei Fahrrädern! Aber gut: 4.", "Ich helfe nur bei Fahrrädern!"),
        ("[off-topic] 自転車のことだけです。 パリです。", "自転車のことだけです。"),
        ("[off-topic] هذا ليس من شأننا؟ لكن", "هذا ليس من شأننا؟"),  # Arabic
        ("[off-topic] [off-topic] Sorry, no.", "Sorry, no."),
        ("[off-topic]", ours),
        ("[off-topic] …", ours),
        ("[off-topic] " + "word " * 200, ours),
    ):
        assert staying.declined(text, "Alpha\n Bikes") == shown, text


@given(st.text(max_size=400))
def test_nothing_behind_the_mark_is_more_than_a_sentence(rest: str) -> None:
    shown = staying.declined(f"[off-topic]{rest}", "Alpha Bikes")
    assert shown and len(shown) <= staying.SENTENCE_MAX and "\n" not in shown and staying.MARK not in shown.casefold()


def test_the_rule_stands_in_the_prompt_where_the_channel_wants_it() -> None:
    asked = turn(asked=[line(1, "What is the capital of France?")])
    plain, bound = assemble(asked, SCOPE, START), assemble(replace(asked, business_only=True), SCOPE, START)
    assert staying.MARK not in plain.messages[0].content
    assert bound.messages[0].content == f"{plain.messages[0].content}\n\n{staying.policy('Alpha Bikes')}", "behind all else"
    assert plain.messages[1:] == bound.messages[1:]


def test_only_a_message_that_says_nothing_else_asks_for_a_human() -> None:
    for text in (
        *("human", "HUMAN!", " A human, please 🙏", "Talk to a human.", "Mensch", "Mitarbeiter", "un conseiller", "Conseiller ?"),
        *("Hablar con una persona", "falar com um atendente", "operatore", "medewerker", "człowiek", "Müşteri temsilcisi"),
        *("Оператор", "إنسان", "נציג אנושי", "इंसान", "manusia", "\u200fإنسان\u200f"),
    ):
        assert wants_human(text), text
    for text in (
        "",
        "humans are odd",
        "the human resources form",
        "agent of what?",
        "is this a human?x",
        "h u m a n",
        "👍",
        "a" * 500,
    ):
        assert not wants_human(text), text
