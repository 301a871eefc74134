"""Words of leaving and of coming back: the whole message, however it is written, and never inside a sentence."""

from __future__ import annotations

import random
import unicodedata

from hypothesis import given, settings
from hypothesis import strategies as st

from konstruct.conversations.consent import words
from konstruct.conversations.consent.words import meaning

ASKED_FOR = (
    "STOP UNSUBSCRIBE ABMELDEN STOPP ARRÊT ARRET DÉSABONNER DESABONNER BAJA PARAR SAIR CANCELAR CANCEL DISISCRIVIMI AFMELDEN "
    "WYPISZ DURDUR إيقاف توقف הסר СТОП ОТПИСАТЬСЯ रोकें BERHENTI 退订 配信停止 수신거부"
).split()
SENTENCES = (
    "please stop the order", "Stop by on Monday?", "don't stop", "Where is the bus stop", "Bitte nicht stoppen", "Kurs abmelden",
    "Para mañana", "para", "baja el precio", "Cancelar", "cancel", "Cancel my order", "I want to cancel", "Cancelar la cita",
    "Fine", "Halt", "nein", "no", "non", "basta così", "Basta", "ok", "yes", "Ja", "The end", "end", "iptal", "отмена", "إلغاء",
    "ביטול", "बंद", "stop 2", "2 stops", "STOP order 17", "stop start", "start stop", "Let's start", "start tomorrow", "anmelden",
    "sí", "", " ", "!!!", "🛑", "1️⃣", "stop\nthe order", "x" * 100_000,
)  # fmt: skip


def test_each_word_ends_the_messages_as_people_write_it() -> None:
    for word in ASKED_FOR:
        marked = f"\u200f  «{word}»!! 🛑\ufe0f\u200e\n"
        for written in (word, marked, f"{word} {word}", f"{word}."):
            assert meaning(written) == "out", written


def test_no_language_has_too_few_words_and_ten_have_words_of_both_kinds() -> None:
    both = [language for language in words.OUT if words.IN.get(language)]
    assert len(both) >= 10
    for language, said in words.OUT.items():
        for word in said:
            assert meaning(word) == "out", (language, word)
            assert meaning(word.upper()) == "out", (language, word)
    for language, said in words.OUT_IN_CAPITALS.items():
        for word in said:
            assert meaning(word) == "out", (language, word)
            assert meaning(word.capitalize()) is None, (language, word)
    for language, said in words.IN.items():
        for word in said:
            assert meaning(word) == "in", (language, word)


def test_a_word_inside_a_sentence_is_none() -> None:
    for sentence in SENTENCES:
        assert meaning(sentence) is None, sentence[:60]


def test_the_language_is_that_of_the_word() -> None:
    for word, language in (("Stop", "en"), ("ABMELDEN", "de"), ("Désabonner", "fr"), ("стоп", "ru"), ("הסר", "he"), ("?", "en")):
        assert words.language(word) == language, word


_NOISE = st.text(alphabet=" \t\n.,!?*_~'\"«»()-\u200e\u200f\u202a\u202c\u2066\u2069\u0301\u0308\ufe0f🛑🙏🏽", max_size=6)
_WORDS = st.sampled_from(sorted({word for of in (words.OUT, words.IN) for said in of.values() for word in said}))


@settings(max_examples=300, deadline=None)
@given(
    word=_WORDS, before=_NOISE, after=_NOISE, seed=st.integers(0, 1 << 16), form=st.sampled_from(("NFC", "NFD", "NFKC", "NFKD"))
)
def test_what_is_around_and_on_the_letters_changes_nothing(word: str, before: str, after: str, seed: int, form: str) -> None:
    chance = random.Random(seed)
    mixed = "".join(sign.upper() if len(sign.upper()) == 1 and chance.random() < 0.5 else sign for sign in word)
    assert meaning(before + unicodedata.normalize(form, mixed) + after) == meaning(word)  # type: ignore[arg-type]


@settings(max_examples=300, deadline=None)
@given(text=st.text(max_size=80), word=_WORDS)
def test_any_text_is_read_and_another_word_beside_it_makes_a_sentence(text: str, word: str) -> None:
    assert meaning(text) in (None, "out", "in")
    assert meaning(f"{word} xylophone7 {text}") is None
    assert meaning(f"xylophone7 {text} {word}") is None
