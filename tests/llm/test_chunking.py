from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from konstruct.kit.lexical import terms
from konstruct.memory.chunking import CHUNK_CHARS, chunks_of
from konstruct.memory.ranking import rank


def test_paragraphs_stay_whole_under_their_heading() -> None:
    text = "Intro.\n\n# Hours\nOpen at nine.\n\nClosed on Monday.\n## Holidays\n\nClosed.\n# Empty\n"
    assert chunks_of(text) == [
        "Intro.",
        "# Hours\nOpen at nine.\n\nClosed on Monday.",
        "## Holidays\nClosed.",
        "# Empty",
    ]


def test_a_long_section_repeats_its_heading() -> None:
    chunks = chunks_of("# Terms\n" + "\n\n".join(f"Paragraph {number}. " + "word " * 60 for number in range(6)))
    assert len(chunks) == 3
    assert all(chunk.startswith("# Terms\nParagraph") for chunk in chunks)


def test_a_long_paragraph_is_cut_after_sentences() -> None:
    chunks = chunks_of("This is one plain sentence. " * 100)
    assert len(chunks) > 3
    assert all(chunk.startswith("This") and chunk.endswith("sentence.") for chunk in chunks)


@given(st.text(alphabet=st.sampled_from("ab. \n#!é🙂\t"), max_size=4000))
def test_nothing_is_lost_and_nothing_is_too_long(text: str) -> None:
    chunks = chunks_of(text)
    assert all(0 < len(chunk) <= CHUNK_CHARS for chunk in chunks)
    kept = "".join("".join(chunks).split())
    for character in "abé🙂":
        # A heading may be repeated, or shortened when it is very long.
        assert "#" in text or kept.count(character) == text.count(character)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("deliveries", "delivered"),
        ("shipping", "delivery"),
        ("refunds", "return"),
        ("opening hours", "open"),
        ("cost", "prices"),
        ("4 €", "4 price"),
        ("located", "address"),
        ("Cancelled", "cancellation"),
        ("CAFÉ’s", "café"),
    ],
)
def test_words_that_mean_the_same_are_one_term(one: str, other: str) -> None:
    assert set(terms(one)) == set(terms(other))


@pytest.mark.parametrize(("one", "other"), [("bring", "bread"), ("bike", "bakery"), ("during", "dry"), ("news", "need")])
def test_other_words_are_not(one: str, other: str) -> None:
    assert terms(one) != terms(other)


def test_ranking_prefers_rare_words_and_short_texts() -> None:
    texts = ["bread and cake and bread", "cake", "cake with a lot of other words in it", "wine"]
    assert rank("cake", texts) == [1, 0, 2]
    assert rank("wine cake", texts)[0] == 3
    assert rank("the of and", texts) == []
    assert rank("cake", []) == []
