"""Ranks texts for a query by their words: BM25. Pure; keeps nothing between calls."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from konstruct.kit.lexical import Terms, terms

_K1 = 1.2
_B = 0.75


def rank(query: str, texts: Sequence[str]) -> list[int]:
    """Return the positions of the texts that share a term with `query`, best first; equal ones in their own order."""
    wanted = sorted(set(terms(query)))
    if not wanted or not texts:
        return []
    known = Terms()
    counts = [Counter(terms(text, known)) for text in texts]
    lengths = [count.total() for count in counts]
    average = max(1.0, sum(lengths) / len(lengths))
    weights = {term: _idf(sum(term in count for count in counts), len(texts)) for term in wanted}
    scores = [
        sum(weights[term] * _saturated(count[term], length / average) for term in wanted)
        for count, length in zip(counts, lengths, strict=True)
    ]
    return sorted((position for position, score in enumerate(scores) if score > 0), key=lambda position: -scores[position])


def _idf(holding: int, total: int) -> float:
    return math.log(1 + (total - holding + 0.5) / (holding + 0.5))


def _saturated(count: int, relative_length: float) -> float:
    return count * (_K1 + 1) / (count + _K1 * (1 - _B + _B * relative_length))
