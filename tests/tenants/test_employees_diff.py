"""The difference between two versions: what is shown makes up both texts, word by word, in good time."""

from __future__ import annotations

import time
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from konstruct.tenants.employees_diff import Piece, compare, words
from tests.tenants.test_employees import FULL

WORDS = st.lists(st.sampled_from(["open", "closed", "the", " ", "  ", "\n", ".", "naïve", "字", "<b>", "ab"]), max_size=40).map(
    "".join
)


@given(old=st.one_of(WORDS, st.text(max_size=80)), new=st.one_of(WORDS, st.text(max_size=80)))
def test_the_pieces_make_up_both_texts(old: str, new: str) -> None:
    pieces = list(words(old, new))
    assert "".join(piece.text for piece in pieces if piece.kind != "new") == old
    assert "".join(piece.text for piece in pieces if piece.kind != "gone") == new
    if old == new:
        assert {piece.kind for piece in pieces} <= {"same"}


def test_it_changes_by_whole_words() -> None:
    assert list(words("We open at nine today.", "We open at ninety today.")) == [
        Piece("same", "We open at "),
        Piece("gone", "nine"),
        Piece("new", "ninety"),
        Piece("same", " today."),
    ]


def test_only_fields_that_differ_are_told() -> None:
    assert compare(FULL, FULL) == []
    changes = compare(FULL, replace(FULL, tone="warm", hours=None, must_not="Give discounts"))
    assert [change.label for change in changes] == ["Tone", "Working hours", "Must not"]
    assert changes[0].pieces == (Piece("gone", "Formal"), Piece("new", "Warm"))


def test_huge_texts_take_no_time() -> None:
    old, new = "a b\n" * 5000, "b a\n" * 5000
    began = time.process_time()
    assert list(words(old, new))
    assert list(words("x y " * 5000, "y z " * 5000))
    assert time.process_time() - began < 2
