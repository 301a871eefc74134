"""Whether a message is a word with which people end, or take up again, the messages of a business.

The rule: the whole message is the word, whatever the case, the signs, the emoji and the accents around and in it, said once or
several times. A word inside a sentence never counts: "please stop the order" is for the employee.

Of the words, by how they are used otherwise:
- what can be nothing else ("unsubscribe"), and what everybody is told to send ("stop"), counts however it is written;
- what also is an ordinary answer to a question of the business, above all "cancel" in every language, counts in capitals only,
  as it stands in the small print: "Cancelar" is about the appointment, "CANCELAR" is the keyword. Scripts without capitals have
  none of these;
- what is said to anybody about anything is left out: no, enough, later; and what another language says in passing: "para"
  (Spanish: stop, for; Turkish: money), "fine" (Italian: end), "halt", "dur".
Consent by mistake is worse than none, so words of coming back are fewer than words of leaving, and none of them is said in
passing: "anmelden" (a course?), "yes" and "ok" are none.
"""

from __future__ import annotations

import unicodedata
from typing import Literal

Meaning = Literal["out", "in"]

LONGEST = 60
"""Characters: what is longer is no keyword, and is not looked at."""

OUT: dict[str, tuple[str, ...]] = {
    "en": (
        "stop",
        "stop all",
        "unsubscribe",
        "unsubscribe me",
        "opt out",
        "opt me out",
        "quit",
        "revoke",
        "remove me",
        "stop promotions",
        "stop messages",
        "stop messaging me",
        "do not contact me",
        "unsub",
    ),
    "de": ("stopp", "abmelden", "abmeldung", "abbestellen", "austragen", "keine nachrichten mehr", "werbung stoppen"),
    "fr": (
        "arrêt",
        "arrêter",
        "arrêtez",
        "désabonner",
        "désabonnement",
        "désinscrire",
        "désinscription",
        "me désabonner",
        "me désinscrire",
        "désabonnez moi",
        "stop pub",
    ),
    "es": (
        "baja",
        "darme de baja",
        "dar de baja",
        "quiero darme de baja",
        "desuscribir",
        "desuscribirme",
        "parar",
        "detener",
        "no más mensajes",
        "cancelar suscripción",
        "detener promociones",
    ),
    "pt": (
        "pare",
        "parar",
        "sair",
        "descadastrar",
        "descadastre me",
        "cancelar inscrição",
        "parar promoções",
        "não receber mais",
    ),
    "it": (
        "disiscrivi",
        "disiscrivimi",
        "disiscrizione",
        "disiscrivermi",
        "cancellami",
        "ferma",
        "fermare",
        "annulla iscrizione",
    ),
    "nl": ("afmelden", "uitschrijven", "uitschrijving", "stoppen", "stop ermee", "meld mij af"),
    "pl": ("wypisz", "wypisz mnie", "wypisuję się", "nie chcę wiadomości"),
    "tr": ("durdur", "durdurun", "ayrıl", "abonelikten çık", "üyelikten çık", "aboneliği iptal et"),
    "ar": ("توقف", "أوقف", "إيقاف", "قف", "ستوب", "إلغاء الاشتراك", "الغاء الاشتراك", "إيقاف الرسائل", "أوقفوا الرسائل"),
    "he": ("הסר", "הסרה", "להסרה", "הסירו אותי", "הסר אותי", "עצור", "הפסק", "להפסיק", "סטופ"),
    "ru": ("стоп", "отписаться", "отписка", "отпишите меня", "отпишите", "отписать"),
    "uk": ("відписатися", "відписатись", "відпишіть мене"),
    "hi": ("रोकें", "रोको", "रोकिए", "बंद करें", "बंद करो", "बंद कीजिए", "स्टॉप", "सदस्यता समाप्त करें", "सदस्यता रद्द करें"),
    "id": ("berhenti", "berhenti berlangganan", "stop promo", "unreg", "hentikan"),
    "sv": ("avregistrera", "avregistrera mig", "avsluta prenumeration", "avprenumerera"),
    "da": ("afmeld", "afmeld mig", "frameld"),
    "nb": ("avmeld", "meld meg av", "stans"),
    "fi": ("lopeta", "lopeta viestit", "peruuta tilaus"),
    "cs": ("odhlásit", "odhlásit se", "odhlásiť"),
    "hu": ("leiratkozás", "leiratkozom", "leiratkozni"),
    "ro": ("dezabonare", "dezabonează", "dezabonați mă", "oprire"),
    "el": ("στοπ", "διακοπή", "απεγγραφή"),
    "vi": ("dừng", "ngừng", "hủy đăng ký"),
    "zh": ("退订", "退訂", "停止", "取消订阅", "取消訂閱"),
    "ja": ("配信停止", "停止", "ストップ", "登録解除"),
    "ko": ("수신거부", "중지", "구독취소", "스톱"),
    "th": ("หยุด", "เลิกรับข้อความ", "ยกเลิกการติดตาม"),
}
"""What ends the messages, however it is written, by language."""

OUT_IN_CAPITALS: dict[str, tuple[str, ...]] = {
    "en": ("CANCEL", "END"),
    "de": ("ENDE", "KÜNDIGEN"),
    "fr": ("ANNULER", "RÉSILIER"),
    "es": ("CANCELAR", "ALTO", "BASTA"),
    "pt": ("CANCELAR", "CANCELE", "REMOVER"),
    "it": ("ANNULLA", "CANCELLA", "BASTA"),
    "nl": ("ANNULEREN",),
    "pl": ("ANULUJ", "REZYGNUJĘ", "REZYGNACJA", "ZATRZYMAJ"),
    "tr": ("İPTAL", "ÇIKIŞ", "RET"),
    "ru": ("ОТМЕНА", "ОТКАЗ"),
    "id": ("BATAL", "KELUAR"),
    "sv": ("AVSLUTA", "SLUTA"),
}
"""What ends them as a keyword alone, by language."""

IN: dict[str, tuple[str, ...]] = {
    "en": ("start", "unstop", "subscribe", "resubscribe", "opt in", "opt me in", "resume promotions"),
    "de": ("starten", "abonnieren", "wieder anmelden"),
    "fr": ("démarrer", "réabonner", "réabonnement", "me réabonner", "s'abonner"),
    "es": ("iniciar", "suscribirme", "darme de alta"),
    "pt": ("recomeçar", "inscrever me", "quero receber"),
    "it": ("iscrivimi", "inizia"),
    "nl": ("weer aanmelden", "schrijf mij in"),
    "pl": ("zapisz mnie", "subskrybuj"),
    "tr": ("başlat", "abone ol"),
    "ar": ("ابدأ", "اشتراك", "اشترك", "ستارت"),
    "he": ("התחל", "סטארט"),
    "ru": ("старт", "подписаться", "подписка"),
    "uk": ("підписатися",),
    "hi": ("स्टार्ट", "सदस्यता लें", "शुरू करें"),
    "id": ("mulai", "berlangganan"),
}
"""What takes them up again, by language."""

# Letters that are other letters with a sign, but have no decomposition of their own.
_LETTERS = str.maketrans({"ı": "i", "ł": "l", "ø": "o", "đ": "d", "æ": "ae", "œ": "oe", "ـ": None})


def plain(text: str) -> str:
    """Return the words of `text` alone, one space between them: without case, accents, signs, emoji and marks of direction."""
    letters: list[str] = []
    for sign in unicodedata.normalize("NFKD", text.casefold()).translate(_LETTERS):
        kind = unicodedata.category(sign)
        if kind[0] in "LN" or kind == "Mc":
            letters.append(sign)
        elif kind[0] not in "M" and kind != "Cf" and sign not in "'\u2019.":
            letters.append(" ")
    return " ".join("".join(letters).split())


def _said(text: str) -> str:
    # A word said several times is that word; "opt-out", "opt out" and "optout" are one.
    words = plain(text).split()
    return words[0] if len(set(words)) == 1 else "".join(words)


def _table(of: dict[str, tuple[str, ...]]) -> dict[str, str]:
    languages: dict[str, str] = {}
    for language, words in of.items():
        for word in words:
            languages.setdefault(_said(word), language)
    return languages


_OUT, _OUT_IN_CAPITALS, _IN = _table(OUT), _table(OUT_IN_CAPITALS), _table(IN)


def _lookup(text: str) -> tuple[Meaning, str] | None:
    if len(text) > LONGEST:
        return None
    said = _said(text)
    if said in _OUT:
        return "out", _OUT[said]
    if said in _OUT_IN_CAPITALS and text == text.upper():
        return "out", _OUT_IN_CAPITALS[said]
    return ("in", _IN[said]) if said in _IN else None


def meaning(text: str) -> Meaning | None:
    """Return what the message says of being written to: "out" no more, "in" again; None: it is a message like any other."""
    found = _lookup(text)
    return found[0] if found else None


def language(text: str) -> str:
    """Return the language of the word that a message is ("en" for words of several languages, and where there is none)."""
    found = _lookup(text)
    return found[1] if found else "en"
