"""What somebody has consented to, and the evidence of it, as people write it into forms, files and requests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Literal, get_args

from konstruct.conversations.consent.times import TimeError, read_time
from konstruct.kit.errors import KonstructError
from konstruct.kit.text import storable

Purpose = Literal["marketing", "utility", "any"]
"""What the messages are for: offers; what somebody has ordered or booked; or both."""
PURPOSES: tuple[Purpose, ...] = get_args(Purpose)

HOW_MAX, WORDING_MAX, VERSION_MAX, PROOF_MAX = 200, 4000, 100, 2000
OLDEST = datetime(1990, 1, 1, tzinfo=UTC)
_SLACK = timedelta(minutes=2)
"""Clocks differ by as much."""
_PURPOSE_WORDS: dict[str, Purpose] = {
    "marketing": "marketing", "offers": "marketing", "promotions": "marketing", "werbung": "marketing",
    "utility": "utility", "service": "utility", "transactional": "utility", "updates": "utility", "orders": "utility",
    "any": "any", "all": "any", "both": "any", "marketing and utility": "any", "utility and marketing": "any", "alle": "any",
}  # fmt: skip


class EvidenceError(KonstructError):
    """The evidence is not complete; `errors` says of each field what is wrong, and what to do."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{name}: {said}" for name, said in errors.items()))
        self.errors = dict(errors)


@dataclass(frozen=True, slots=True)
class Evidence:
    """One consent: what for, and when, how, in which words, and what proves it."""

    purpose: Purpose
    how: str = field(repr=False)
    wording: str = field(repr=False)
    proof: str = field(repr=False)
    obtained_at: datetime
    version: str | None = field(default=None, repr=False)
    expires_at: datetime | None = None


def read_evidence(values: Mapping[str, str], zone: tzinfo, now: datetime) -> Evidence:
    """Return the evidence that the fields `purpose`, `how`, `wording`, `version`, `proof`, `obtained_at` and `expires_at` are.

    Times without an offset are in `zone`. Raises EvidenceError.
    """
    errors: dict[str, str] = {}
    texts = {
        "how": _text(values, "how", HOW_MAX, "say how they agreed, such as: form on our website, on paper", errors),
        "wording": _text(values, "wording", WORDING_MAX, "give the sentence that they agreed to, word by word", errors),
        "proof": _text(values, "proof", PROOF_MAX, "say what proves it: a link, a file's name, a number of the form", errors),
    }
    version = _text(values, "version", VERSION_MAX, "", errors) or None
    purpose = _PURPOSE_WORDS.get(" ".join(values.get("purpose", "").casefold().split()))
    if purpose is None:
        errors["purpose"] = "is none: write marketing, utility or any"
    obtained_at = _time(values, "obtained_at", zone, errors)
    expires_at = _time(values, "expires_at", zone, errors) if values.get("expires_at", "").strip() else None
    if obtained_at is not None and obtained_at > now + _SLACK:
        errors["obtained_at"] = "lies in the future: give the day on which they agreed"
    elif obtained_at is not None and obtained_at < OLDEST:
        errors["obtained_at"] = "lies before 1990: give the day on which they agreed"
    if obtained_at and expires_at and expires_at <= obtained_at:
        errors["expires_at"] = "lies before the day on which they agreed"
    if errors or purpose is None or obtained_at is None:
        raise EvidenceError(errors)
    return Evidence(purpose, texts["how"], texts["wording"], texts["proof"], min(obtained_at, now), version, expires_at)


def _text(values: Mapping[str, str], name: str, most: int, missing: str, errors: dict[str, str]) -> str:
    text = storable(values.get(name, "")).strip()
    if not text and missing:
        errors[name] = f"is missing: {missing}"
    elif len(text) > most:
        errors[name] = f"has {len(text):,} characters, and may have {most:,}"
    elif text[:1] in ("=", "@") or (text[:1] in ("+", "-") and text[1:2].isalnum()):
        errors[name] = f"begins with {text[0]}, as a formula of a spreadsheet does: write it as text"
    return text


def _time(values: Mapping[str, str], name: str, zone: tzinfo, errors: dict[str, str]) -> datetime | None:
    try:
        return read_time(values.get(name, ""), zone)
    except TimeError as error:
        errors[name] = str(error)
        return None
