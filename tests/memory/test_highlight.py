"""What a passage was found by is marked, whatever form the word has; the text itself stays as it is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from konstruct.memory.highlight import reasons, spans


def marked(query: str, text: str) -> list[str]:
    return [span.text for span in spans(query, text) if span.hit]


@pytest.mark.parametrize(
    ("query", "text", "hits"),
    [
        ("opening", "We open at nine; OPENED daily.", ["open", "OPENED"]),
        ("bikes", "One bicycle, two bikes", ["bicycle", "bikes"]),
        ("how much is it?", "It costs 6 € or 6 EUR", ["costs", "€", "EUR"]),
        ("the and of", "the and of", []),
        ("", "anything", []),
        ("tube", "", []),
    ],
)
def test_words_are_marked_by_their_meaning(query: str, text: str, hits: list[str]) -> None:
    assert marked(query, text) == hits


def test_reasons_are_the_words_of_the_question() -> None:
    assert reasons("Do you repair bikes, repair e-bikes?", "We repair any bicycle.") == ["repair", "bikes"]


@given(st.text(), st.text())
def test_nothing_is_lost_or_added(query: str, text: str) -> None:
    assert "".join(span.text for span in spans(query, text)) == text
