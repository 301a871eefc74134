"""The window: within its budget, with a start that holds still while the conversation grows."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from konstruct.memory.window import JUMP, MESSAGE_TOKENS, SHORTEST, beginning, start, tokens

SIZES = st.lists(st.one_of(st.integers(1, 60), st.integers(1, 4000)), max_size=200)


@given(first=st.integers(1, 10_000), sizes=SIZES, budget=st.integers(0, 20_000))
def test_the_window_never_costs_more_than_its_budget(first: int, sizes: list[int], budget: int) -> None:
    cut = start(first, sizes, budget)
    assert 0 <= cut <= len(sizes)
    assert sum(sizes[cut:]) <= budget


@given(first=st.integers(1, 10_000), sizes=SIZES, budget=st.integers(0, 20_000))
def test_nothing_is_forgotten_entirely_while_the_last_message_fits(first: int, sizes: list[int], budget: int) -> None:
    if sizes and sizes[-1] <= budget:
        assert start(first, sizes, budget) < len(sizes)


@given(count=st.integers(0, 400), known=st.integers(1, 200))
def test_short_conversations_are_whole_and_long_ones_keep_the_last_messages(count: int, known: int) -> None:
    """`known` is how many of the messages the repository has loaded; the one to answer comes on top."""
    sizes = [10] * min(count, known)
    cut = start(count - len(sizes) + 1, sizes, 1_000_000)
    shown = len(sizes) - cut
    assert shown == count if count < SHORTEST + JUMP and known >= count else shown >= min(SHORTEST - 1, len(sizes))
    assert shown + 1 <= SHORTEST + JUMP


@given(sizes=st.lists(st.integers(1, 100), min_size=100, max_size=180), budget=st.integers(500, 100_000))
@settings(max_examples=50)
def test_the_start_only_ever_moves_forward_and_rarely(sizes: list[int], budget: int) -> None:
    starts = [start(1, sizes[:count], budget) for count in range(1, len(sizes) + 1)]
    assert starts == sorted(starts)
    assert len(set(starts)) <= len(sizes) // (JUMP // 4) + 1


@given(seen=st.integers(50, 5000), known=st.integers(60, 200))
def test_the_start_does_not_depend_on_how_much_was_loaded(seen: int, known: int) -> None:
    whole = start(1, [10] * seen, 1_000_000)
    loaded = min(known, seen)
    assert start(seen - loaded + 1, [10] * loaded, 1_000_000) + seen - loaded == whole


@given(text=st.text(max_size=400), budget=st.integers(-5, 200))
def test_the_beginning_is_the_longest_that_fits(text: str, budget: int) -> None:
    kept = beginning(text, budget)
    assert text.startswith(kept)
    assert tokens(kept) <= max(budget, MESSAGE_TOKENS)
    if kept != text:
        assert tokens(text[: len(kept) + 1]) > budget


def test_tokens_are_rather_too_many() -> None:
    # Against cl100k_base: 13, 17 and 9 tokens.
    assert tokens("The quick brown fox jumps over the lazy dog near the bank.") >= 13
    assert tokens("Die Öffnungszeiten am Wochenende finden Sie auf unserer Internetseite.") >= 17
    assert tokens("今日は何時に開きますか") >= 9
    assert tokens("") == MESSAGE_TOKENS
