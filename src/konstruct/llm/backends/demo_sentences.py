"""Sentences of documents and how well they answer a question. Pure and deterministic."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from konstruct.kit.lexical import stem, terms, words

_HEADING = 0.7
_TITLE = 0.4
"""What a matching word counts in the heading above a sentence, or in the document's title, instead of in the sentence."""
ENOUGH = 0.48
"""Share of the question's weight that a sentence must cover to be quoted; below it, saying "I do not know" is more honest."""
_UNSEEN = 1.5
"""A word of the question that nothing found holds counts more than one that is only rare: it may be what is asked about."""
_FITS = 0.12
"""Bonus of a sentence that holds the kind of thing asked for: a time of day, a length of time."""
_VERBATIM = 0.1
_POINTED = 0.1
_CLOSE = 0.8
_MOST = 3
_KINDS = (
    (
        re.compile(r"\b(when|what time|hours?|open|opening|close)\b", re.IGNORECASE),
        re.compile(r"\b\d{1,2}[:.]\d\d\b|\b\d{1,2} ?[ap]\.?m\b|\b(?:mon|tues|wednes|thurs|fri|satur|sun)days?\b", re.IGNORECASE),
    ),
    (
        re.compile(r"\bhow (?:long|soon|fast|quickly)\b", re.IGNORECASE),
        re.compile(r"\b(?:\d+|one|two|three|four|five|six)[ -](?:\w+ )?(?:minute|hour|day|week|month|year)s?\b", re.IGNORECASE),
    ),
)
"""What a question asks for, and what such a thing looks like. Sums of money are a term of their own."""
_SENTENCE_END = re.compile(r"(?<=[.!])\s+(?=[A-Z0-9\"'“‘(*_])")
_BULLET = re.compile(r"^\s*(?:[-*•]|\d+[.)])\s+")
_QUESTION_LABEL = re.compile(r"^\s*(?:Q|A)\s*[:.]\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence with what stands above it: its headings (or the question it answers) and its document."""

    text: str
    context: str
    title: str
    passage: int


@dataclass(frozen=True, slots=True)
class Quote:
    """The words to quote, from the document `title`."""

    text: str
    title: str


def sentences_of(text: str, title: str, passage: int) -> list[Sentence]:
    """Return the sentences of a passage. Headings and questions are context of what follows them, not answers."""
    found: list[Sentence] = []
    heading, question = "", ""
    for line in map(str.strip, text.splitlines()):
        if line.startswith("#"):
            heading, question = line.strip("# ").strip(), ""
            continue
        for sentence in _SENTENCE_END.split(_QUESTION_LABEL.sub("", _BULLET.sub("", line))):
            if sentence.endswith("?"):
                question = sentence
            elif any(character.isalnum() for character in sentence):
                found.append(Sentence(sentence, f"{heading} {question}".strip(), title, passage))
    return found


def best_quote(question: str, sentences: Sequence[Sentence]) -> Quote | None:
    """Return the sentences that answer `question` best, of one passage and in its order, or None if none does well enough."""
    wanted = sorted(set(terms(question)))
    if not wanted or not sentences:
        return None
    weights = _weights(wanted, sentences)
    kinds = [thing for asks, thing in _KINDS if asks.search(question)]
    said = set(map(stem, words(question)))
    scores = [_score(sentence, weights, kinds, said) for sentence in sentences]
    best = max(scores)
    if best < ENOUGH:
        return None
    order = sorted(range(len(sentences)), key=lambda position: -scores[position])
    winner = sentences[order[0]]
    near = [
        position
        for position in order
        if scores[position] >= max(ENOUGH, best * _CLOSE)
        and (sentences[position].passage, sentences[position].context) == (winner.passage, winner.context)
    ]
    text = " ".join(sentences[position].text for position in sorted(near[:_MOST]))
    return Quote(text, winner.title)


def _weights(wanted: Sequence[str], sentences: Sequence[Sentence]) -> dict[str, float]:
    """A weight per term, together 1: words that few sentences hold say more, but never several times more than the rest."""
    found = [set(terms(sentence.text)) | set(terms(sentence.context)) for sentence in sentences]
    total = 1 + len(sentences)
    holding = {term: 1 + sum(term in each for each in found) for term in wanted}
    raw = {
        term: (1.0 + math.log(total / holding[term]) / (1 + math.log(total))) * (1.0 if holding[term] > 1 else _UNSEEN)
        for term in wanted
    }
    whole = sum(raw.values())
    return {term: weight / whole for term, weight in raw.items()}


def _score(sentence: Sentence, weights: dict[str, float], kinds: Sequence[re.Pattern[str]], said: set[str]) -> float:
    own, above, title = set(terms(sentence.text)), set(terms(sentence.context)), set(terms(sentence.title))
    score = 0.0
    for term, weight in weights.items():
        if term in own:
            score += weight * (1.0 + 0.05 * (term in above))
        elif term in above:
            score += weight * _HEADING
        elif term in title:
            score += weight * _TITLE
    if score < ENOUGH:
        return score
    # Among good ones: those that speak of little else, and those with the question's own words and not only their meaning.
    score += _POINTED * len(own.intersection(weights)) / max(1, len(own))
    score += _VERBATIM * len(said.intersection(map(stem, words(sentence.text)))) / max(1, len(said))
    if any(kind.search(sentence.text) for kind in kinds):
        score += _FITS
    return score
