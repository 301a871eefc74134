"""Words with which people ask for a human, where a channel has no commands. Only a message that says nothing else counts."""

from __future__ import annotations

import re
import unicodedata

_WORDS = """
human, a human, human please, a human please, agent, live agent, real person
talk to a human, speak to a human, speak to someone, operator
mensch, ein mensch, mitarbeiter, mitarbeiterin, mit einem menschen sprechen, kundendienst
humain, un humain, conseiller, un conseiller, parler a un humain, parler a un conseiller, agent humain
humano, un humano, agente, asesor, hablar con un humano, hablar con una persona, hablar con un agente, persona real
atendente, falar com um humano, falar com uma pessoa, falar com atendente, falar com um atendente
umano, operatore, parlare con un umano, parlare con un operatore, parlare con una persona
mens, medewerker, een mens, een medewerker, met een mens praten
czlowiek, konsultant, rozmowa z konsultantem
insan, temsilci, musteri temsilcisi, bir insanla konusmak istiyorum
человек, оператор, живой человек, позовите оператора
إنسان, موظف, أريد التحدث مع موظف, موظف خدمة العملاء
אדם, נציג, נציג אנושי
इंसान, एजेंट, इंसान से बात करनी है
manusia, bicara dengan manusia, petugas
"""
_NOISE = re.compile(r"[^\w\s]|_", re.UNICODE)


def _plain(text: str) -> str:
    folded = unicodedata.normalize("NFKD", text.casefold().replace("ł", "l").replace("ı", "i"))
    letters = "".join(char for char in folded if unicodedata.category(char) not in ("Mn", "Cf"))
    return " ".join(_NOISE.sub(" ", letters).split())


_PLAIN = frozenset(_plain(word) for line in _WORDS.strip().splitlines() for word in line.split(","))


def wants_human(text: str) -> bool:
    """Return whether the whole message asks for a human: accents, case, signs and emoji do not matter."""
    return len(text) <= 200 and _plain(text) in _PLAIN
