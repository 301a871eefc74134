"""Whom a consent is of: a phone number as people write it, or the provider's own id of a person."""

from __future__ import annotations

import re

import phonenumbers

from konstruct.kit.errors import KonstructError

_OWN = re.compile(r"[A-Z]{2}\.(?:[A-Z]+\.)?[A-Za-z0-9]{1,128}", re.ASCII)
"""What WhatsApp calls a person beside their number."""
_SHORTENED = re.compile(r"\d+(?:[.,]\d+)?[eE]\+?\d+")
_TRUNK = re.compile(r"\(\s*0\s*\)")
"""The zero that is dialled at home and left out from abroad."""
SHORTEST = 7
"""Digits of a whole number, with its country code."""


class PersonIdError(KonstructError):
    """It is no phone number; the error's own text says what to write."""


def region_of(digits: str | None) -> str | None:
    """Return the country of a number in digits with its country code, such as "DE"; None if it has none."""
    if not digits:
        return None
    try:
        found = phonenumbers.region_code_for_number(phonenumbers.parse(f"+{digits}"))
    except phonenumbers.NumberParseException:
        return None
    return None if found in (None, "001") else str(found)


def read_person_id(text: str, region: str | None) -> str:
    """Return the digits of a phone number with its country code, or the provider's id as it is.

    A number that begins with neither "+" nor "00" bears its country code, or is one of `region` as it is dialled there.
    Raises PersonIdError.
    """
    text = " ".join(text.replace("\u00a0", " ").strip(" '\u200e\u200f\u202a\u202c").split())
    if not text:
        raise PersonIdError("is missing: give the phone number with its country code, such as +49 151 12345678")
    if _OWN.fullmatch(text):
        return text
    if _SHORTENED.fullmatch(text):
        raise PersonIdError("was shortened by the spreadsheet: format the column as text and enter the number anew")
    if re.search(r"[A-Za-z]", text):
        raise PersonIdError("is no phone number: give it with its country code, such as +49 151 12345678")
    number = _TRUNK.sub("", text)
    if number.startswith(("+", "00")):
        found = {_digits("+" + number.lstrip("+0 "), None, signed=True)}
    elif number.startswith("0"):
        if region is None:
            raise PersonIdError("has no country code: write it as +49 151 12345678")
        found = {_digits(number, region)}
    else:
        # Where a zero is dialled first at home, a number without one is not from there.
        home = region if region and phonenumbers.ndd_prefix_for_region(region, True) != "0" else None
        found = {_digits(f"+{number}", None), _digits(number, home) if home else None}
    known = found - {None}
    if len(known) > 1:
        raise PersonIdError("may be of two countries: write it with + and its country code")
    if not known:
        raise PersonIdError("is no phone number of any country: give it with its country code, such as +49 151 12345678")
    return str(known.pop())


def _digits(number: str, region: str | None, *, signed: bool = False) -> str | None:
    """`signed`: the country is certain, and newer ranges than are known here are taken as well."""
    try:
        parsed = phonenumbers.parse(number, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(parsed) or not (signed or phonenumbers.is_valid_number(parsed)):
        return None
    digits = str(phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)).lstrip("+")
    return digits if len(digits) >= SHORTEST else None
