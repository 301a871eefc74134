"""What the pages of templates call languages, states, categories and qualities. Words that are not known stay as they are."""

from __future__ import annotations

_LANGUAGES = {
    "ar": "Arabic",
    "bn": "Bengali",
    "cs": "Czech",
    "da": "Danish",
    "de": "German",
    "el": "Greek",
    "en": "English",
    "es": "Spanish",
    "fi": "Finnish",
    "fr": "French",
    "he": "Hebrew",
    "hi": "Hindi",
    "hu": "Hungarian",
    "id": "Indonesian",
    "it": "Italian",
    "ja": "Japanese",
    "ko": "Korean",
    "nb": "Norwegian",
    "nl": "Dutch",
    "pl": "Polish",
    "pt": "Portuguese",
    "ro": "Romanian",
    "ru": "Russian",
    "sv": "Swedish",
    "th": "Thai",
    "tr": "Turkish",
    "uk": "Ukrainian",
    "ur": "Urdu",
    "vi": "Vietnamese",
    "zh": "Chinese",
}
_STATES = {
    "APPROVED": ("Approved", "ok"),
    "PENDING": ("Being reviewed", "warn"),
    "IN_APPEAL": ("Being appealed", "warn"),
    "REJECTED": ("Rejected", "bad"),
    "PAUSED": ("Paused", "bad"),
    "DISABLED": ("Switched off", "bad"),
    "MISSING": ("Unknown to WhatsApp", "bad"),
    "FLAGGED": ("Flagged", "warn"),
    "LIMIT_EXCEEDED": ("Limit reached", "bad"),
    "ARCHIVED": ("Archived", "mute"),
    "PENDING_DELETION": ("Being deleted", "mute"),
    "DELETED": ("Deleted", "mute"),
}
_QUALITIES = {"GREEN": ("Good quality", "ok"), "YELLOW": ("Medium quality", "warn"), "RED": ("Low quality", "bad")}


def language_name(code: str) -> str:
    """Return a language by its code: "English (US)"."""
    base, _, region = code.partition("_")
    name = _LANGUAGES.get(base.lower())
    if name is None:
        return code
    return f"{name} ({region})" if region else name


def state_of(state: str) -> tuple[str, str]:
    """Return (words, tone) of a state."""
    return _STATES.get(state.upper(), (_plain(state), "mute"))


def quality_of(quality: str | None) -> tuple[str, str] | None:
    """Return (words, tone) of a quality, None where there is none yet."""
    if quality is None or quality.upper() == "UNKNOWN":
        return None
    return _QUALITIES.get(quality.upper(), (_plain(quality), "mute"))


def category_of(category: str | None) -> str:
    """Return what the template is charged as."""
    return _plain(category) if category else "No category yet"


def reason_of(reason: str | None) -> str:
    """Return why a template is in its state, in the provider's words."""
    return _plain(reason) if reason else ""


def _plain(word: str) -> str:
    found = word.replace("_", " ").strip()
    return found[:1].upper() + (found[1:].lower() if found.isupper() else found[1:])
