"""Words as a lexical search sees them: folded, without stop words, stemmed. Pure; keeps nothing between calls."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_MONEY_SIGN = re.compile("[€$£¥₹]")
_MONEY_WORDS = frozenset("eur usd gbp chf inr cad aud euro euros dollar dollars cent cents pound pounds".split())

STOP_WORDS = frozenset(
    """a about all also am an and any anyone are as at be been but by can could detail details did do does doing doesn't don't
    for from get give got had has have he her here him his how i i'd i'm i've if in info information into is it it's its
    just know let like long look may me mine more my need no not of off on one or our out over please policy she should
    so some take tell than thank thanks that that's the their them then there they this those time to too up us very
    want was we we're were what what's when which while who whom whose why will with would yes you you're your yours""".split()
)

_SAME = {
    # Words of everyday business questions that documents put differently.
    "price": "price cost fee charge tariff much expensive cheap",
    "open": "open close hour",
    "return": "return refund",
    "deliver": "deliver ship dispatch",
    "address": "address locate location where street",
    "contact": "contact phone telephone call email mail reach",
    "warranty": "warranty guarantee",
    "bicycle": "bicycle bike",
}


def words(text: str) -> list[str]:
    """Return the words of `text`, case-folded, in order, without a possessive ending."""
    folded = unicodedata.normalize("NFKC", text).casefold().replace("’", "'")
    return [word.removesuffix("'s") for word in _WORD.findall(folded)]


class Terms(dict[str, str]):
    """The terms of words met so far, for whoever reads many texts at once: a stem costs more than all else. Never kept longer."""

    def __missing__(self, word: str) -> str:
        """Return and remember the word's term."""
        self[word] = term = term_of(word)
        return term


def terms(text: str, known: Terms | None = None) -> list[str]:
    """Return the stems of the words that carry meaning, synonyms folded; a sum of money counts as the term `price`."""
    known = Terms() if known is None else known
    said = words(text)
    # A single letter is what is left of "e-bike" or "24 h": it says nothing by itself.
    found = [known[word] for word in said if word not in STOP_WORDS and (len(word) > 1 or not "a" <= word <= "z")]
    if not _MONEY_WORDS.isdisjoint(said) or _MONEY_SIGN.search(text):
        found.append("price")
    return found


def spans(text: str) -> Iterator[tuple[int, int, str]]:
    """Yield where each word of `text` begins and ends, and the word itself, case-folded: to mark what a search found."""
    for found in _WORD.finditer(text):
        folded = unicodedata.normalize("NFKC", found.group()).casefold().replace("’", "'")
        yield found.start(), found.end(), folded.removesuffix("'s")


def term_of(word: str) -> str:
    """Return the term of one case-folded word: its stem, or the name of the synonyms it belongs to."""
    stemmed = stem(word)
    return _FOLD.get(stemmed, stemmed)


def stem(word: str) -> str:
    """Return `word` without common English endings. Both sides of a search use it, so it needs to be consistent, not pretty."""
    if len(word) <= 3 or not word.isascii() or not word.isalpha():
        return word
    return _tidy(_without_suffix(_singular(word)))


def _singular(word: str) -> str:
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("sses", "xes", "zes", "ches", "shes")):
        return word[:-2]
    if word.endswith("s") and not word.endswith("ss"):
        return word[:-1]
    return word


def _without_suffix(word: str) -> str:
    for suffix, shortest in (("ation", 5), ("ment", 3), ("ing", 3), ("ion", 4), ("ed", 3), ("ly", 4)):
        base = word[: -len(suffix)]
        if word.endswith(suffix) and len(base) >= shortest and re.search("[aeiouy]", base):
            return base
    return word


def _tidy(word: str) -> str:
    if len(word) > 4 and word[-1] == "y":
        word = word[:-1]
    if len(word) > 3 and word[-1] == "e":
        word = word[:-1]
    if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "aeiou":
        word = word[:-1]
    return word


_FOLD = {stem(word): name for name, same in _SAME.items() for word in same.split()}
