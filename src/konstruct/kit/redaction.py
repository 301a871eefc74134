"""Redaction by form: the second line of defence, for what slipped through the rules on which fields are logged at all."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from konstruct.kit.text import storable

TEXT_MAX = 2000
"""Characters kept of one string. A bound on the work per log line, and on the line."""
_DEPTH_MAX = 6

_SENSITIVE = frozenset(
    "token secret password passwd authorization cookie set-cookie text body content name signature payload headers header "
    "params args kwargs prompt answer reply message email phone subject title persona dsn credential credentials "
    "private_key api_key apikey key data html markdown query input output arguments".split()
)
_SENSITIVE_ENDS = ("_token", "_secret", "_password", "_text", "_body", "_content", "_name", "_cookie", "_key", "_email", "_phone")

_UUID = re.compile(r"((?<![0-9A-Za-z])[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?![0-9A-Za-z]))", re.IGNORECASE)
_URL_PASSWORD = re.compile(r"(://[^\s:/@]{0,256}:)[^\s@]{1,512}@")
_HEADER = re.compile(r"\b(bearer|basic)\s+[a-z0-9._~+/=-]{6,}", re.IGNORECASE)
_PAIR = re.compile(
    r"\b((?:[a-z]{1,24}[_-]){0,3}(?:token|secret|password|passwd|authorization|cookie|api[_-]?key|signature|access[_-]?key))"
    r"(\\?[\"']?\s{0,3}[:=]\s{0,3}\\?[\"']?)[^\s\"',;&}\\]+",
    re.IGNORECASE,
)
_SLACK = re.compile(r"(?:xox[a-z]|xapp)[-.][\w.%-]{4,}", re.IGNORECASE)
_JWT = re.compile(r"\beyJ[\w-]{6,}\.[\w-]{6,}(?:\.[\w-]*)?")
_PREFIXED = re.compile(r"\b(?:sk|pk|rk|ghp|gho|ghs|glpat|whsec)[-_][\w-]{12,}")
_EMAIL = re.compile(r"[\w.+%'-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+")
_IBAN = re.compile(r"(?<![0-9A-Za-z])[A-Za-z]{2}\d{2}(?:[ -]?[A-Za-z0-9]){11,30}")
_DIGITS = re.compile(r"(?<![\w])\+?\(?\d(?:[ ()/.-]{0,3}\d){7,30}(?!\w)")
_LONG = re.compile(r"[A-Za-z0-9+/_-]{32,}={0,2}")
_HEX = re.compile(r"[0-9a-fA-F]{32,}")


def redact_text(text: str) -> str:
    """Return `text`, at most TEXT_MAX characters of it, with every secret and personal number of a known form replaced.

    Known forms: Slack tokens, bearer and basic headers, passwords in URLs, `key=value` of secret keys, JSON web tokens,
    e-mail addresses, phone-like numbers, cards (Luhn), IBANs (mod 97), and hex or base64 of 32 characters or more.
    UUIDs stay: they are how a log line is found again.
    """
    text = storable(text if len(text) <= TEXT_MAX else text[:TEXT_MAX] + "…")
    text = _URL_PASSWORD.sub(r"\1[password]@", text)
    text = _HEADER.sub(r"\1 [secret]", text)
    text = _PAIR.sub(r"\1\2[secret]", text)
    pieces = _UUID.split(text)
    pieces[::2] = [_redact_piece(piece) if len(piece) > 5 else piece for piece in pieces[::2]]
    return "".join(pieces)


def redact_value(value: Any, *, depth: int = 0) -> Any:
    """Return `value` as plain JSON data with every string redacted, and nothing kept under a sensitive key.

    An object of a type JSON does not have becomes the name of its type: its text could hold anything.
    """
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return redact_text(value)
    if depth >= _DEPTH_MAX:
        return "[deep]"
    if isinstance(value, Mapping):
        return {
            redact_text(str(key)): "[redacted]" if sensitive(str(key)) else redact_value(item, depth=depth + 1)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple | set | frozenset):
        return [redact_value(item, depth=depth + 1) for item in value]
    return f"<{type(value).__name__}>"


def sensitive(key: str) -> bool:
    """Return whether a value under `key` is never shown, whatever it holds."""
    key = key.lower()
    return key in _SENSITIVE or key.endswith(_SENSITIVE_ENDS)


def luhn(digits: str) -> bool:
    """Return whether a string of digits carries a valid card check digit (ISO/IEC 7812-1)."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def mod97(iban: str) -> bool:
    """Return whether a compact upper-case IBAN carries valid check digits (ISO 13616)."""
    return int("".join(str(int(char, 36)) for char in iban[4:] + iban[:4])) % 97 == 1


def _redact_piece(text: str) -> str:
    if "x" in text or "X" in text:
        text = _SLACK.sub("[secret]", text)
    if "eyJ" in text:
        text = _JWT.sub("[secret]", text)
    text = _PREFIXED.sub("[secret]", text)
    if "@" in text:
        text = _EMAIL.sub("[email]", text)
    text = _without_ibans(text)
    text = _LONG.sub(_long, text)
    return _DIGITS.sub(_digits, text)


def _without_ibans(text: str) -> str:
    pieces: list[str] = []
    at = 0
    while match := _IBAN.search(text, at):
        length = _iban_length(match.group())
        # What only looks like one may still hold one, after its first letters.
        after = match.start() + (length or 2)
        pieces += [text[at : match.start()], "[iban]" if length else text[match.start() : after]]
        at = after
    return "".join([*pieces, text[at:]])


def _iban_length(found: str) -> int:
    """Return how many characters of `found` are an IBAN, 0 for none.

    The pattern runs on into the words that follow, so every length that an IBAN can have is tried, the longest first.
    """
    ends = [place + 1 for place, char in enumerate(found) if char.isalnum()]
    compact = "".join(char for char in found if char.isalnum()).upper()
    lengths = range(min(34, len(ends)), 14, -1) if compact.isascii() else ()
    return next((ends[length - 1] for length in lengths if mod97(compact[:length])), 0)


def _long(match: re.Match[str]) -> str:
    found = match.group()
    if _HEX.search(found):
        return "[secret]"
    has_digit = any(char.isdigit() for char in found)
    mixed = has_digit and found.lower() != found and found.upper() != found
    # A path of lower-case words is not a secret, though base64 could spell it.
    plain = has_digit and not {"/", "_"} & set(found)
    return "[secret]" if mixed or plain else found


def _digits(match: re.Match[str]) -> str:
    found = match.group()
    digits = "".join(char for char in found if char.isdigit())
    # Cards are written with spaces or dashes; a dot is in what Slack calls a time, 16 digits too.
    if "." not in found and any(luhn(digits[start : start + size]) for start, size in _windows(len(digits))):
        return "[card]"
    if found[0] == "+" or 9 <= len(digits) <= 15:
        return "[number]"
    return found


def _windows(length: int) -> list[tuple[int, int]]:
    """Start and size of every run of 13 to 19 digits, the sizes of card numbers, among `length` digits."""
    return [(start, size) for size in range(13, 20) for start in range(length - size + 1)]
